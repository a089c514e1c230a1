/** The views there are: one line each. Its key stands in the address, its name in the messages; a view's code is loaded when it is first shown. */
import { ChartColumn, Glasses, Images, ScatterChart, Search, Sparkles, Tags } from "lucide-preact";
import type { LucideIcon } from "lucide-preact";
import type { ComponentType } from "preact";
import { lazy } from "preact/compat";

type Shown = [icon: LucideIcon, view: ComponentType];

const later = (load: () => Promise<ComponentType>): ComponentType => lazy(async () => ({ default: await load() }));

export const SHOWN = {
  search: [Search, later(async () => (await import("./search/SearchView")).SearchView)],
  map: [ScatterChart, later(async () => (await import("./map/MapView")).MapView)],
  labels: [Tags, later(async () => (await import("./labels/LabelsView")).LabelsView)],
  readings: [Glasses, later(async () => (await import("./readings/ReadingsView")).ReadingsView)],
  adapt: [Sparkles, later(async () => (await import("./adapt/AdaptView")).AdaptView)],
  evaluate: [ChartColumn, later(async () => (await import("./evaluate/EvaluateView")).EvaluateView)],
  gallery: [Images, later(async () => (await import("./gallery/GalleryView")).GalleryView)],
} satisfies Record<string, Shown>;

export type View = keyof typeof SHOWN;

export const isView = (name: string): name is View => Object.hasOwn(SHOWN, name);
