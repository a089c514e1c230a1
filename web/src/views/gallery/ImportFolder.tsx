/** One of the folders that the administrator configured, or a folder in it: chosen from the outermost in. */
import { FolderInput } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { gallery } from "../../state";
import { sayProblem } from "../../ui/notice";
import type { ImportFolders } from "../../types";

interface Props {
  /** The names of the import folder and of those that lead to the chosen one. */
  onImport: (way: readonly string[]) => Promise<void>;
}

export function ImportFolder({ onImport }: Props) {
  const words = messages.value.holdings;
  const roots = gallery.value?.imports ?? [];
  const [way, setWay] = useState<readonly string[]>([]);
  /** What each folder on the way holds, as far as it was told. */
  const [inner, setInner] = useState<readonly ImportFolders[]>([]);

  const choose = (depth: number, name: string): void => {
    setWay(name ? [...way.slice(0, depth), name] : way.slice(0, depth));
    setInner(inner.slice(0, depth));
  };
  useEffect(() => {
    const [root, ...subfolders] = way;
    if (root === undefined || inner.length >= way.length) return;
    let current = true;
    api
      .importFolders(root, { subfolders })
      .then((found) => current && setInner([...inner.slice(0, subfolders.length), found]), sayProblem);
    return () => void (current = false);
  }, [way]);

  if (roots.length === 0) return null;
  const levels = [{ items: roots, left_out: 0 }, ...inner.slice(0, way.length)].filter(({ items }) => items.length > 0);
  return (
    <div class="row" data-testid="import">
      {levels.map(({ items, left_out }, depth) => (
        <select
          key={depth}
          aria-label={depth ? words.subfolderOf(way[depth - 1] ?? "") : words.importFolder}
          value={way[depth] ?? ""}
          data-testid={depth ? "import-subfolder" : "import-folder"}
          onChange={(event) => choose(depth, event.currentTarget.value)}
        >
          <option value="">{depth ? words.allOfFolder(way[depth - 1] ?? "") : words.chooseFolder}</option>
          {items.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
          {left_out > 0 && <option disabled>{words.moreFolders(left_out)}</option>}
        </select>
      ))}
      <button
        disabled={way.length === 0}
        data-testid="import-start"
        onClick={() => void onImport(way).catch(sayProblem)}
      >
        <FolderInput aria-hidden="true" />
        {words.import}
      </button>
    </div>
  );
}
