/** Labels as a table: saved, changed in a spreadsheet, and read back in one change. */
import { Download, Upload } from "lucide-preact";
import { useRef } from "preact/hooks";
import { api } from "../../api";
import { save } from "../../ui/files";
import { sayProblem } from "../../ui/notice";
import { importLabels } from "./changes";

export function Tables({ where }: { where: string | null }) {
  const input = useRef<HTMLInputElement>(null);
  const give = async (): Promise<void> => {
    try {
      save(await api.labelTable(where), "labels.csv");
    } catch (error) {
      sayProblem(error);
    }
  };
  const read = async (file: File | undefined): Promise<void> => {
    if (file) await importLabels(file);
    if (input.current) input.current.value = "";
  };
  return (
    <>
      <button
        title="A CSV table of ids and labels, of the records that the filter allows"
        data-testid="export-labels"
        onClick={() => void give()}
      >
        <Download aria-hidden="true" />
        Save table
      </button>
      <button title="A CSV table with the columns id and labels" onClick={() => input.current?.click()}>
        <Upload aria-hidden="true" />
        Read table
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".csv,.tsv,.txt"
        aria-label="A table of labels"
        data-testid="import-labels"
        onChange={(event) => void read(event.currentTarget.files?.[0])}
      />
    </>
  );
}
