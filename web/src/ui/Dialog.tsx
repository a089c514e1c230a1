/** The browser's own modal dialog: it keeps the focus, and Escape closes it. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
  /** Escape does not close it. */
  stays?: boolean;
  testid?: string;
}

export function Dialog({ title, onClose, children, wide = false, stays = false, testid }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => before?.focus();
  }, []);
  // By itself a browser clears a search field at the first Escape and closes the dialog at the second.
  const leave = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || stays) return;
    event.preventDefault();
    element.current?.close();
  };
  return (
    <dialog
      ref={element}
      class={wide ? "wide" : ""}
      aria-label={title}
      onClose={onClose}
      onCancel={(event) => stays && event.preventDefault()}
      onKeyDown={leave}
      data-testid={testid}
    >
      <div class="dialog">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
