/** The record under the pointer: its picture, labels and facts, beside its point. */
import { paths } from "../../api";
import type { Point } from "../../map/geometry";
import type { Stored } from "../../types";
import { factsOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";

const [WIDTH, HEIGHT, AWAY] = [150, 196, 14]; // pixels

interface Props {
  id: string;
  record: Stored | undefined;
  at: Point;
  size: { width: number; height: number };
}

export function Under({ id, record, at: [x, y], size }: Props) {
  const left = x + AWAY + WIDTH > size.width ? x - AWAY - WIDTH : x + AWAY;
  const top = Math.max(0, Math.min(size.height - HEIGHT, y - HEIGHT / 2));
  return (
    <div class="under-pointer card" data-testid="map-under" data-id={id} style={{ left: `${left}px`, top: `${top}px` }}>
      <Picture path={paths.thumbnail(id)} alt="" />
      <strong>{record?.labels.join(", ") || "no label"}</strong>
      <span class="note">{record && factsOf(record.attributes)}</span>
    </div>
  );
}
