/** Query and hit side by side, in real viewers, with the matching pair of slices first. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { fixed, messages } from "../../messages";
import { asking, compare } from "../../state";
import type { Hit } from "../../types";
import { factsOf } from "../../ui/facts";
import { USUAL } from "../../viewer/glow";
import type { Subject } from "../../viewer/open";
import { NAMES, usePanes, useSubjects, type Name } from "./compared";
import { HeatScale } from "./HeatScale";
import { useViewerKeys } from "./keys";
import { PaneView } from "./PaneView";
import { Toolbar } from "./Toolbar";
import { useTools } from "./tools";

export function CompareView({ id }: { id: string }) {
  const { subjects, explanation, asked, hit, match } = useSubjects(id);
  const panes = usePanes(match);
  const tools = useTools();
  const [heat, setHeat] = useState(false);
  const [glowing, setGlowing] = useState(USUAL);
  const [planes, setPlanes] = useState(false);
  const section = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    section.current?.focus();
    return () => before?.focus();
  }, []);
  useEffect(() => tools.clear(["hit"]), [id]);
  const full = (): void => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void section.current?.requestFullscreen();
  };
  useViewerKeys({ panes, tools, full, planes: () => setPlanes(!planes) });
  /** What is being drawn ends first, then the tool, then the view. */
  const leave = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    if (tools.drawing) tools.drop();
    else if (tools.tool !== "window") tools.toggle(tools.tool);
    else compare(null);
  };
  return (
    <section ref={section} class="compare" aria-label={messages.value.compare.title} tabIndex={-1} data-testid="compare" onKeyDown={leave}>
      <Toolbar
        panes={panes}
        tools={tools}
        heat={explanation && heat}
        onHeat={setHeat}
        pairs={explanation?.pairs.length ? explanation.pairs : match ? [match] : []}
        onFull={full}
        planes={planes}
        onPlanes={setPlanes}
      />
      {heat && explanation && <HeatScale glowing={glowing} onGlowing={setGlowing} />}
      <div class="panes">
        {NAMES.map((name) => (
          <PaneView
            key={name}
            name={name}
            title={name === "query" ? messages.value.compare.query : titleOf(hit)}
            about={aboutOf(name, subjects[name], hit)}
            subject={subjects[name] ?? null}
            absent={name === "query" && !asked}
            panes={panes}
            tools={tools}
            heat={heat ? (explanation?.[name] ?? null) : null}
            glowing={glowing}
            planes={planes}
          />
        ))}
      </div>
    </section>
  );
}

const titleOf = (hit: Hit | null): string =>
  hit
    ? messages.value.compare.number(hit.rank, hit.percentile == null ? null : fixed(hit.percentile, 1))
    : messages.value.compare.record;

function aboutOf(name: Name, subject: Subject | undefined, hit: Hit | null): string {
  const { asked } = asking.value;
  if (name === "query") return asked?.kind === "upload" || asked?.kind === "uploads" ? asked.name : (subject?.name ?? "");
  return hit ? [hit.labels.join(", "), factsOf(hit.attributes)].filter(Boolean).join(" · ") : (subject?.name ?? "");
}
