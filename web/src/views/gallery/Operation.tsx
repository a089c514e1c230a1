/** For admins: what the service does by itself, and the backups that there are. */
import { Save, ShieldCheck } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, running } from "../../jobs";
import { messages } from "../../messages";
import type { Backup, Job, Schedule } from "../../types";
import { JobCard, jobName } from "../../ui/JobCard";
import { say, sayProblem } from "../../ui/notice";
import { Merge } from "./Merge";
import { knownOf, lastOf, moment } from "./told";

const SHOWN = ["pull", "merge", "backup", "verify", "remind"];

export function Operation() {
  const words = messages.value.operation;
  const [schedules, setSchedules] = useState<readonly Schedule[] | null>(null);
  const [backups, setBackups] = useState<readonly Backup[] | null>(null);
  const load = async (): Promise<void> => {
    const [planned, made] = await Promise.all([api.schedules(), api.backups()]);
    setSchedules(planned.items);
    setBackups(made.items);
  };
  const atWork = running.value.filter(({ kind }) => SHOWN.includes(kind));
  useEffect(() => void load().catch(sayProblem), [atWork.length]);
  const follow = async (asked: Promise<Job>): Promise<void> => {
    try {
      const job = await ended(await asked);
      say(`${jobName(job.kind)}: ${job.error ?? messages.peek().jobs.state[job.state] ?? job.state}`);
      await load();
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <div class="stack" data-testid="operation">
      {atWork.map((job) => (
        <JobCard key={job.id} job={job} />
      ))}
      <section class="stack" aria-label={words.schedules}>
        <h3>{words.schedules}</h3>
        {schedules && <Schedules items={schedules} />}
      </section>
      <section class="stack" aria-label={words.backups}>
        <div class="spread">
          <h3>{words.backups}</h3>
          <button data-testid="back-up" onClick={() => void follow(api.backUp())}>
            <Save aria-hidden="true" />
            {words.backUp}
          </button>
        </div>
        {backups && <Backups items={backups} onVerify={(id) => void follow(api.verifyBackup(id))} />}
      </section>
      <Merge />
    </div>
  );
}

function Schedules({ items }: { items: readonly Schedule[] }) {
  const words = messages.value.operation;
  if (items.length === 0)
    return <p class="muted">{words.noSchedule}</p>;
  return (
    <div class="scrolls">
      <table data-testid="schedules">
        <thead>
          <tr>
            <th>{words.what}</th>
            <th>{words.when}</th>
            <th>{words.next}</th>
            <th>{words.last}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((each) => (
            <tr key={each.kind} data-testid="schedule">
              <td>{jobName(each.kind)}</td>
              <td>{messages.value.audits.note(each.when).text}</td>
              <td class="numbers">{moment(each.next)}</td>
              <td class={each.state === "failed" ? "failed" : ""}>{lastOf(each)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Backups({ items, onVerify }: { items: readonly Backup[]; onVerify: (id: string) => void }) {
  const words = messages.value.operation;
  if (items.length === 0) return <p class="muted">{words.noBackup}</p>;
  return (
    <div class="scrolls">
      <table data-testid="backups">
        <thead>
          <tr>
            <th>{words.made}</th>
            <th>{words.name}</th>
            <th>{words.verified}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {items.map((each) => (
            <tr key={each.name + each.created} data-testid="backup">
              <td class="numbers">{moment(each.created)}</td>
              <td>{each.name}</td>
              <td class={each.sound === false ? "failed" : ""}>{knownOf(each)}</td>
              <td>
                {each.id && each.there && (
                  <button class="plain" onClick={() => onVerify(each.id)} aria-label={words.verifyOf(each.name)}>
                    <ShieldCheck aria-hidden="true" />
                    {words.verify}
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
