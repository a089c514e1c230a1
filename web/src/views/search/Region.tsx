/** The query's picture, on which a box is drawn: with the mouse, a finger, or the arrow keys. */
import { useRef, useState } from "preact/hooks";
import { messages } from "../../messages";
import type { Box } from "../../types";
import { Picture } from "../../ui/Picture";
import { between, nudged } from "./boxes";

interface Props {
  path: string;
  alt: string;
  box: Box | null;
  onBox: (box: Box | null) => void;
  disabled?: boolean;
}

const LEAST = 0.02; // a smaller box is a click
const MIDDLE: Box = [0.35, 0.35, 0.65, 0.65];

export function Region({ path, alt, box, onBox, disabled = false }: Props) {
  const stage = useRef<HTMLDivElement>(null);
  const from = useRef<[number, number] | null>(null);
  const [drawn, setDrawn] = useState<Box | null>(null);
  const [ratio, setRatio] = useState(1); // a tall picture is as high as the screen bears, and its box is of its size
  const shown = drawn ?? box;

  const at = (event: PointerEvent): [number, number] => {
    const { left, top, width, height } = stage.current!.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  };
  const start = (event: PointerEvent): void => {
    if (disabled || event.button !== 0) return;
    stage.current!.setPointerCapture(event.pointerId);
    from.current = at(event);
  };
  const draw = (event: PointerEvent): void => {
    if (from.current) setDrawn(between(from.current, at(event)));
  };
  const end = (event: PointerEvent): void => {
    if (!from.current) return;
    const last = between(from.current, at(event));
    from.current = null;
    setDrawn(null);
    if (last[2] - last[0] >= LEAST && last[3] - last[1] >= LEAST) onBox(last);
  };
  const press = (event: KeyboardEvent): void => {
    if (disabled) return;
    const next = nudged(shown, event.key, event.shiftKey);
    if (next) setDrawn(next);
    else if (event.key === "Enter") {
      if (drawn) [onBox(drawn), setDrawn(null)];
      else setDrawn(box ?? MIDDLE);
    } else if (event.key === "Escape" || event.key === "Delete" || event.key === "Backspace") {
      setDrawn(null);
      if (!drawn && box) onBox(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={stage}
      class="stage"
      style={{ maxWidth: `calc(65vh * ${ratio})` }}
      tabIndex={0}
      role="application"
      data-testid="query-stage"
      aria-label={messages.value.search.regionKeys(alt)}
      onPointerDown={start}
      onPointerMove={draw}
      onPointerUp={end}
      onPointerCancel={() => ((from.current = null), setDrawn(null))}
      onKeyDown={press}
    >
      <Picture path={path} alt={alt} onLoad={(width, height) => setRatio(width / height)} />
      {shown && (
        <div
          class="region"
          data-testid="region"
          style={{
            left: `${shown[0] * 100}%`,
            top: `${shown[1] * 100}%`,
            width: `${(shown[2] - shown[0]) * 100}%`,
            height: `${(shown[3] - shown[1]) * 100}%`,
          }}
        />
      )}
    </div>
  );
}
