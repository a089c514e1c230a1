/** How large the tiles of pictures are: as wide as the screen suggests, until somebody says so. */
import { effect, signal } from "@preact/signals";

const KEPT = "lookalike-tile";
export const [LEAST, MOST] = [96, 480] as const; // CSS pixels of a tile's width
/** Wider tiles than this ask for a larger picture than the gallery's own small one. */
const SMALL_PICTURE = 300;

function kept(): number | null {
  const size = Number(localStorage.getItem(KEPT));
  return size >= LEAST && size <= MOST ? size : null;
}

/** null: by the screen's width. */
export const tileSize = signal<number | null>(kept());

/** The width that a screen suggests; the style sheet says the same where nothing is chosen. */
export const suggested = (screen: number): number => Math.round(Math.max(144, Math.min(400, screen * 0.105)));

export const isLarge = (): boolean => (tileSize.value ?? suggested(innerWidth)) > SMALL_PICTURE;

effect(() => {
  const size = tileSize.value;
  const { style } = document.documentElement;
  if (size === null) {
    style.removeProperty("--tile");
    localStorage.removeItem(KEPT);
  } else {
    style.setProperty("--tile", `${size}px`);
    localStorage.setItem(KEPT, String(size));
  }
});
