/** New images: dropped or chosen files, sent a few at a time, or a folder that the administrator configured. */
import { Upload } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, loadJobs } from "../../jobs";
import { messages } from "../../messages";
import { refresh } from "../../search";
import { gallery } from "../../state";
import { say, sayProblem } from "../../ui/notice";
import type { Job } from "../../types";
import { Bar, Switch } from "../../ui/small";
import { FILES } from "../search/QueryPanel";
import { ImportFolder } from "./ImportFolder";
import { ofFolder, pending } from "./pending";
import { refusedHere, sendAll } from "./send";
import { NONE, takenBy, takenSentence, together } from "./taken";

const TOGETHER = 200; // files sent before a job takes them in: uploads are kept in bounded room

export function AddImages() {
  const words = messages.value.holdings;
  const files = useRef<HTMLInputElement>(null);
  const wholeFolder = useRef<HTMLInputElement>(null);
  const [deep, setDeep] = useState(true);
  const [sent, setSent] = useState<number | null>(null);
  const [table, setTable] = useState<File | null>(null);
  const [series, setSeries] = useState(false);

  const follow = async (job: Job): Promise<Job> => {
    await loadJobs();
    const done = await ended(job);
    await refresh();
    return done;
  };
  const importFolder = async ([root = "", ...subfolders]: readonly string[]): Promise<void> => {
    const job = await follow(await api.index({ import: root, subfolders }));
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
    <section class="card box stack" aria-label={words.add} data-testid="add">
      <h3>{words.add}</h3>
      <div class="dropzone">
        <Upload aria-hidden="true" />
        <p>{words.drop(gallery.value?.volumes !== false)}</p>
        <div class="row">
          <button onClick={() => files.current?.click()}>{words.chooseFiles}</button>
          <button onClick={() => wholeFolder.current?.click()}>{words.chooseWholeFolder}</button>
          <Switch label={words.subfolders} on={deep} onChange={setDeep} testid="add-subfolders" />
        </div>
        <input
          ref={files}
          type="file"
          multiple
          accept={FILES}
          class="hidden"
          tabIndex={-1}
          data-testid="add-files"
          aria-label={words.files}
          onChange={(event) => {
            pending.value = [...pending.value, ...(event.currentTarget.files ?? [])];
            event.currentTarget.value = "";
          }}
        />
        <input
          ref={(input) => {
            wholeFolder.current = input;
            if (input) input.webkitdirectory = true;
          }}
          type="file"
          class="hidden"
          tabIndex={-1}
          data-testid="add-folder"
          aria-label={words.chooseWholeFolder}
          onChange={(event) => {
            pending.value = [...pending.value, ...ofFolder([...(event.currentTarget.files ?? [])], deep)];
            event.currentTarget.value = "";
          }}
        />
      </div>
      {pending.value.length > 0 && (
        <>
          <p data-testid="pending">{words.toAdd(pending.value.length)}</p>
          {pending.value.length > 1 && (
            <label class="row">
              <input
                type="checkbox"
                checked={series}
                onChange={(event) => setSeries(event.currentTarget.checked)}
              />
              {words.oneSeries}
            </label>
          )}
          <label class="field">
            {words.table}
            <input
              type="file"
              accept=".csv,text/csv"
              onChange={(event) => setTable(event.currentTarget.files?.[0] ?? null)}
            />
          </label>
          <div class="row">
            <button class="full" disabled={sent !== null} data-testid="add-start" onClick={() => void add()}>
              {words.addThem}
            </button>
            <button disabled={sent !== null} onClick={() => (pending.value = [])}>
              {words.forget}
            </button>
          </div>
          {sent !== null && <Bar share={sent / (series ? 1 : pending.value.length || 1)} label={words.sent(sent)} />}
        </>
      )}
      {refusedHere.value.map(({ name, what, todo }, at) => (
        <p class="alert" key={at} data-testid="upload-refused">
          <strong>{name}</strong> {what} {todo}
        </p>
      ))}
      <ImportFolder onImport={importFolder} />
    </section>
  );
}
