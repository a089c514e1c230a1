/** All keys, and what a mouse or a finger does: opened by `?` or the button of the head. */
import { isHelpOpen, KEYS } from "../keyboard";
import { Dialog } from "../ui/Dialog";
import { VIEWER_KEYS } from "../views/compare/keys";

/** What has the focus listens to these by itself. */
const OTHERS: readonly (readonly [string, string])[] = [
  ["Esc", "close what is on top: a dialog, the compare view, an open filter"],
  ["Tab", "to the next control; Shift and Tab to the one before"],
  ["← ↑ → ↓", "in the compare view: slices and the window; while something is measured the cursor, and Enter sets a point"],
  ["Enter", "on the query's picture: begin a box, and search with it"],
  ["← ↑ → ↓", "on the query's picture: move the box; with Shift size it"],
  ["Ctrl A", "on the map: take all points"],
  ["1 … 9", "in the label view: give the selection, or the tile with the focus, the label of this number"],
  ["← ↑ → ↓", "in the label view: to the next tile; with Shift select on the way; Shift and a click select a range"],
];

export function Help() {
  if (!isHelpOpen.value) return null;
  const close = (): void => void (isHelpOpen.value = false);
  return (
    <Dialog title="Keys" onClose={close} testid="help">
      <table class="keys-told">
        <tbody>
          {KEYS.map(({ keys, does, everywhere }) => (
            <tr key={does}>
              <th scope="row">
                <kbd>{keys[0]}</kbd>
              </th>
              <td>
                {does} {!everywhere && <span class="note">in the search</span>}
              </td>
            </tr>
          ))}
          {VIEWER_KEYS.map(([key, does]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>
                {does} <span class="note">in the compare view</span>
              </td>
            </tr>
          ))}
          {OTHERS.map(([name, does]) => (
            <tr key={does}>
              <th scope="row">
                <kbd>{name}</kbd>
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">
        Drop pictures, volumes or the folder of a series anywhere to search with them; draw a box on the query to search
        by a region. A double click on a hit compares it.
      </p>
      <footer>
        <button autofocus onClick={close}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
