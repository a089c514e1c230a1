/** What the query's own patient may answer with: nothing, as is usual, or studies by their time. */
import { EMPTY, OWN_PATIENT, type OwnPatient } from "../../route";
import { ask, asking } from "../../state";

const SAID: Record<OwnPatient, string> = {
  nothing: "left out",
  earlier: "earlier only",
  all: "included",
  "not earlier": "not earlier",
};

export function InTime() {
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
        Own patient
        <select
          value={ownPatient}
          data-testid="own-patient"
          onChange={(event) => ask({ ownPatient: event.currentTarget.value as OwnPatient, before: "" })}
        >
          {OWN_PATIENT.map((each) => (
            <option key={each} value={each}>
              {SAID[each]}
            </option>
          ))}
        </select>
      </label>
      {ownPatient === "earlier" && (
        <form onSubmit={submit}>
          <label class="spread muted">
            Before
            <input
              name="before"
              key={before}
              defaultValue={before}
              maxLength={20}
              autocomplete="off"
              placeholder="days or 2024-01-31"
              title="At least so many days before the query's study, or before a date"
              data-testid="before"
            />
          </label>
        </form>
      )}
    </>
  );
}
