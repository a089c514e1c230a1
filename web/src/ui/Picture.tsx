/**
 * A picture of the server. With a key it is fetched with the key, since an <img> sends none; without one where the <img>
 * failed, which asks once and cannot say why: the picture may come a little later.
 */
import { useEffect, useState } from "preact/hooks";
import { api, back, plainAddress, Problem } from "../api";
import { messages } from "../messages";

interface Props {
  path: string;
  alt: string;
  onLoad?: (width: number, height: number) => void;
  /** The server has no such picture. Without it a plain word stands in its place. */
  onMissing?: () => void;
  lazy?: boolean;
}

/** Its bytes; from a server that is gone, once it is back. */
const bytesOf = (path: string, abort: AbortSignal): Promise<Blob> =>
  api.blob(path, abort).catch(async (error: unknown) => {
    if (!(error instanceof Problem) || error.status !== 0) throw error;
    await back();
    return api.blob(path, abort);
  });

export function Picture({ path, alt, onLoad, onMissing, lazy = false }: Props) {
  const [address, setAddress] = useState<string | null>(plainAddress(path));
  const [failed, setFailed] = useState("");
  const [missing, setMissing] = useState("");
  const isFailed = failed === path;
  const miss = (): void => (setMissing(path), onMissing?.());
  useEffect(() => {
    const plain = isFailed ? null : plainAddress(path);
    setAddress(plain);
    if (plain) return;
    const abort = new AbortController();
    let made = "";
    bytesOf(path, abort.signal).then(
      (blob) => setAddress((made = URL.createObjectURL(blob))),
      () => abort.signal.aborted || miss(),
    );
    return () => {
      abort.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path, isFailed]);
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
      onError={() => address && address === plainAddress(path) && setFailed(path)}
    />
  );
}
