/** The frame around every view. */
import { Suspense } from "preact/compat";
import { gone, locked } from "./api";
import { useDrops } from "./frame/drops";
import { Foot } from "./frame/Foot";
import { Head } from "./frame/Head";
import { Help } from "./frame/Help";
import { isAsked, isFront } from "./galleries";
import { messages } from "./messages";
import { session } from "./session";
import { galleryProblem, go, route } from "./state";
import { Notice } from "./ui/notice";
import { Front } from "./views/Front";
import { KeyEntry } from "./views/KeyEntry";
import { SHOWN, type View } from "./views/shown";

export function App() {
  if (!isAsked.value) return <div class="shell" />;
  return (
    <>
      {isFront.value ? <Front /> : <GalleryPage />}
      <Notice />
      {locked.value && session.value && <KeyEntry />}
    </>
  );
}

function GalleryPage() {
  const Shown = SHOWN[route.value.view][1];
  const over = useDrops();
  const words = messages.value.frame;
  return (
    <div class="shell">
      <Head />
      <nav aria-label={words.views}>
        <ul>
          {Object.entries(SHOWN).map(([view, [Icon]]) => (
            <li key={view}>
              <button
                aria-current={route.value.view === view ? "page" : undefined}
                data-testid={`nav-${view}`}
                onClick={() => go(view as View)}
              >
                <Icon aria-hidden="true" />
                {words.view[view as View]}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div class="view">
        {gone.value && (
          <div class="banner" role="alert" data-testid="server-gone">
            <span class="working">{words.gone}</span>
          </div>
        )}
        {!gone.value && galleryProblem.value && !locked.value && (
          <div class="banner" role="alert">
            {galleryProblem.value}
          </div>
        )}
        <Suspense fallback={<p class="empty working">…</p>}>
          <Shown />
        </Suspense>
        {over && (
          <div class="dropping" data-testid="dropping">
            {route.value.view === "gallery" ? words.dropToAdd : words.dropToSearch}
          </div>
        )}
      </div>
      <Foot />
      <Help />
    </div>
  );
}
