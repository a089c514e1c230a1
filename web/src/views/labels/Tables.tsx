/** Labels as a table: saved, changed in a spreadsheet, and read back in one change. */
import { Download, Upload } from "lucide-preact";
import { useRef } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { save } from "../../ui/files";
import { sayProblem } from "../../ui/notice";
import { importLabels } from "./changes";

export function Tables({ where }: { where: string | null }) {
  const words = messages.value.labels;
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
        title={words.saveTableTitle}
        data-testid="export-labels"
        onClick={() => void give()}
      >
        <Download aria-hidden="true" />
        {words.saveTable}
      </button>
      <button title={words.readTableTitle} onClick={() => input.current?.click()}>
        <Upload aria-hidden="true" />
        {words.readTable}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".csv,.tsv,.txt"
        aria-label={words.table}
        data-testid="import-labels"
        onChange={(event) => void read(event.currentTarget.files?.[0])}
      />
    </>
  );
}
