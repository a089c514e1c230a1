/** The record under the pointer: its picture, labels and facts, beside its point. */
import { useEffect } from "preact/hooks";
import { paths } from "../../api";
import type { Point } from "../../map/geometry";
import { known, lookAt } from "../../map/load";
import { messages } from "../../messages";
import { factsOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";

const [WIDTH, HEIGHT, AWAY] = [150, 196, 14]; // pixels
const STILL = 60; // milliseconds on one point before its record is asked for

interface Props {
  id: string;
  at: Point;
  size: { width: number; height: number };
}

export function Under({ id, at: [x, y], size }: Props) {
  useEffect(() => {
    const timer = setTimeout(() => lookAt(id), STILL);
    return () => clearTimeout(timer);
  }, [id]);
  const record = known.value.get(id);
  const left = x + AWAY + WIDTH > size.width ? x - AWAY - WIDTH : x + AWAY;
  const top = Math.max(0, Math.min(size.height - HEIGHT, y - HEIGHT / 2));
  return (
    <div class="under-pointer card" data-testid="map-under" data-id={id} style={{ left: `${left}px`, top: `${top}px` }}>
      <Picture path={paths.thumbnail(id)} alt="" />
      <strong>{record ? record.labels.join(", ") || messages.value.map.noLabel : "…"}</strong>
      <span class="note">{record && factsOf(record.attributes)}</span>
    </div>
  );
}
