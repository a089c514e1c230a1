/** The gallery itself: what is in it, what goes in, what was refused, what goes out. */
import { useEffect, useState } from "preact/hooks";
import { isTold, jobs, loadJobs, running } from "../../jobs";
import { messages, whole } from "../../messages";
import { facets } from "../../search";
import { gallery, mayChange } from "../../state";
import { encoderWords } from "../../ui/encoder";
import { JobCard } from "../../ui/JobCard";
import { Segments } from "../../ui/small";
import { AddImages } from "./AddImages";
import { Brought } from "./Brought";
import { Cohorts } from "./Cohorts";
import { Duplicates } from "./curation/Duplicates";
import { Outliers } from "./curation/Outliers";
import { Quality } from "./curation/Quality";
import { Values } from "./curation/Values";
import { Operation } from "./Operation";
import { Records } from "./Records";
import { Refused } from "./Refused";

const CURATION = { duplicates: Duplicates, outliers: Outliers, quality: Quality, metadata: Values };
const PAGES = ["records", "duplicates", "outliers", "quality", "metadata", "cohorts", "refused", "jobs"] as const;
const ADMIN_PAGES = [...PAGES, "operation"] as const;

const isCuration = (page: string): page is keyof typeof CURATION => Object.hasOwn(CURATION, page);

export function GalleryView() {
  const [page, setPage] = useState<(typeof ADMIN_PAGES)[number]>("records");
  useEffect(() => void loadJobs(), []);
  const found = gallery.value;
  const { gallery: words, holdings: says } = messages.value;
  const Curate = isCuration(page) ? CURATION[page] : null;
  const indexing = running.value.filter((job) => job.kind === "index");
  return (
    <div class="sheet" data-testid="gallery-view">
      <div class="columns">
        {mayChange.value && <AddImages />}
        <section class="card box stack" aria-label={says.about}>
          <h3>{says.this}</h3>
          <p>{says.contents(found?.records ?? 0, found?.refused ?? 0)}</p>
          <p class="note" data-testid="encoder-note">
            {encoderWords()}
          </p>
          <div class="chips">
            {(facets.value.find((facet) => facet.field === "label")?.values ?? [])
              .slice(0, 12)
              .map(({ value, count }) => (
                <span class="chip" key={value}>
                  {value} <b class="numbers">{whole(count)}</b>
                </span>
              ))}
          </div>
        </section>
      </div>
      {indexing.map((job) => (
        <JobCard key={job.id} job={job} />
      ))}
      <Segments
        label={words.show}
        options={found?.role === "admin" ? ADMIN_PAGES : PAGES}
        names={words.pages}
        chosen={page}
        onChoose={setPage}
        testid="gallery-page"
      />
      {page === "records" && <Records />}
      {Curate && <Curate />}
      {page === "cohorts" && <Cohorts />}
      {page === "refused" && <Refused />}
      {page === "operation" && <Operation />}
      {page === "jobs" && (
        <div class="stack">
          {jobs.value.map((job) => (
            <JobCard key={job.id} job={job}>
              <Brought job={job} />
            </JobCard>
          ))}
          {isTold.value && jobs.value.length === 0 && <p class="muted">{says.noJob}</p>}
        </div>
      )}
    </div>
  );
}
