/** The HTTP contract, as far as the page reads it. Names are the server's. */

export type Attribute = string | number | boolean | null | ReadonlyArray<string | number>;
export type Attributes = Readonly<Record<string, Attribute>>;
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Space {
  name: string;
  kind: "base" | "adapter";
}

export interface Gallery {
  name: string;
  records: number;
  refused: number;
  encoder: { name: string; dim: number; text: boolean; patches: boolean; note: string; trained_on: string[] };
  spaces: Space[];
  fields: { name: string; kind: "text" | "number" }[];
  labels: string[];
  volumes: boolean;
  patches: boolean;
  imports: string[];
  role: "reader" | "contributor" | "admin";
  disclaimer: string;
}

export type ViewerKind = "dicom" | "volume" | "picture";

export interface Upload {
  id: string;
  name: string;
  kind: "image" | "volume";
  rows: number;
  columns: number;
  depth: number;
  modality: string | null;
  window: [number, number] | null;
  viewer: ViewerKind;
  files: number;
}

export interface Roi {
  image?: string;
  record?: string;
  slice: number | null;
  box: Box;
}

export interface Query {
  image?: string;
  volume?: string;
  text?: string;
  roi?: Roi;
  ids?: string[];
}

export interface SearchBody {
  query: Query;
  positive: string[];
  negative: string[];
  where: string | null;
  space: string;
  group_by: "patient" | null;
  k: number;
  explain: boolean;
}

export interface Match {
  query_slice: number;
  slice: number;
  score: number;
  slices: number[];
}

export interface Hit {
  rank: number;
  score: number;
  percentile: number | null;
  id: string;
  source: string;
  labels: string[];
  attributes: Attributes;
  patient: string;
  depth: number;
  match: Match | null;
  region: { slice: number; box: Box; score: number } | null;
}

export interface SearchResult {
  space: string;
  hits: Hit[];
  query: string;
  seconds: Record<string, number>;
  records: number;
  encoder: string;
  note: string;
  abstained: boolean;
  background: { edges: number[]; counts: number[] } | null;
}

export interface Explained {
  rows: number;
  columns: number;
  slice: number;
  heat: number[][];
  box: Box | null;
}

export interface Explanation {
  query: Explained;
  hit: Explained;
  match: Match | null;
}

export interface LabelProbability {
  label: string;
  probability: number;
  finding: string | null;
}

export interface Evidence {
  id: string;
  score: number;
  labels: string[];
  weight: number | null;
  source: string;
}

export interface ClassifyResult {
  labels: LabelProbability[];
  abstained: boolean;
  evidence: Evidence[];
  reason: string;
  similarity: number | null;
  background: number | null;
  multi_label: boolean;
  calibrated: string;
  notes: string[];
}

export interface Stored {
  id: string;
  source: string;
  labels: string[];
  attributes: Attributes;
  patient: string;
  depth: number;
  frame: number;
}

export interface Facet {
  field: string;
  kind: "text" | "number";
  values: { value: string; count: number }[];
  min: number | null;
  max: number | null;
}

export interface Refusal {
  source: string;
  reason: string;
  detail: string;
}

export interface Job {
  id: string;
  kind: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  progress: {
    done: number;
    total: number | null;
    rate: number | null;
    seconds_left: number | null;
    message: string;
  } | null;
  error: string | null;
  /** Seconds since 1970. */
  created: number;
  started: number | null;
  finished: number | null;
  result: unknown;
}

export interface MapPoints {
  method: string;
  space: string;
  ids: string[];
  x: number[];
  y: number[];
}

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}

export type Figures = Record<string, number | null>;
export type Interval = [number | null, number | null];

export interface Scores {
  micro: Figures;
  macro: Figures;
  per_class: Record<string, Figures>;
  micro_intervals: Record<string, Interval>;
  macro_intervals: Record<string, Interval>;
  per_class_intervals: Record<string, Record<string, Interval>>;
}

export interface Report {
  queries: number;
  patients: number;
  unscored: number;
  split: string;
  space: string;
  seed: number;
  micro: Figures;
  macro: Figures;
  per_class: Record<string, Figures>;
  chance: Figures;
  intervals: Scores;
  class_sizes: Record<string, number>;
  audit: { sentence: string };
  worst: string[];
  notes: string[];
  baseline: Scores | null;
  gain: Record<string, [number | null, number | null, number | null]>;
}

/** What the protocol "classifiers" finds: rows of a confusion are the true label, columns the answer. */
export interface ClassifierReport {
  methods: Record<
    string,
    { accuracy: number; accuracy_interval: Interval; abstained: number; confusion: number[][] | null }
  >;
  classes: string[];
  folds: number;
  seed: number;
}
