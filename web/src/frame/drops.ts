import { useLayoutEffect, useState } from "preact/hooks";
import { askWith } from "../search";
import { go, route } from "../state";
import { dropped } from "../ui/files";
import { pending } from "../views/gallery/pending";

/** Files may be dropped anywhere: they become the query, or on the gallery's page new images. */
export function useDrops(): boolean {
  const [over, setOver] = useState(false);
  useLayoutEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const drag = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => void (event.relatedTarget === null && setOver(false));
    const drop = async (event: DragEvent): Promise<void> => {
      setOver(false);
      if (!hasFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      const files = await dropped(event.dataTransfer);
      if (route.value.view === "gallery") pending.value = [...pending.value, ...files];
      else {
        if (route.value.view !== "search") go("search");
        await askWith(files);
      }
    };
    const dropNow = (event: DragEvent): void => void drop(event);
    addEventListener("dragover", drag);
    addEventListener("dragleave", leave);
    addEventListener("drop", dropNow);
    return () => (
      removeEventListener("dragover", drag),
      removeEventListener("dragleave", leave),
      removeEventListener("drop", dropNow)
    );
  }, []);
  return over;
}
