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
import { fixed, messages } from "../../messages";
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
  const words = messages.value.compare;
  const at = shown.value.findIndex((hit) => hit.id === selectedId.value);
  const anyDrawn = NAMES.some((name) => tools.marks[name].length || tools.solids[name]);
  return (
    <div class="row" role="toolbar" aria-label={words.toolbar}>
      <button data-testid="compare-close" title={words.backTitle} onClick={() => compare(null)}>
        <ArrowLeft aria-hidden="true" />
        {words.hits}
      </button>
      <span class="row tight">
        <Act icon={ChevronLeft} label={words.previous} testid="previous-hit" disabled={at <= 0} onClick={() => move(-1)} />
        <Act icon={ChevronRight} label={words.next} testid="next-hit" disabled={at < 0 || at + 1 >= shown.value.length} onClick={() => move(1)} />
      </span>
      <Presets panes={panes} />
      <span class="row tight">
        <Act icon={ZoomIn} label={words.zoomIn} testid="zoom-in" onClick={() => panes.toView(zoomed(panes.view, 1.25))} />
        <Act icon={ZoomOut} label={words.zoomOut} testid="zoom-out" onClick={() => panes.toView(zoomed(panes.view, 0.8))} />
        <Act icon={Contrast} label={words.invert} testid="invert" pressed={panes.inverted[panes.active]} onClick={panes.invert} />
        <Act icon={RotateCw} label={words.turn} testid="turn" onClick={panes.turnRight} />
        <Act icon={TrianglesCenterlineDashedVertical} label={words.mirror} testid="mirror" onClick={panes.mirror} />
        <Act icon={Expand} label={words.full} testid="full-screen" onClick={onFull} />
      </span>
      <span class="row tight">
        {NAMES.some((name) => (panes.panes[name]?.slices ?? 1) > 1) && (
          <Act icon={Grid2x2} label={words.planes} testid="planes" pressed={planes} onClick={() => onPlanes(!planes)} />
        )}
        {TOOLS.map(([tool, icon]) => (
          <Act key={tool} icon={icon} label={words.tools[tool]} testid={`tool-${tool}`} pressed={tools.tool === tool} onClick={() => tools.toggle(tool)} />
        ))}
        {anyDrawn && <Act icon={Trash2} label={words.clear} testid="clear-drawn" onClick={() => tools.clear(NAMES)} />}
      </span>
      <button data-testid="viewer-reset" onClick={panes.reset}>
        <RotateCcw aria-hidden="true" />
        {words.reset}
      </button>
      <button
        aria-pressed={panes.linked}
        data-testid="link-panes"
        title={words.linkedTitle}
        onClick={() => panes.link(!panes.linked)}
      >
        <Link2 aria-hidden="true" />
        {words.linked}
      </button>
      {heat !== null && (
        <button aria-pressed={heat} data-testid="heat-toggle" onClick={() => onHeat(!heat)}>
          <Flame aria-hidden="true" />
          {words.heat}
        </button>
      )}
      <Pairs panes={panes} pairs={pairs} />
    </div>
  );
}

const TOOLS: ReadonlyArray<readonly [Exclude<Tool, "window">, LucideIcon]> = [
  ["length", Ruler],
  ["angle", AngleIcon],
  ["box", SquareDashed],
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
    <span class="row tight" role="group" aria-label={messages.value.compare.windows}>
      {CT_PRESETS.map(([name, window]) => (
        <button
          key={name}
          aria-pressed={known.every((pane) => sameWindow(pane!.window(), window))}
          data-testid={`preset-${name.toLowerCase().replace(" ", "-")}`}
          onClick={() => panes.preset(window)}
        >
          {messages.value.compare.preset[name] ?? name}
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
    <span class="row tight" role="group" aria-label={messages.value.compare.pairs} data-testid="best-pairs">
      <span class="note">{messages.value.compare.bestPairs}</span>
      {pairs.map((pair, rank) => (
        <button
          key={rank}
          data-testid={rank ? `best-slice-${rank + 1}` : "best-slice"}
          aria-pressed={at[0] === pair.query_slice && at[1] === pair.slice}
          title={messages.value.compare.pair(pair.query_slice + 1, pair.slice + 1, fixed(pair.score, 3))}
          onClick={() => void panes.toPair(pair)}
        >
          {`${pair.query_slice + 1} ~ ${pair.slice + 1}`}
        </button>
      ))}
    </span>
  );
}
