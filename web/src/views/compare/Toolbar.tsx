import { ArrowLeft, Flame, Link2, RotateCcw, Target, ZoomIn, ZoomOut } from "lucide-preact";
import { compare } from "../../state";
import { CT_PRESETS } from "../../viewer/pane";
import type { Panes } from "./compared";
import { zoomed } from "./linked";

interface Props {
  panes: Panes;
  /** null where nothing explains the match. */
  heat: boolean | null;
  onHeat: (on: boolean) => void;
  hasMatch: boolean;
}

export function Toolbar({ panes, heat, onHeat, hasMatch }: Props) {
  const ct = Object.values(panes.panes).some((pane) => pane?.hounsfield);
  return (
    <div class="row" role="toolbar" aria-label="Viewer">
      <button data-testid="compare-close" onClick={() => compare(null)}>
        <ArrowLeft aria-hidden="true" />
        Hits
      </button>
      {ct &&
        CT_PRESETS.map(([name, window]) => (
          <button
            key={name}
            data-testid={`preset-${name.toLowerCase().replace(" ", "-")}`}
            onClick={() => panes.preset(window)}
          >
            {name}
          </button>
        ))}
      <button aria-label="Zoom in" data-testid="zoom-in" onClick={() => panes.toView(zoomed(panes.view, 1.25))}>
        <ZoomIn aria-hidden="true" />
      </button>
      <button aria-label="Zoom out" data-testid="zoom-out" onClick={() => panes.toView(zoomed(panes.view, 0.8))}>
        <ZoomOut aria-hidden="true" />
      </button>
      <button data-testid="viewer-reset" onClick={panes.reset}>
        <RotateCcw aria-hidden="true" />
        Reset
      </button>
      <button aria-pressed={panes.linked} data-testid="link-panes" onClick={() => panes.setLinked(!panes.linked)}>
        <Link2 aria-hidden="true" />
        Linked
      </button>
      {heat !== null && (
        <button aria-pressed={heat} data-testid="heat-toggle" onClick={() => onHeat(!heat)}>
          <Flame aria-hidden="true" />
          What matched
        </button>
      )}
      {hasMatch && (
        <button data-testid="best-slice" onClick={() => void panes.toMatch()}>
          <Target aria-hidden="true" />
          Best pair of slices
        </button>
      )}
      <span class="note push">drag: window · wheel: slice or zoom · Shift and drag: move</span>
    </div>
  );
}
