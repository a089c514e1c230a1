/** The frame around every view. */
import { Suspense } from "preact/compat";
import { gone, locked } from "./api";
import { useDrops } from "./frame/drops";
import { Foot } from "./frame/Foot";
import { Head } from "./frame/Head";
import { Help } from "./frame/Help";
import { isAsked, isFront } from "./galleries";
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
  const Shown = SHOWN[route.value.view][2];
  const over = useDrops();
  return (
    <div class="shell">
      <Head />
      <nav aria-label="Views">
        <ul>
          {Object.entries(SHOWN).map(([view, [name, Icon]]) => (
            <li key={view}>
              <button
                aria-current={route.value.view === view ? "page" : undefined}
                data-testid={`nav-${view}`}
                onClick={() => go(view as View)}
              >
                <Icon aria-hidden="true" />
                {name}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div class="view">
        {gone.value && (
          <div class="banner" role="alert" data-testid="server-gone">
            <span class="working">The server does not answer. Your query is kept; trying again…</span>
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
            {route.value.view === "gallery" ? "Drop to add to the gallery" : "Drop to search with it"}
          </div>
        )}
      </div>
      <Foot />
      <Help />
    </div>
  );
}
