/** New images: dropped or chosen files, sent a few at a time, or a folder that the administrator configured. */
import { FolderInput, Upload } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, loadJobs } from "../../jobs";
import { refresh } from "../../search";
import { gallery } from "../../state";
import { say, sayProblem } from "../../ui/notice";
import type { Job } from "../../types";
import { Bar, counted } from "../../ui/small";
import { FILES } from "../search/QueryPanel";
import { pending } from "./pending";
import { refusedHere, sendAll } from "./send";
import { NONE, takenBy, takenSentence, together } from "./taken";

const TOGETHER = 200; // files sent before a job takes them in: uploads are kept in bounded room

export function AddImages() {
  const files = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [table, setTable] = useState<File | null>(null);
  const [series, setSeries] = useState(false);
  const imports = gallery.value?.imports ?? [];
  const [folder, setFolder] = useState("");

  const follow = async (job: Job): Promise<Job> => {
    await loadJobs();
    const done = await ended(job);
    await refresh();
    return done;
  };
  const importFolder = async (): Promise<void> => {
    const job = await follow(await api.index({ import: folder }));
    say(takenSentence(takenBy(job), job.state));
  };
  /** null where none of these files was worth a job. */
  const addSome = async (groups: readonly (readonly File[])[], before: number): Promise<Job | null> => {
    const uploads = await sendAll(groups, (count) => setSent(before + count));
    if (uploads.length === 0) return null;
    const labels = table ? (await api.upload([table])).id : null;
    return follow(await api.index({ uploads, labels_csv: labels }));
  };
  const add = async (): Promise<void> => {
    const groups = series ? [pending.value] : pending.value.map((file) => [file]);
    const before = refusedHere.value.length;
    let [taken, state] = [NONE, "done" as Job["state"]];
    setSent(0);
    try {
      for (let at = 0; at < groups.length && state === "done"; at += TOGETHER) {
        const job = await addSome(groups.slice(at, at + TOGETHER), at);
        if (job) [taken, state] = [together(taken, takenBy(job)), job.state];
      }
      pending.value = [];
      const refused = refusedHere.value.slice(before).reduce((sum, one) => sum + one.files, 0);
      say(takenSentence(together(taken, { ...NONE, refused }), state));
    } catch (error) {
      sayProblem(error);
    } finally {
      setSent(null);
    }
  };
  return (
    <section class="card box stack" aria-label="Add images" data-testid="add">
      <h3>Add images</h3>
      <div class="dropzone">
        <Upload aria-hidden="true" />
        <p>Drop DICOM, PNG, JPEG{gallery.value?.volumes === false ? "" : ", NIfTI, NRRD"} files or folders here</p>
        <button onClick={() => files.current?.click()}>Choose files</button>
        <input
          ref={files}
          type="file"
          multiple
          accept={FILES}
          class="hidden"
          tabIndex={-1}
          data-testid="add-files"
          aria-label="Files to add"
          onChange={(event) => {
            pending.value = [...pending.value, ...(event.currentTarget.files ?? [])];
            event.currentTarget.value = "";
          }}
        />
      </div>
      {pending.value.length > 0 && (
        <>
          <p data-testid="pending">{counted(pending.value.length, "file")} to add</p>
          {pending.value.length > 1 && (
            <label class="row">
              <input
                type="checkbox"
                checked={series}
                onChange={(event) => setSeries(event.currentTarget.checked)}
              />
              These are the slices of one series
            </label>
          )}
          <label class="field">
            Table of labels (CSV, optional)
            <input
              type="file"
              accept=".csv,text/csv"
              onChange={(event) => setTable(event.currentTarget.files?.[0] ?? null)}
            />
          </label>
          <div class="row">
            <button class="full" disabled={sent !== null} data-testid="add-start" onClick={() => void add()}>
              Add to the gallery
            </button>
            <button disabled={sent !== null} onClick={() => (pending.value = [])}>
              Forget them
            </button>
          </div>
          {sent !== null && <Bar share={sent / (series ? 1 : pending.value.length || 1)} label={`${sent} sent`} />}
        </>
      )}
      {refusedHere.value.map(({ name, what, todo }, at) => (
        <p class="alert" key={at} data-testid="upload-refused">
          <strong>{name}</strong> {what} {todo}
        </p>
      ))}
      {imports.length > 0 && (
        <div class="row">
          <select
            aria-label="Import folder"
            value={folder}
            data-testid="import-folder"
            onChange={(event) => setFolder(event.currentTarget.value)}
          >
            <option value="">Import folder…</option>
            {imports.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <button
            disabled={!folder}
            data-testid="import-start"
            onClick={() => void importFolder().catch(sayProblem)}
          >
            <FolderInput aria-hidden="true" />
            Import
          </button>
        </div>
      )}
    </section>
  );
}
