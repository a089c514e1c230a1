/** A picture of the server. With a key it is fetched with the key, since an <img> sends none. */
import { useEffect, useState } from "preact/hooks";
import { api, plainAddress } from "../api";
import { messages } from "../messages";

interface Props {
  path: string;
  alt: string;
  onLoad?: (width: number, height: number) => void;
  /** The server has no such picture. Without it a plain word stands in its place. */
  onMissing?: () => void;
  lazy?: boolean;
}

export function Picture({ path, alt, onLoad, onMissing, lazy = false }: Props) {
  const [address, setAddress] = useState<string | null>(plainAddress(path));
  const [missing, setMissing] = useState("");
  const miss = (): void => (setMissing(path), onMissing?.());
  useEffect(() => {
    const plain = plainAddress(path);
    setAddress(plain);
    if (plain) return;
    const abort = new AbortController();
    let made = "";
    api.blob(path, abort.signal).then(
      (blob) => setAddress((made = URL.createObjectURL(blob))),
      () => abort.signal.aborted || miss(),
    );
    return () => {
      abort.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path]);
  if (missing === path) {
    return (
      <span class="no-picture" role="img" aria-label={alt} data-testid="no-picture">
        {messages.value.common.noPicture}
      </span>
    );
  }
  return (
    <img
      src={address ?? undefined}
      alt={alt}
      draggable={false}
      loading={lazy ? "lazy" : "eager"}
      onLoad={(event) => onLoad?.(event.currentTarget.naturalWidth, event.currentTarget.naturalHeight)}
      onError={() => address && address === plainAddress(path) && miss()}
    />
  );
}
