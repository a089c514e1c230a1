import { useEffect, useState } from "preact/hooks";
import { api, locked, paths, Problem } from "../api";
import { fixed, messages } from "../messages";
import type { SimilarStudies, SimilarStudy } from "../types";
import { factsOf } from "../ui/facts";
import { Picture } from "../ui/Picture";
import { Bar } from "../ui/small";
import { Locked } from "./Locked";

export function Panel({ asked }: { asked: string[] }) {
  const words = messages.value.panel;
  const [found, setFound] = useState<SimilarStudies | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (locked.value) return;
    setProblem(asked.length ? "" : words.noStudy);
    if (asked.length) similarTo(asked).then(setFound, (error: Error) => setProblem(error.message));
  }, [locked.value]);
  if (locked.value) return <Locked />;
  return (
    <main class="panel">
      <header>
        <h1>{words.title}</h1>
        <p class="note">{words.researchOnly}</p>
      </header>
      {problem && (
        <p class="alert" role="alert" data-testid="problem">
          {problem}
        </p>
      )}
      {!problem && !found && <p class="muted working">{words.looking}</p>}
      {found && <Found found={found} />}
    </main>
  );
}

/** Ask with the narrowest UID that the gallery knows. */
async function similarTo([uid, ...others]: string[]): Promise<SimilarStudies> {
  try {
    return await api.similarStudies(uid!);
  } catch (error) {
    if (others.length && error instanceof Problem && error.reason === "unknown-uid") return similarTo(others);
    throw error;
  }
}

function Found({ found }: { found: SimilarStudies }) {
  const words = messages.value.panel;
  return (
    <>
      <section class="open row" data-testid="open" data-id={found.id}>
        <Thumbnail id={found.id} alt={words.open} />
        <p>
          {words.open}
          <span class="note">{words.asked[found.named]}</span>
        </p>
      </section>
      {found.studies.length === 0 && <p class="muted">{words.none}</p>}
      <ol aria-label={words.title}>
        {found.studies.map((study) => (
          <Study key={study.id} study={study} />
        ))}
      </ol>
    </>
  );
}

function Study({ study }: { study: SimilarStudy }) {
  const words = messages.value.panel;
  const name = words.name(study.rank, study.labels.join(", ") || messages.value.common.noLabel);
  const { viewer, beside } = study.links;
  return (
    <li class="card" data-testid="study" data-id={study.id} aria-label={name}>
      <Thumbnail id={study.id} alt="" />
      <div class="about">
        <p class="spread">
          <b>{study.rank}</b>
          <Bar share={study.score} label="" />
          <span class="numbers" title={words.cosine}>
            {fixed(study.score, 3)}
          </span>
        </p>
        <p class="chips">
          {study.labels.map((label) => (
            <span class="tag" key={label}>
              {label}
            </span>
          ))}
        </p>
        <p class="note">{[factsOf(study.attributes), dayOf(study.identity.study_date)].filter(Boolean).join(" · ")}</p>
        <p class="row">
          {beside && <Opens href={beside} words={words.openBeside} name={name} testid="beside" />}
          {viewer && <Opens href={viewer} words={words.openIt} name={name} testid="viewer" />}
        </p>
      </div>
    </li>
  );
}

/** Opens in the viewer: in the one that frames this page, or in a window of its own. */
function Opens(props: { href: string; words: string; name: string; testid: string }) {
  return (
    <a
      class="button"
      href={props.href}
      target={window.top === window ? "lookalike-viewer" : "_top"}
      rel="noreferrer"
      aria-label={`${props.words}: ${props.name}`}
      data-testid={props.testid}
    >
      {props.words}
    </a>
  );
}

function Thumbnail({ id, alt }: { id: string; alt: string }) {
  return (
    <span class="thumbnail">
      <Picture path={paths.thumbnail(id)} alt={alt} lazy />
    </span>
  );
}

/** 20200102, as DICOM has it (PS3.5 6.2, DA) -> 2020-01-02 */
const dayOf = (date: string): string => date.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
