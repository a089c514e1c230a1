/** The frame around every view. */
import { ChartColumn, Images, ScatterChart, Search, Sparkles, Tags } from "lucide-preact";
import type { LucideIcon } from "lucide-preact";
import type { ComponentType } from "preact";
import { lazy, Suspense } from "preact/compat";
import { gone, locked } from "./api";
import { useDrops } from "./frame/drops";
import { Foot } from "./frame/Foot";
import { Head } from "./frame/Head";
import type { View } from "./route";
import { galleryProblem, go, route } from "./state";
import { Notice } from "./ui/notice";
import { KeyEntry } from "./views/KeyEntry";
import { SearchView } from "./views/search/SearchView";

const later = (load: () => Promise<ComponentType>): ComponentType => lazy(async () => ({ default: await load() }));
const SHOWN: Record<View, [name: string, icon: LucideIcon, view: ComponentType]> = {
  search: ["Search", Search, SearchView],
  map: ["Map", ScatterChart, later(async () => (await import("./views/map/MapView")).MapView)],
  labels: ["Label", Tags, later(async () => (await import("./views/labels/LabelsView")).LabelsView)],
  adapt: ["Adapt", Sparkles, later(async () => (await import("./views/adapt/AdaptView")).AdaptView)],
  evaluate: [
    "Evaluate",
    ChartColumn,
    later(async () => (await import("./views/evaluate/EvaluateView")).EvaluateView),
  ],
  gallery: ["Gallery", Images, later(async () => (await import("./views/gallery/GalleryView")).GalleryView)],
};

export function App() {
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
      <Notice />
      {locked.value && <KeyEntry />}
    </div>
  );
}
