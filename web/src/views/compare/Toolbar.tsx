/** The buttons of the compare view. What has a key says so in its title. */
import {
  Angle as AngleIcon,
  ArrowLeft,
  ChevronLeft,
  ChevronRight,
  Contrast,
  Expand,
  Flame,
  Grid2x2,
  Link2,
  RotateCcw,
  RotateCw,
  Ruler,
  SquareDashed,
  Trash2,
  TrianglesCenterlineDashedVertical,
  ZoomIn,
  ZoomOut,
  type LucideIcon,
} from "lucide-preact";
import { move } from "../../keyboard";
import { selectedId, shown } from "../../search";
import { compare } from "../../state";
import type { SlicePair } from "../../types";
import { CT_PRESETS, sameWindow } from "../../viewer/pane";
import { NAMES, type Panes } from "./compared";
import { zoomed } from "./linked";
import type { Tool, Tools } from "./tools";

interface Props {
  panes: Panes;
  tools: Tools;
  /** null where nothing explains the match. */
  heat: boolean | null;
  onHeat: (on: boolean) => void;
  pairs: readonly SlicePair[];
  onFull: () => void;
  planes: boolean;
  onPlanes: (on: boolean) => void;
}

export function Toolbar({ panes, tools, heat, onHeat, pairs, onFull, planes, onPlanes }: Props) {
  const at = shown.value.findIndex((hit) => hit.id === selectedId.value);
  const anyDrawn = NAMES.some((name) => tools.marks[name].length || tools.solids[name]);
  return (
    <div class="row" role="toolbar" aria-label="Viewer">
      <button data-testid="compare-close" title="Back to the hits (Escape)" onClick={() => compare(null)}>
        <ArrowLeft aria-hidden="true" />
        Hits
      </button>
      <span class="row tight">
        <Act icon={ChevronLeft} label="Previous hit (k)" testid="previous-hit" disabled={at <= 0} onClick={() => move(-1)} />
        <Act icon={ChevronRight} label="Next hit (j)" testid="next-hit" disabled={at < 0 || at + 1 >= shown.value.length} onClick={() => move(1)} />
      </span>
      <Presets panes={panes} />
      <span class="row tight">
        <Act icon={ZoomIn} label="Zoom in" testid="zoom-in" onClick={() => panes.toView(zoomed(panes.view, 1.25))} />
        <Act icon={ZoomOut} label="Zoom out" testid="zoom-out" onClick={() => panes.toView(zoomed(panes.view, 0.8))} />
        <Act icon={Contrast} label="Invert (i)" testid="invert" pressed={panes.inverted[panes.active]} onClick={panes.invert} />
        <Act icon={RotateCw} label="Turn right (r)" testid="turn" onClick={panes.turnRight} />
        <Act icon={TrianglesCenterlineDashedVertical} label="Mirror left to right (m)" testid="mirror" onClick={panes.mirror} />
        <Act icon={Expand} label="Full screen (f)" testid="full-screen" onClick={onFull} />
      </span>
      <span class="row tight">
        {NAMES.some((name) => (panes.panes[name]?.slices ?? 1) > 1) && (
          <Act icon={Grid2x2} label="Three planes of a volume (p)" testid="planes" pressed={planes} onClick={() => onPlanes(!planes)} />
        )}
        {TOOLS.map(([tool, icon, label]) => (
          <Act key={tool} icon={icon} label={label} testid={`tool-${tool}`} pressed={tools.tool === tool} onClick={() => tools.toggle(tool)} />
        ))}
        {anyDrawn && <Act icon={Trash2} label="Take all measures and boxes away" testid="clear-drawn" onClick={() => tools.clear(NAMES)} />}
      </span>
      <button data-testid="viewer-reset" onClick={panes.reset}>
        <RotateCcw aria-hidden="true" />
        Reset
      </button>
      <button
        aria-pressed={panes.linked}
        data-testid="link-panes"
        title="Window, zoom, turns and slices move together: in HU and in millimetres where both sides know them"
        onClick={() => panes.link(!panes.linked)}
      >
        <Link2 aria-hidden="true" />
        Linked
      </button>
      {heat !== null && (
        <button aria-pressed={heat} data-testid="heat-toggle" onClick={() => onHeat(!heat)}>
          <Flame aria-hidden="true" />
          What matched
        </button>
      )}
      <Pairs panes={panes} pairs={pairs} />
    </div>
  );
}

const TOOLS: ReadonlyArray<readonly [Exclude<Tool, "window">, LucideIcon, string]> = [
  ["length", Ruler, "Measure a length (l)"],
  ["angle", AngleIcon, "Measure an angle (a)"],
  ["box", SquareDashed, "Draw a box to search for (b)"],
];

interface ActProps {
  icon: LucideIcon;
  label: string;
  testid: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}

function Act({ icon: Icon, label, testid, onClick, pressed, disabled = false }: ActProps) {
  return (
    <button aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} data-testid={testid} onClick={onClick}>
      <Icon aria-hidden="true" />
    </button>
  );
}

/** Where some pane knows Hounsfield units; the one that is on is marked. */
function Presets({ panes }: { panes: Panes }) {
  const known = NAMES.map((name) => panes.panes[name]).filter((pane) => pane?.hounsfield);
  if (!known.length) return null;
  return (
    <span class="row tight" role="group" aria-label="Windows of CT">
      {CT_PRESETS.map(([name, window]) => (
        <button
          key={name}
          aria-pressed={known.every((pane) => sameWindow(pane!.window(), window))}
          data-testid={`preset-${name.toLowerCase().replace(" ", "-")}`}
          onClick={() => panes.preset(window)}
        >
          {name}
        </button>
      ))}
    </span>
  );
}

/** The pairs of slices with the most in common, best first, each with a jump. */
function Pairs({ panes, pairs }: { panes: Panes; pairs: readonly SlicePair[] }) {
  if (!pairs.length) return null;
  const at = NAMES.map((name) => panes.panes[name]?.slice());
  return (
    <span class="row tight" role="group" aria-label="Best pairs of slices" data-testid="best-pairs">
      <span class="note">Best pairs</span>
      {pairs.map((pair, rank) => (
        <button
          key={rank}
          data-testid={rank ? `best-slice-${rank + 1}` : "best-slice"}
          aria-pressed={at[0] === pair.query_slice && at[1] === pair.slice}
          title={`Slice ${pair.query_slice + 1} of the query and ${pair.slice + 1} of the hit, cosine ${pair.score.toFixed(3)}`}
          onClick={() => void panes.toPair(pair)}
        >
          {`${pair.query_slice + 1} ~ ${pair.slice + 1}`}
        </button>
      ))}
    </span>
  );
}
