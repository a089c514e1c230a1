/** A patient's studies in time: days along a line, each study as its picture that is most alike. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { fixed, messages } from "../../messages";
import { hits, result, selectedId } from "../../search";
import { asking, searchFor } from "../../state";
import type { Hit, Timeline, TimelineStudy } from "../../types";
import { Picture } from "../../ui/Picture";
import { marks, sinceQuery, spots } from "./timeline";

const SIZE = 52; // pixels of a thumbnail with the room around it
const AXIS = 26;

/** Of the patient of a hit, if more than one study is known of them. Asked for only where a hit is stayed at. */
export function TimeLine({ hit }: { hit: Hit }) {
  const words = messages.value.search;
  const [line, setLine] = useState<Timeline | null>(null);
  const { asked, space, ownPatient } = asking.value;
  const like = asked?.kind === "record" || asked?.kind === "study" ? asked.id : null;
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => void api.timeline(hit.id, like, space, abort.signal).then(setLine, () => undefined), 150);
    return () => (clearTimeout(timer), abort.abort());
  }, [hit.id, like, space]);
  const dated = line?.studies.filter((study) => study.day !== null) ?? [];
  if (!line || line.studies.length < 2) return null;
  const query = ownPatient === "earlier" ? (result.value?.query_day ?? null) : null;
  return (
    <section data-testid="timeline">
      <h3>
        {words.patientInTime(ownPatient === "earlier" ? null : hit.rank)}
      </h3>
      {dated.length > 0 && <Line studies={dated} own={line.study_id} query={query} />}
      {dated.length < line.studies.length && (
        <p class="note">{words.noDay(line.studies.length - dated.length)}</p>
      )}
      <p class="note">
        {words.days(like !== null)}
      </p>
    </section>
  );
}

/** Shows a hit, or searches with a record that is none. */
const show = (id: string): void =>
  void (hits.value.some((hit) => hit.id === id) ? (selectedId.value = id) : searchFor({ kind: "record", id }));

function Line({ studies, own, query }: { studies: readonly TimelineStudy[]; own: string; query: number | null }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(280);
  useEffect(() => {
    const measured = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    measured.observe(box.current!);
    return () => measured.disconnect();
  }, []);
  const days = studies.map((study) => study.day!);
  const known = query === null ? days : [...days, query];
  const ends = [Math.min(...known), Math.max(...known)] as const;
  const placed = spots(days, ends, width, SIZE);
  const axis = (1 + Math.max(...placed.map(({ row }) => row))) * SIZE;
  const at = (day: number): number => spots([day], ends, width, SIZE)[0]!.x;
  return (
    <div ref={box} class="line" style={{ height: `${axis + AXIS}px` }}>
      <svg width={width} height={axis + AXIS} aria-hidden="true">
        <line x1={0} x2={width} y1={axis + 4} y2={axis + 4} />
        {marks(ends).map((day) => (
          <g key={day}>
            <line x1={at(day)} x2={at(day)} y1={axis} y2={axis + 8} />
            <text x={at(day)} y={axis + 22} text-anchor="middle">
              {day}
            </text>
          </g>
        ))}
        {query !== null && <line class="query-day" x1={at(query)} x2={at(query)} y1={0} y2={axis + 8} />}
      </svg>
      <ol aria-label={messages.value.search.byDay}>
        {studies.map((study, number) => (
          <li key={study.study_id} style={{ left: `${placed[number]!.x - SIZE / 2}px`, top: `${axis - (placed[number]!.row + 1) * SIZE}px` }}>
            <button
              class={study.study_id === own ? "on" : ""}
              aria-current={study.study_id === own}
              aria-label={messages.value.search.dayAbout(study.day, aboutOf(study, query))}
              title={messages.value.search.dayAbout(study.day, aboutOf(study, query))}
              data-testid="time-study"
              data-day={study.day}
              onClick={() => show(study.nearest)}
            >
              <Picture path={paths.thumbnail(study.nearest)} alt="" />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

const aboutOf = ({ day, records, kinds, labels, score }: TimelineStudy, query: number | null): string =>
  [
    query !== null && sinceQuery(day!, query),
    messages.value.common.records(records),
    kinds.filter(Boolean).join(", "),
    labels.join(", "),
    messages.value.search.cosine(fixed(score, 2)),
  ]
    .filter(Boolean)
    .join(", ");
