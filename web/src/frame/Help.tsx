/** All keys, and what a mouse or a finger does: opened by `?` or the button of the head. */
import { isHelpOpen, KEYS } from "../keyboard";
import { messages } from "../messages";
import { Dialog } from "../ui/Dialog";
import { VIEWER_KEYS } from "../views/compare/keys";

export function Help() {
  if (!isHelpOpen.value) return null;
  const words = messages.value.help;
  const close = (): void => void (isHelpOpen.value = false);
  return (
    <Dialog title={words.title} onClose={close} testid="help">
      <table class="keys-told">
        <tbody>
          {KEYS.map(({ keys, does, everywhere }) => (
            <tr key={does}>
              <th scope="row">
                <kbd>{keys[0]}</kbd>
              </th>
              <td>
                {words.keys[does]} {!everywhere && <span class="note">{words.inSearch}</span>}
              </td>
            </tr>
          ))}
          {VIEWER_KEYS.map(([key, does]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>
                {does()} <span class="note">{words.inCompare}</span>
              </td>
            </tr>
          ))}
          {/* What has the focus listens to these by itself. */}
          {words.others.map(([name, does]) => (
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
        {words.drop}
      </p>
      <footer>
        <button autofocus onClick={close}>
          {messages.value.common.close}
        </button>
      </footer>
    </Dialog>
  );
}
