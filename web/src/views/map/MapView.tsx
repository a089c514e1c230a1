/** The whole gallery at one glance: near on the map is alike in the space, most of the time. */
import { Image, ScatterChart, Type } from "lucide-preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, isRunning, jobs, loadJobs } from "../../jobs";
import { coloured, groupColumn, NOTHING_SAID, type Column } from "../../map/colours";
import { forgetKnown, loadColumn, loadErrors, loadGroups, loadMap } from "../../map/load";
import { rowsOfGroup, type Points } from "../../map/points";
import { messages } from "../../messages";
import { saidTwice } from "../../search";
import { asking, gallery, mayChange } from "../../state";
import type { MapGroup } from "../../types";
import { encoderWords } from "../../ui/encoder";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { Empty } from "../../ui/small";
import { shortName } from "../search/Filters";
import { Caught } from "./Caught";
import { Groups } from "./Groups";
import { Legend } from "./Legend";
import { Plot } from "./Plot";

const METHODS = ["umap", "tsne"] as const;
type Method = (typeof METHODS)[number];
// What may be coloured by beside fields, which have no such names.
const [BY_GROUP, BY_ERROR] = [":group", ":error"];

export function MapView() {
  const words = messages.value.map;
  const [method, setMethod] = useState<Method>("umap");
  const [space, setSpace] = useState(asking.value.space);
  const [points, setPoints] = useState<Points | null | undefined>(undefined);
  const [groups, setGroups] = useState<readonly MapGroup[]>([]);
  const [field, setField] = useState("label");
  const [said, setSaid] = useState<Column>(NOTHING_SAID);
  const [waiting, setWaiting] = useState(false);
  const [taken, setTaken] = useState<ArrayLike<number>>([]);
  const [named, setNamed] = useState(true);
  const [pictured, setPictured] = useState(false);

  const newest = useRef(0);
  const records = gallery.value?.records;
  const load = (): void => {
    if (records === undefined) return; // when these are known all would be asked for again
    setTaken([]);
    setGroups([]);
    setSaid(NOTHING_SAID);
    forgetKnown();
    const mine = (newest.current += 1); // an earlier answer may come later
    const take = (found: Points | null): void => void (mine === newest.current && setPoints(found));
    loadMap(method, space).then(take, (error) => (take(null), sayProblem(error)));
  };
  useEffect(load, [method, space, records]);
  useEffect(() => void loadJobs(), []);
  // Whoever asked for a map, and whenever it was done: it is looked for again where there was none yet.
  const made = jobs.value.filter(({ kind, state }) => kind === "map" && state === "done").map(({ id }) => id).join();
  const missing = points === null;
  useEffect(() => {
    if (made && missing) load();
  }, [made, missing]);
  useEffect(() => {
    let here = true;
    if (points) loadGroups(method, space).then((found) => here && setGroups(found), sayProblem);
    return () => void (here = false);
  }, [points]);
  useEffect(() => {
    let here = true;
    if (!points || field === BY_GROUP) return;
    const asked = field === BY_ERROR ? loadErrors(method, space) : loadColumn(method, space, field);
    setSaid(NOTHING_SAID); // no legend of one field under the name of another
    setWaiting(true);
    asked
      .then((found) => here && setSaid(found))
      .catch(sayProblem)
      .finally(() => here && setWaiting(false));
    return () => void (here = false);
  }, [points, field]);

  const fields = [
    { name: "label" },
    ...(gallery.value?.fields ?? []).filter(({ name }) => name !== "label" && !saidTwice.value.has(name)),
  ];
  const nameOf = (group: number): string => groups[group]?.name || words.group(group + 1);
  const titles: Record<string, string> = { [BY_GROUP]: words.byGroup, [BY_ERROR]: words.byError };
  const titleOf = (name: string): string => titles[name] ?? shortName(name);
  const colours = useMemo(
    () =>
      coloured(field === BY_GROUP && points ? groupColumn(points.groups, nameOf) : said, {
        none: words.none,
        others: words.others,
      }),
    [points, field === BY_GROUP && groups, said, field, words], // names of groups do not colour anew what shows none
  );
  const choose = ({ number }: MapGroup): void => setTaken(points ? rowsOfGroup(points, number) : []);

  const controls = (
    <div class="controls">
      <select
        aria-label={words.kind}
        value={method}
        data-testid="map-method"
        onChange={(event) => setMethod(event.currentTarget.value as Method)}
      >
        {METHODS.map((name) => (
          <option key={name} value={name}>
            {name === "umap" ? "UMAP" : "t-SNE"}
          </option>
        ))}
      </select>
      <select
        aria-label={words.space}
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
        {words.colouredBy}
        <select value={field} data-testid="map-field" onChange={(event) => setField(event.currentTarget.value)}>
          {[...fields.map(({ name }) => name), BY_GROUP, BY_ERROR].map((name) => (
            <option key={name} value={name}>
              {titleOf(name)}
            </option>
          ))}
        </select>
      </label>
      <button class="chip" aria-pressed={named} data-testid="map-named" onClick={() => setNamed(!named)}>
        <Type aria-hidden="true" />
        {words.names}
      </button>
      <button class="chip" aria-pressed={pictured} data-testid="map-pictured" onClick={() => setPictured(!pictured)}>
        <Image aria-hidden="true" />
        {words.pictures}
      </button>
    </div>
  );
  return (
    <div class="map" data-testid="map-view">
      {points ? (
        <Plot
          points={points}
          shades={colours.shades}
          taken={taken}
          onTake={setTaken}
          groups={groups}
          named={named}
          pictured={pictured}
        >
          {controls}
        </Plot>
      ) : (
        <div class="plot">
          {missing && <NotMade method={method} space={space} />}
          {controls}
        </div>
      )}
      <aside aria-label={words.aside}>
        <Legend key={field} title={titleOf(field)} entries={colours.legend} scale={colours.scale} />
        {waiting && field === BY_ERROR && (
          <p class="note working" role="status" data-testid="comparing">
            {words.comparing}
          </p>
        )}
        {field === BY_ERROR && (
          <p class="note">
            {words.errorNote} {said.sampled ? words.sampled(said.sampled) : null}
          </p>
        )}
        {points && <Caught points={points} rows={taken} />}
        <Groups groups={groups} onChoose={choose} />
        <p class="note">
          {words.distances} {encoderWords()}
        </p>
      </aside>
    </div>
  );
}

function NotMade({ method, space }: { method: Method; space: string }) {
  const words = messages.value.map;
  const [asked, setAsked] = useState(false);
  const job = jobs.value.find((one) => one.kind === "map" && one.state !== "done");
  const drawing = asked || (job !== undefined && isRunning(job));
  const empty = gallery.value?.records === 0;
  const start = async (): Promise<void> => {
    setAsked(true);
    try {
      await ended(await api.makeMap({ method, space }));
    } catch (error) {
      sayProblem(error);
    } finally {
      setAsked(false);
    }
  };
  return (
    <Empty icon={ScatterChart} title={words.notMade} testid="no-map">
      <p>{words.drawnOnce}</p>
      {mayChange.value && (
        <button class="full" disabled={drawing || empty} data-testid="make-map" onClick={() => void start()}>
          {drawing ? words.drawing : words.draw}
        </button>
      )}
      {job && <JobCard job={job} />}
    </Empty>
  );
}
