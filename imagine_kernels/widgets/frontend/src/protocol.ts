/** What travels between page and kernel. */

export type Status = "predicted" | "validated" | "dubious" | "discarded";
export const STATUSES: readonly Status[] = ["predicted", "validated", "dubious", "discarded"];

/** What the use case calls its things. */
export interface Words {
  title: string;
  sentence: string;
  unit: string;
  units: string;
  taxon: string;
  taxa: string;
}

export interface SettingField {
  name: string;
  kind: "bool" | "int" | "float" | "str";
  unit: string;
  help: string;
  value: string | number | boolean | null;
  minimum: number | null;
  maximum: number | null;
}

export interface RecentSession {
  session: string;
  name: string;
  source: string;
  when: string;
  corrections: number;
}

export interface ModelFacts {
  name: string;
  version: string;
  hash: string;
  recipe: string;
  n_held_out: number | null;
  metrics: { name: string; value: number; low: number | null; high: number | null }[];
  classes: string[];
}

/** A mark that stands in brackets behind a taxon, and its key. */
export interface LabelMark {
  name: string;
  key: string;
}

/** Names that come along, with their numbers in WoRMS or an empty text. */
export interface LabelSet {
  name: string;
  labels: { name: string; aphia_id: string }[];
}

/** A native format that can be downloaded. */
export interface ExportChoice {
  kind: string;
  name: string;
  note: string;
}

export interface Hello {
  words: Words;
  exports: ExportChoice[];
  label_sets: LabelSet[];
  settings: SettingField[];
  reads: string[];
  marks: LabelMark[];
  recent: RecentSession[];
  home_url: string | null;
  last: string | null;
}

/** A model that can be chosen; `name` null is the starter model. */
export interface ModelChoice {
  name: string | null;
  words: string;
}

export interface FolderEntry {
  name: string;
  path: string;
  kind: "folder" | "file";
  note: string;
}

export interface Folder {
  path: string;
  shown: string;
  parent: string | null;
  roots: { name: string; path: string }[];
  entries: FolderEntry[];
  more: number;
}

export interface Progress {
  stage: string;
  done: number;
  total: number;
  left_s: number | null;
}

export interface ProblemRow {
  item: string;
  line: number | null;
  severity: "error" | "warning";
  what: string;
  remedy: string;
}

/** A row of the append-only list of corrections. */
export interface Correction {
  sequence: number;
  object_ids: string[];
  label: string | null;
  status: Status | null;
  undoes: number | null;
  /** The parts that the object was divided into, none where it was joined again; null for other corrections. */
  parts?: string[] | null;
}

/** Parts of an object, at the end of the table: their columns come as those of `Ready`. */
export interface Parts {
  ids: string[];
  samples: string[];
  /** The row of the first of them, and that of the object that they are parts of. */
  first: number;
  whole: number;
}

/** An object to draw a cut through: where its picture lies in its source, and the lines that are proposed, in px of that. */
export interface CutView {
  x: number;
  y: number;
  width: number;
  height: number;
  lines: Point[][];
  type: string;
}

export type Point = [number, number];

/** A rule after which objects are proposed for removal. */
export interface Proposal {
  rule: string;
  name: string;
  sentence: string;
}

export interface Ready {
  session: string;
  name: string;
  source: string;
  layout: string;
  ids: string[];
  classes: string[];
  samples: string[];
  sorts: string[];
  proposals: Proposal[];
  /** The probability from which on an object is likely several; null where objects are not divided. */
  multiples_above?: number | null;
  corrections: Correction[];
  problems: ProblemRow[];
  model: ModelFacts | null;
  seconds: number | null;
}

export interface AbundanceRow {
  sample: string;
  taxon: string;
  counted: number;
  validated: number;
  /** The row of the whole sample. */
  total: boolean;
  values: Record<string, [number | null, number | null, number | null]>;
}

export interface SpectrumPoint {
  sample: string;
  taxon: string;
  x: number | null;
  y: number | null;
  low: number | null;
  high: number | null;
  n: number;
  used: boolean;
  /** Why it is not in the fit; empty where it is. */
  why: string;
}

export interface SpectrumFit {
  sample: string;
  taxon: string;
  slope: number | null;
  intercept: number | null;
  low: number | null;
  high: number | null;
  r2: number | null;
}

export interface Quantity {
  key: string;
  corrected: string | null;
  name: string;
  unit: string;
}

/** A number with the ends of its interval where it has one, or a text. */
export type Cell = string | [number | null, number | null, number | null];

export interface OtherTable {
  title: string;
  columns: { name: string; unit: string }[];
  /** `sample` is empty where a row belongs to none. */
  rows: { sample: string; cells: Cell[] }[];
  /** Rows that only the download holds. */
  left: number;
}

/** How far the count of a sample is that goes on until enough is counted. */
export interface CountState {
  sample: string;
  counted: number;
  wanted: number;
  noun: string;
  sentence: string;
  remark: string;
  parts: { name: string; n: number; of: number; low: number | null; high: number | null; remark: string }[];
  /** Points of x, what was met by then, what is expected over all orders, and the ends of its interval. */
  curve: { x: string; y: string; points: [number, number, number, number, number][] } | null;
}

export interface Quantities {
  sequence: number;
  quantities: Quantity[];
  rows: AbundanceRow[];
  spectrum: { x: string; y: string; points: SpectrumPoint[]; fits: SpectrumFit[] } | null;
  counting: CountState[];
  /** Whatever else was measured, as it is. */
  tables: OtherTable[];
  notes: string[];
  /** What somebody must act on. */
  alerts: string[];
}

export interface Download {
  token: string;
  name: string;
  size: number;
  type: string;
}
