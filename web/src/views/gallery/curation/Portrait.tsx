/** A record of a finding: its picture, its file, its labels. */
import type { ComponentChildren } from "preact";
import { paths } from "../../../api";
import { messages } from "../../../messages";
import { searchFor } from "../../../state";
import { fileName } from "../../../ui/facts";
import { Picture } from "../../../ui/Picture";

interface Props {
  record: { id: string; source: string };
  labels?: readonly string[];
  children?: ComponentChildren;
}

export function Portrait({ record, labels = [], children }: Props) {
  return (
    <figure class="portrait">
      <button
        class="tile"
        aria-label={messages.value.curation.searchWith(fileName(record.source))}
        onClick={() => searchFor({ kind: "record", id: record.id })}
      >
        <Picture path={paths.thumbnail(record.id)} alt="" lazy />
      </button>
      <figcaption>
        <span title={fileName(record.source)}>{fileName(record.source)}</span>
        {labels.length > 0 && <span class="muted">{labels.join(", ")}</span>}
        {children}
      </figcaption>
    </figure>
  );
}
