/** The names of groups, each in the middle of its points; of two that would overlap the larger group's is shown. */
import { toScreen } from "../../map/geometry";
import type { Camera } from "../../map/scatter";
import type { MapGroup } from "../../types";

const [LETTER, LINE, MOST, RIM] = [8, 17, 28, 4]; // pixels wide and high; letters; pixels

interface Props {
  groups: readonly MapGroup[];
  camera: Camera;
  size: { width: number; height: number };
  /** Pixels that the controls take: what would lie under them is shown below. */
  top: number;
}

const short = (name: string): string => (name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name);

export function Names({ groups, camera, size, top }: Props) {
  const taken: [number, number, number][] = [];
  const shown = groups.flatMap((group) => {
    if (!group.name) return [];
    const [middle, height] = toScreen([group.x, group.y], camera, size);
    const half = (short(group.name).length * LETTER) / 2;
    if (middle < 0 || middle > size.width || height < 0 || height > size.height) return [];
    const x = Math.max(half + RIM, Math.min(size.width - half - RIM, middle));
    const y = Math.max(top + LINE, height);
    const free = taken.every(([px, py, width]) => Math.abs(py - y) > LINE || Math.abs(px - x) > width + half);
    if (!free) return [];
    taken.push([x, y, half]);
    return [{ group, x, y }];
  });
  return (
    <g data-testid="map-names">
      {shown.map(({ group, x, y }) => (
        <text key={group.number} class="group-name" x={x} y={y} text-anchor="middle">
          {short(group.name)}
        </text>
      ))}
    </g>
  );
}
