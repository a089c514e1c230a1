/** Which parts of the two pictures match: patches of the query left, of the hit right. */
import { useEffect, useState } from "preact/hooks";
import { api, paths, type Thing } from "../../api";
import { pictureOf } from "../../body";
import { messages } from "../../messages";
import { asking, gallery } from "../../state";
import type { Explanation, Hit } from "../../types";
import { HeatPicture } from "../../ui/HeatPicture";

/** The picture of the query, where it has one. */
export function askedThing(): Thing | null {
  const { asked, positive } = asking.value;
  if (asked?.kind === "upload") return { upload: asked.id };
  if (asked?.kind === "uploads") return { upload: asked.ids[0]! };
  if (asked?.kind === "record" || asked?.kind === "study") return { record: asked.id };
  const first = asked?.ids[0] ?? positive[0];
  return first === undefined ? null : { record: first };
}

export async function explanationOf(id: string, abort: AbortSignal): Promise<Explanation> {
  const query = pictureOf(asking.peek());
  if (!query) throw new Error(messages.peek().search.noPair);
  return api.explain({ query, record: id, space: asking.peek().space }, abort);
}

export function Why({ hit }: { hit: Hit }) {
  const words = messages.value.search;
  const [explanation, setExplanation] = useState<Explanation | null>(null);
  const [trouble, setTrouble] = useState("");
  const thing = askedThing();
  const can = pictureOf(asking.value) !== null && gallery.value?.encoder.patches;
  useEffect(() => {
    if (!can) return;
    const abort = new AbortController();
    // Moving through hits with j and k asks only for the one that is stayed at.
    const timer = setTimeout(() => {
      explanationOf(hit.id, abort.signal).then(
        setExplanation,
        (error: Error) => abort.signal.aborted || setTrouble(error.message),
      );
    }, 150);
    return () => (clearTimeout(timer), abort.abort());
  }, [hit.id, can]);
  if (!can || !thing) return null;
  return (
    <section data-testid="why">
      <h3>{words.why(hit.rank)}</h3>
      <div class="pair">
        <HeatPicture
          path={paths.picture(thing, explanation?.query.slice)}
          alt={words.queryAlt}
          explained={explanation?.query ?? null}
          box={asking.value.roi?.box ?? null}
        />
        <HeatPicture
          path={paths.picture({ record: hit.id }, explanation?.hit.slice)}
          alt={words.number(hit.rank)}
          explained={explanation?.hit ?? null}
          box={explanation?.hit.box ?? null}
        />
      </div>
      <p class="note">{trouble || words.whyNote}</p>
    </section>
  );
}
