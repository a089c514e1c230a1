/** What is asked with: a picture with its region, a record, a study, words, or examples; and how to change it. */
import { Grid2x2, History, Upload as UploadIcon, X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { paths, type Thing } from "../../api";
import { messages } from "../../messages";
import { askWith, expired, facts, loadFacts, noRecord, turnedDown } from "../../search";
import { recent } from "../../recent";
import { isStudy, type Asking } from "../../route";
import { ask, asking, gallery } from "../../state";
import { fileName } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { AskedReport, FindReports } from "./Reports";
import { Recent } from "./Recent";
import { RecordPicker } from "./RecordPicker";
import { Region } from "./Region";
import { StudySwitch, useStudy } from "./Study";

const MOST_TILES = 12;
export const FILES =
  ".dcm,.dicom,.ima,.png,.jpg,.jpeg,.bmp,.tif,.tiff,.webp,.nii,.gz,.nrrd,.nhdr,.mha,.mhd,application/dicom,image/*";

export function QueryPanel() {
  const words = messages.value.search;
  const input = useRef<HTMLInputElement>(null);
  const [picking, setPicking] = useState<string | null>(null);
  const [looking, setLooking] = useState(false);
  const { asked, text, report } = asking.value;
  const refused = turnedDown.value.length > 0;
  return (
    <section aria-label={words.query}>
      <h3>{words.query}</h3>
      <div class="stack">
        <Find onPick={setPicking} />
        <FindReports />
        <AskedPicture />
        <StudySwitch />
        {text && !refused && !isStudy(asked) && (
          <div class="query words-asked spread" data-testid="asked-text">
            <span>{words.quoted(text)}</span>
            <button class="plain" aria-label={words.dropWords} onClick={() => ask({ text: "" })}>
              <X aria-hidden="true" />
            </button>
          </div>
        )}
        {report && !refused && !isStudy(asked) && <AskedReport />}
        {((!asked && !text && !report) || refused || noRecord.value) && (
          <div class="dropzone">
            <UploadIcon aria-hidden="true" />
            <p>{words.dropHere}</p>
          </div>
        )}
        <div class="row two">
          <button data-testid="choose-files" onClick={() => input.current?.click()}>
            <UploadIcon aria-hidden="true" />
            {words.chooseFiles}
          </button>
          <button data-testid="pick-record" onClick={() => setPicking("")}>
            <Grid2x2 aria-hidden="true" />
            {words.pickRecord}
          </button>
          <input
            ref={input}
            type="file"
            class="hidden"
            multiple
            accept={FILES}
            tabIndex={-1}
            data-testid="query-files"
            aria-label={words.files}
            onChange={(event) => {
              void askWith([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = "";
            }}
          />
        </div>
      </div>
      {recent.value.length > 0 && (
        <button class="plain recent-open" data-testid="open-recent" onClick={() => setLooking(true)}>
          <History aria-hidden="true" />
          {words.recentQueries(recent.value.length)}
        </button>
      )}
      {looking && <Recent onClose={() => setLooking(false)} />}
      {picking !== null && <RecordPicker words={picking} onClose={() => setPicking(null)} />}
    </section>
  );
}

/** Not beside a refusal of something else: the picture of the query before would pass for what was refused. */
function AskedPicture() {
  const { asked } = asking.value;
  if (!asked || turnedDown.value.length > 0 || expired.value || noRecord.value) return null;
  if (asked.kind === "study") return <AskedStudy key={asked.id} id={asked.id} />;
  if (asked.kind === "uploads") {
    return <AskedTogether things={asked.ids.map((upload) => ({ upload }))} words={asked.name} />;
  }
  if (asked.kind === "records") {
    return <AskedTogether things={asked.ids.map((record) => ({ record }))} words={messages.value.search.together(asked.ids.length)} />;
  }
  return <Asked thing={asked.kind === "upload" ? { upload: asked.id } : { record: asked.id }} />;
}

function Find({ onPick }: { onPick: (words: string) => void }) {
  const reads = gallery.value?.encoder.text ?? false;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("find") as HTMLInputElement;
    const words = field.value.trim();
    if (!words) return;
    if (reads) ask({ text: words });
    else onPick(words);
    field.value = "";
    field.blur();
  };
  return (
    <form class="find" role="search" onSubmit={submit}>
      <input
        id="find"
        name="find"
        type="search"
        autocomplete="off"
        data-testid="find"
        placeholder={messages.value.search.find[reads ? "words" : "record"]}
        aria-label={messages.value.search.findName[reads ? "words" : "record"]}
      />
    </form>
  );
}

function Asked({ thing }: { thing: Thing }) {
  const words = messages.value.search;
  const { asked, roi } = asking.value;
  const known = facts.value;
  const [slice, setSlice] = useState<number | null>(roi?.slice ?? middleOf(roi?.slices));
  const id = "upload" in thing ? thing.upload : thing.record;
  useEffect(
    () =>
      void loadFacts(thing).then((found) => {
        if (found && found.depth > 1) setSlice((old) => old ?? Math.floor(found.depth / 2));
      }),
    [id],
  );
  // A box that was drawn elsewhere is shown where it lies.
  useEffect(() => {
    const there = roi?.slice ?? middleOf(roi?.slices);
    if (there !== null) setSlice(there);
  }, [roi]);
  const depth = known[id]?.depth ?? 1;
  const name = asked?.kind === "upload" ? asked.name : fileName(known[id]?.name ?? "");
  const path = paths.picture(thing, depth > 1 ? slice : null);
  return (
    <div class="query" data-testid="query" data-query={id}>
      <div>
        <Region
          path={path}
          alt={words.theQuery(name)}
          box={roi && (depth === 1 || goesThrough(roi, slice)) ? roi.box : null}
          onBox={(box) => ask({ roi: box && { box, slice: depth > 1 ? slice : null } })}
        />
        {depth > 1 && (
          <label class="slices">
            <span>
              {messages.value.common.sliceOf((slice ?? 0) + 1, depth)} {known[id]?.plane}
            </span>
            <input
              type="range"
              min={0}
              max={depth - 1}
              value={slice ?? 0}
              data-testid="query-slice"
              onInput={(event) => setSlice(Number(event.currentTarget.value))}
            />
          </label>
        )}
        <div class="slices">
          <span data-testid="query-name">
            {roi ? words.region(roi.slices, name || words.record) : name || words.record}
          </span>
          {roi && (
            <button class="plain push" data-testid="clear-region" onClick={() => ask({ roi: null })}>
              <X aria-hidden="true" />
              {words.box}
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

const middleOf = (slices: readonly [number, number] | null | undefined): number | null =>
  slices ? Math.floor((slices[0] + slices[1]) / 2) : null;

const goesThrough = ({ slice, slices }: NonNullable<Asking["roi"]>, shown: number | null): boolean =>
  slices && shown !== null ? slices[0] <= shown && shown <= slices[1] : slice === shown;

function AskedStudy({ id }: { id: string }) {
  const study = useStudy(id);
  const things = study?.items.map((one) => ({ record: one.id })) ?? [{ record: id }];
  return <AskedTogether things={things} words={messages.value.search.askedStudy(study?.items.length ?? null)} />;
}

function AskedTogether({ things, words }: { things: readonly Thing[]; words: string }) {
  return (
    <div class="query" data-testid="query">
      <div class="tiles box">
        {things.slice(0, MOST_TILES).map((thing) => {
          const [id, path] =
            "record" in thing
              ? [thing.record, paths.thumbnail(thing.record)]
              : [thing.upload, paths.picture(thing, null, 256)];
          return (
            <div class="tile" key={id} data-testid="asked-tile">
              <Picture path={path} alt="" />
            </div>
          );
        })}
      </div>
      <div class="slices" data-testid="query-name">
        {words}
      </div>
    </div>
  );
}
