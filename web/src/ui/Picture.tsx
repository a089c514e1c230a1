/** A picture of the server. With a key it is fetched with the key, since an <img> sends none. */
import { useEffect, useState } from "preact/hooks";
import { api, plainAddress } from "../api";

interface Props {
  path: string;
  alt: string;
  onLoad?: (width: number, height: number) => void;
  lazy?: boolean;
}

export function Picture({ path, alt, onLoad, lazy = false }: Props) {
  const [address, setAddress] = useState<string | null>(plainAddress(path));
  useEffect(() => {
    const plain = plainAddress(path);
    setAddress(plain);
    if (plain) return;
    const abort = new AbortController();
    let made = "";
    api.blob(path, abort.signal).then(
      (blob) => setAddress((made = URL.createObjectURL(blob))),
      () => undefined,
    );
    return () => {
      abort.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path]);
  return (
    <img
      src={address ?? undefined}
      alt={alt}
      draggable={false}
      loading={lazy ? "lazy" : "eager"}
      onLoad={(event) => onLoad?.(event.currentTarget.naturalWidth, event.currentTarget.naturalHeight)}
    />
  );
}
