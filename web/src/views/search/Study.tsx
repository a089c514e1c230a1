/** Whole studies: the one that asks, and those that are hits. */
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { fixed, messages } from "../../messages";
import { ALONE } from "../../route";
import { ask, asking, gallery, searchFor } from "../../state";
import type { Hit, StudyRecords } from "../../types";
import { factsOf, fileName } from "../../ui/facts";
import { sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { Bar, Segments } from "../../ui/small";

const MOST_SHOWN = 24;
const WAYS = ["picture", "study"] as const;

/** The records of a record's study, once they are here. */
export function useStudy(id: string): StudyRecords | null {
  const [study, setStudy] = useState<StudyRecords | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    api.study(id, abort.signal).then(setStudy, (error: Error) => abort.signal.aborted || sayProblem(error));
    return () => abort.abort();
  }, [id]);
  return study;
}

/** A record of the gallery asks alone, or with the study that it is of. */
export function StudySwitch() {
  const { asked } = asking.value;
  if (!gallery.value?.studies || (asked?.kind !== "record" && asked?.kind !== "study")) return null;
  const { id } = asked;
  return (
    <Segments
      label={messages.value.search.askWith}
      options={WAYS}
      names={messages.value.search.way}
      titles={messages.value.search.wayTitle}
      chosen={asked.kind === "study" ? "study" : "picture"}
      testid="ask-with"
      onChoose={(way) => ask(way === "study" ? { ...ALONE, asked: { kind: "study", id } } : { asked: { kind: "record", id } })}
    />
  );
}

/** A hit that is a study: how alike each kind of series is, and its pictures. */
export function StudyOf({ hit }: { hit: Hit }) {
  const words = messages.value.search;
  const study = useStudy(hit.id);
  if (!hit.study) return null;
  return (
    <section data-testid="study">
      <h3>{words.studyTitle(hit.rank)}</h3>
      {Object.entries(hit.study.kinds).map(([kind, cosine]) => (
        <div class="vote placed" key={kind} data-testid="study-kind">
          <span title={kind || words.images}>{kind || words.images}</span>
          <Bar share={cosine} label={words.cosine(fixed(cosine, 2))} />
          <em>{fixed(cosine, 2)}</em>
        </div>
      ))}
      <p class="note">
        {words.studyKinds(Object.keys(hit.study.kinds).length)}
      </p>
      <div class="neighbours" role="group" aria-label={words.studyPictures}>
        {study?.items.slice(0, MOST_SHOWN).map((one) => (
          <button
            key={one.id}
            data-testid="study-record"
            title={`${fileName(one.source)} ${factsOf(one.attributes)}`}
            aria-label={words.searchWith(factsOf(one.attributes) || fileName(one.source))}
            onClick={() => searchFor({ kind: "record", id: one.id })}
          >
            <Picture path={paths.thumbnail(one.id)} alt="" lazy />
          </button>
        ))}
      </div>
      {study && study.items.length > MOST_SHOWN && <p class="note">{messages.value.common.andMore(study.items.length - MOST_SHOWN)}</p>}
    </section>
  );
}
