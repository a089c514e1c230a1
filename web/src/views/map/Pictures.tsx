/** Pictures of a sample, one for each square of the plot, so that none lies on another; while the map moves none is. */
import { useEffect, useState } from "preact/hooks";
import { paths } from "../../api";
import { toMap, toScreen } from "../../map/geometry";
import { nearest, type Grid } from "../../map/grid";
import { idOf, type Points } from "../../map/points";
import type { Camera } from "../../map/scatter";
import { Picture } from "../../ui/Picture";

const [SQUARE, PICTURE, MOST, STILL] = [72, 60, 160, 200]; // pixels, pixels, pictures, milliseconds

interface Props {
  points: Points;
  grid: Grid;
  camera: Camera;
  size: { width: number; height: number };
}

interface Shown {
  id: string;
  left: number;
  top: number;
}

export function Pictures({ points, grid, camera, size }: Props) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  useEffect(() => {
    setShown([]);
    const timer = setTimeout(() => setShown(sampled(points, grid, camera, size)), STILL);
    return () => clearTimeout(timer);
  }, [points, camera, size.width, size.height]);
  return (
    <div class="pictures" data-testid="map-pictures" aria-hidden="true">
      {shown.map(({ id, left, top }) => (
        <span key={id} data-id={id} style={{ left: `${left}px`, top: `${top}px` }}>
          <Picture path={paths.thumbnail(id)} alt="" />
        </span>
      ))}
    </div>
  );
}

/** Where a picture begins that lies about a place, and in the square that begins there. */
const about = (place: number, from: number): number =>
  Math.max(from, Math.min(from + SQUARE - PICTURE, place - PICTURE / 2));

/** Of each square the point nearest to its middle; of too many squares every other, and so on. */
function sampled(points: Points, grid: Grid, camera: Camera, size: Props["size"]): Shown[] {
  const within = ((SQUARE / 2) * 2 * camera.half) / size.height;
  const found: Shown[] = [];
  for (let top = 0; top + SQUARE <= size.height; top += SQUARE)
    for (let left = 0; left + SQUARE <= size.width; left += SQUARE) {
      const middle = toMap([left + SQUARE / 2, top + SQUARE / 2], camera, size);
      const row = nearest(grid, middle, within);
      if (row < 0) continue;
      const [x, y] = toScreen([points.x[row]!, points.y[row]!], camera, size);
      found.push({ id: idOf(points, row), left: about(x, left), top: about(y, top) });
    }
  const step = Math.ceil(found.length / MOST) || 1;
  return found.filter((_, at) => at % step === 0);
}
