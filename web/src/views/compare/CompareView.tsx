/** Query and hit side by side, in real viewers, with the matching pair of slices first. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asking, compare } from "../../state";
import type { Hit } from "../../types";
import { factsOf } from "../../ui/facts";
import type { Subject } from "../../viewer/open";
import { NAMES, usePanes, useSubjects, type Name } from "./compared";
import { moved, zoomed } from "./linked";
import { PaneView } from "./PaneView";
import { Toolbar } from "./Toolbar";

export function CompareView({ id }: { id: string }) {
  const { subjects, explanation, asked, hit, match } = useSubjects(id);
  const panes = usePanes(match);
  const [heat, setHeat] = useState(false);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    section.current?.focus();
    return () => before?.focus();
  }, []);
  const leave = (event: KeyboardEvent): void => {
    if (event.key === "Escape") compare(null);
  };
  return (
    <section
      ref={section}
      class="compare"
      aria-label="Compare"
      tabIndex={-1}
      data-testid="compare"
      onKeyDown={leave}
    >
      <Toolbar panes={panes} heat={explanation && heat} onHeat={setHeat} hasMatch={match !== null} />
      <div class="panes">
        {NAMES.map((name) => (
          <PaneView
            key={name}
            name={name}
            title={name === "query" ? "Query" : titleOf(hit)}
            about={aboutOf(name, subjects[name], hit)}
            subject={subjects[name] ?? null}
            absent={name === "query" && !asked}
            pane={panes.panes[name] ?? null}
            onOpen={(pane) => panes.opened(name, pane)}
            matching={panes.matching[name]}
            heat={heat ? (explanation?.[name] ?? null) : null}
            onSlice={(slice) => void panes.toSlice(name, slice)}
            onWindow={(window) => panes.toWindow(name, window)}
            onZoom={(by) => panes.toView(zoomed(panes.view, by))}
            onMove={(right, down) => panes.toView(moved(panes.view, right, down))}
          />
        ))}
      </div>
    </section>
  );
}

const titleOf = (hit: Hit | null): string =>
  hit ? `Number ${hit.rank}${hit.percentile == null ? "" : ` · ${hit.percentile.toFixed(1)}%`}` : "Record";

function aboutOf(name: Name, subject: Subject | undefined, hit: Hit | null): string {
  const { asked } = asking.value;
  if (name === "query") return asked?.kind === "upload" || asked?.kind === "uploads" ? asked.name : (subject?.name ?? "");
  return hit ? [hit.labels.join(", "), factsOf(hit.attributes)].filter(Boolean).join(" · ") : (subject?.name ?? "");
}
