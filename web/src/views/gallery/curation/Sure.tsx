/** How surely an audit finds: of faults that were planted in this gallery, the share that its rule lists. */
import { messages } from "../../../messages";
import { percent } from "../../evaluate/figures";
import { FromServer } from "../../../ui/FromServer";
import type { Audit } from "./decided";

export interface Sureness {
  name: string;
  listed: number;
  found: number | null;
  note?: string;
}

export function Sure({ audit, rows }: { audit: Audit; rows: readonly Sureness[] }) {
  const words = messages.value.audits;
  const what = audit === "quality" ? words.what.quality : words.what.metadata;
  if (rows.length === 0) return null;
  return (
    <div class="scrolls" tabIndex={0}>
      <table class="sure" data-testid="sureness">
        <caption class="note">{words.sure}</caption>
        <thead>
          <tr>
            <th>{what}</th>
            <th class="n">{words.listed}</th>
            <th class="n">{words.found}</th>
            <th class="apart">{words.remark}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, listed, found, note }) => (
            <tr key={name} data-testid="sureness-row">
              <td>{name}</td>
              <td class="n">{listed}</td>
              <td class="n">{found === null ? "–" : `${percent(found)}\u00a0%`}</td>
              <td class="apart note">{note && <FromServer said={words.note(note)} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
