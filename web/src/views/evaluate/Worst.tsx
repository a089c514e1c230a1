/** The failure gallery: the queries whose nearest records share no label with them, the worst first. */
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { searchFor } from "../../state";
import { Picture } from "../../ui/Picture";

export function Worst({ ids }: { ids: string[] }) {
  const [labels, setLabels] = useState<Record<string, string>>({});
  useEffect(() => {
    for (const id of ids) {
      // One that was deleted since stays without its words.
      const tell = (words: string): void => setLabels((old) => ({ ...old, [id]: words }));
      api.record(id).then(
        (record) => tell(record.labels.join(", ")),
        () => tell("no longer here"),
      );
    }
  }, [ids.join()]);
  return (
    <section class="stack" aria-label="Worst queries" data-testid="worst">
      <h3>Worst queries first</h3>
      <div class="tiles large">
        {ids.map((id) => (
          <button
            class="tile"
            key={id}
            data-testid="worst-query"
            title="Search with it"
            aria-label={`Search with this query: ${labels[id] ?? ""}`}
            onClick={() => searchFor({ kind: "record", id })}
          >
            <Picture path={paths.thumbnail(id)} alt="" lazy />
            <span class="under">{labels[id]}</span>
          </button>
        ))}
      </div>
      <p class="note">
        Look at them: a wrong label, a foreign picture, or a class that looks like another? A press searches with
        one.
      </p>
    </section>
  );
}
