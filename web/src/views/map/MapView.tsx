/** The whole gallery at one glance: near on the map is alike in the space, most of the time. */
import { ScatterChart } from "lucide-preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, isRunning, jobs, loadJobs } from "../../jobs";
import { coloured } from "../../map/colours";
import { loadMap, loadRecords } from "../../map/load";
import { saidTwice } from "../../search";
import { asking, gallery } from "../../state";
import type { MapPoints, Stored } from "../../types";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { Empty } from "../../ui/small";
import { shortName } from "../search/Filters";
import { Caught } from "./Caught";
import { Legend } from "./Legend";
import { Plot } from "./Plot";

const METHODS = ["umap", "tsne"] as const;
type Method = (typeof METHODS)[number];

export function MapView() {
  const [method, setMethod] = useState<Method>("umap");
  const [space, setSpace] = useState(asking.value.space);
  const [points, setPoints] = useState<MapPoints | null | undefined>(undefined);
  const [records, setRecords] = useState<Map<string, Stored>>(new Map());
  const [field, setField] = useState("label");
  const [taken, setTaken] = useState<readonly number[]>([]);
  const [here, setHere] = useState(0);

  const load = (): void => {
    setTaken([]);
    loadMap(method, space).then(setPoints, (error) => (setPoints(null), sayProblem(error)));
  };
  useEffect(load, [method, space, gallery.value?.records]);
  useEffect(() => void loadJobs(), []);
  useEffect(() => {
    const abort = new AbortController();
    loadRecords(setHere, abort.signal).then(setRecords, (error) => abort.signal.aborted || sayProblem(error));
    return () => abort.abort();
  }, [gallery.value?.records]);

  const fields = [
    { name: "label", kind: "text" as const },
    ...(gallery.value?.fields ?? []).filter((one) => one.name !== "label" && !saidTwice.value.has(one.name)),
  ];
  const colours = useMemo(() => {
    const values = (points?.ids ?? []).map((id) => {
      const record = records.get(id);
      return field === "label" ? record?.labels : field === "patient" ? record?.patient : record?.attributes[field];
    });
    return coloured(values, fields.find((one) => one.name === field)?.kind === "number");
  }, [points, records, field]);

  const controls = (
    <div class="controls">
      <select
        aria-label="Kind of map"
        value={method}
        data-testid="map-method"
        onChange={(event) => setMethod(event.currentTarget.value as "umap")}
      >
        {METHODS.map((name) => (
          <option key={name} value={name}>
            {name === "umap" ? "UMAP" : "t-SNE"}
          </option>
        ))}
      </select>
      <select
        aria-label="Space"
        value={space}
        data-testid="map-space"
        onChange={(event) => setSpace(event.currentTarget.value)}
      >
        {gallery.value?.spaces.filter((one) => one.answers).map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label class="row muted">
        coloured by
        <select value={field} data-testid="map-field" onChange={(event) => setField(event.currentTarget.value)}>
          {fields.map(({ name }) => (
            <option key={name} value={name}>
              {shortName(name)}
            </option>
          ))}
        </select>
      </label>
      {here < (gallery.value?.records ?? 0) && (
        <span class="note working">{here.toLocaleString("en")} records read</span>
      )}
    </div>
  );
  return (
    <div class="map" data-testid="map-view">
      {points ? (
        <Plot points={points} colours={colours.bytes} taken={taken} onTake={setTaken} records={records}>
          {controls}
        </Plot>
      ) : (
        <div class="plot">
          {points === null && <NotMade method={method} space={space} onMade={load} />}
          {controls}
        </div>
      )}
      <aside aria-label="Legend and selection">
        <Legend key={field} title={shortName(field)} entries={colours.legend} />
        <Caught ids={taken.map((at) => points?.ids[at] ?? "")} records={records} />
        <p class="note">
          Distances on a map are drawn to be seen, not to be measured: what counts is the search. Encoder:{" "}
          {gallery.value?.encoder.note}
        </p>
      </aside>
    </div>
  );
}

function NotMade({ method, space, onMade }: { method: Method; space: string; onMade: () => void }) {
  const [asked, setAsked] = useState(false);
  const job = jobs.value.find((one) => one.kind === "map" && one.state !== "done");
  const drawing = asked || (job !== undefined && isRunning(job));
  const empty = gallery.value?.records === 0;
  const start = async (): Promise<void> => {
    setAsked(true);
    try {
      if ((await ended(await api.makeMap({ method, space }))).state === "done") onMade();
    } catch (error) {
      sayProblem(error);
    } finally {
      setAsked(false);
    }
  };
  // One that was asked for before this page was opened, or by somebody else.
  useEffect(() => {
    if (job && isRunning(job) && !asked) void ended(job).then(({ state }) => state === "done" && onMade());
  }, [job?.id]);
  return (
    <Empty icon={ScatterChart} title="No map of this space yet" testid="no-map">
      <p>It is drawn once, on the server, and kept until records come or go.</p>
      {gallery.value?.role !== "reader" && (
        <button
          class="full"
          disabled={drawing || empty}
          data-testid="make-map"
          onClick={() => void start()}
        >
          {drawing ? "Drawing the map…" : "Draw the map"}
        </button>
      )}
      {job && <JobCard job={job} />}
    </Empty>
  );
}
