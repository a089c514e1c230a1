/** Switches to the other language, which it names in that language. */
import { chooseLanguage, messages, otherLanguage } from "../messages";

export function LanguageSwitch() {
  const other = otherLanguage.value;
  const short = other.toUpperCase();
  // A voice that says what it reads finds the button.
  const name = `${messages.value.frame.switchTo} (${short})`;
  return (
    <button onClick={() => chooseLanguage(other)} data-testid="language" lang={other} aria-label={name} title={name}>
      {short}
    </button>
  );
}
