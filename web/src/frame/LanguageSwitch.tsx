/** Switches to the other language, which it names in that language. */
import { chooseLanguage, messages, otherLanguage } from "../messages";

export function LanguageSwitch() {
  const other = otherLanguage.value;
  const name = messages.value.frame.switchTo;
  return (
    <button onClick={() => chooseLanguage(other)} data-testid="language" lang={other} aria-label={name} title={name}>
      {other.toUpperCase()}
    </button>
  );
}
