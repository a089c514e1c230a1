/** What the query's own patient may answer with: nothing, as is usual, or studies by their time. */
import { messages } from "../../messages";
import { EMPTY, OWN_PATIENT, type OwnPatient } from "../../route";
import { ask, asking } from "../../state";

export function InTime() {
  const words = messages.value.search;
  const { asked, ownPatient, before } = asking.value;
  if (!asked && ownPatient === EMPTY.ownPatient) return null;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("before") as HTMLInputElement;
    ask({ before: field.value.trim() });
  };
  return (
    <>
      <label class="spread muted">
        {words.ownPatientIs}
        <select
          value={ownPatient}
          data-testid="own-patient"
          onChange={(event) => ask({ ownPatient: event.currentTarget.value as OwnPatient, before: "" })}
        >
          {OWN_PATIENT.map((each) => (
            <option key={each} value={each}>
              {words.ownPatientChoice[each]}
            </option>
          ))}
        </select>
      </label>
      {ownPatient === "earlier" && (
        <form onSubmit={submit}>
          <label class="spread muted">
            {words.before}
            <input
              name="before"
              key={before}
              defaultValue={before}
              maxLength={20}
              autocomplete="off"
              placeholder={words.beforeHint}
              title={words.beforeTitle}
              data-testid="before"
            />
          </label>
        </form>
      )}
    </>
  );
}
