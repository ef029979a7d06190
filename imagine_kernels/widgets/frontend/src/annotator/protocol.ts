/** What travels between the annotator's page and its kernel. */
import type { Folder, Status } from "../protocol";

export type ShapeKind =
  | "point" | "line" | "rectangle" | "rotated_rectangle" | "polygon" | "circle" | "ellipse" | "mask" | "keypoints" | "whole";

/**
 * A shape as `imagine_kernels.records.Shape` has it: pixels from the top left corner, in a recording s and Hz (y upwards).
 * The pair of NaN between two rings of a polygon travels as two nulls; an empty keyframe is a gap.
 */
export interface Shape {
  kind: ShapeKind;
  keyframes: (number | null)[][];
  frames: number[];
}

export interface LabelGiven {
  path: string[];
  annotator: string;
  given_at: string;
  confidence: number | null;
}

/** An annotation as the store holds it; edits are based on its `version`. */
export interface Mark {
  id: string;
  medium: string;
  shape: Shape;
  /** The one in force first. */
  labels: LabelGiven[];
  status: Status;
  track: string;
  attributes: Record<string, string | number | boolean>;
  version: number;
  deleted: boolean;
}

export interface Label {
  path: string[];
  aphia_id: number | null;
  rank: string;
  color: string;
  key: string;
  synonyms: string[];
}

export interface Tree {
  uid: string;
  name: string;
  version: number;
  frozen: boolean;
  labels: Label[];
}

export type Role = "view" | "annotate" | "review" | "own";

export interface ProjectSummary {
  uid: string;
  name: string;
  description: string;
  role: Role;
  annotations: number;
}

export interface Hello {
  person: string;
  title: string;
  sentence: string;
  projects: ProjectSummary[];
  /** Names of label trees that a new project may use. */
  trees: string[];
  /** Names of label sets that come along with the use case. */
  label_sets: string[];
  /** What can be imported and exported, by name of the format, with a few words for people. */
  formats: { name: string; words: string; writes: boolean }[];
  reads: string[];
  /** What the person has changed of the keys: action to key. */
  keys: Record<string, string>;
  home_url: string | null;
  /** The page with napari on a desktop; null where this server has none. */
  desktop_url: string | null;
}

export interface Project {
  uid: string;
  name: string;
  description: string;
  role: Role;
  person: string;
  tree: Tree | null;
  /** Where the history stands; `changes` are told from there on. */
  head: number;
  media: number;
  reviewed: number;
  statuses: Record<Status, number>;
  /** Number of annotations by label; [] has none. */
  labels: { path: string[]; counts: Partial<Record<Status, number>> }[];
  people: { who: string; role: Role }[];
  /** Models that can suggest labels; empty where there is none. */
  models: { name: string; words: string }[];
}

export interface MediumShown {
  name: string;
  kind: "picture" | "video" | "sound";
  width: number | null;
  height: number | null;
  duration_s: number | null;
  frame_rate_hz: number | null;
  sample_rate_hz: number | null;
  pixel_size_m: number | null;
  taken_at: string;
  counts: Partial<Record<Status, number>>;
  reviewed_by: Record<string, string>;
  assigned_to: string[];
  /** The file is at hand; where not, `note` says what to do. */
  here: boolean;
  note: string;
}

/** A page of the queue of media; `filter` of the question: all | todo | reviewed | mine, `text` in the name, `label` a path. */
export interface MediaPage {
  media: MediumShown[];
  total: number;
  /** Give it as `after` for the next page; null after the last. */
  next: string | null;
}

/** Tiles of `tile` px a side; level 0 is the smallest and fits into one, `levels - 1` is full size, each twice the one before. */
interface Tiled {
  width: number;
  height: number;
  tile: number;
  levels: number;
  type: string;
}

export interface PictureView extends Tiled {
  kind: "picture";
  bits: 8 | 16;
  colour: boolean;
}

/** A spectrogram is a picture whose columns are times and whose rows are frequencies, the highest at the top. */
export interface SoundView extends Tiled {
  kind: "sound";
  duration_s: number;
  sample_rate_hz: number;
  /** s and Hz of a column and a row of the full size. */
  second_per_px: number;
  hertz_per_px: number;
  /** Of the lightest and darkest value, in `unit`. */
  range: [number, number];
  unit: string;
  channels: number;
}

/** Frames come one by one, whole; `times[i]` is when frame i is shown, in s; `index` is complete once it is counted. */
export interface VideoView {
  kind: "video";
  width: number;
  height: number;
  frame_rate_hz: number;
  n_frames: number;
  duration_s: number;
}

export type View = PictureView | SoundView | VideoView;

export interface OpenedMedium {
  medium: MediumShown;
  view: View;
  marks: Mark[];
  head: number;
}

/** One change; what is left out stays as it is. See `imagine_kernels.annotation.Edit`. */
export interface Edit {
  id: string;
  base: number;
  after?: string;
  key: string;
  medium?: string;
  shape?: Shape;
  labels?: LabelGiven[];
  status?: Status;
  track?: string;
  attributes?: Record<string, string | number | boolean>;
  deleted?: boolean;
}

export interface Conflict {
  id: string;
  key: string;
  /** What both changed differently. */
  parts: string[];
  base: Mark | null;
  theirs: Mark | null;
  ours: Mark | null;
  sentence: string;
}

export interface Written {
  saved: { id: string; key: string; version: number }[];
  conflicts: Conflict[];
  refused: { id: string; key: string; why: string }[];
  head: number;
}

/** Told by the kernel when anybody has changed anything: the marks as they are now, deleted ones too. */
export interface Changes {
  project: string;
  head: number;
  marks: Mark[];
  reviews: { medium: string; person: string; time: string; reviewed: boolean }[];
  /** Who did it. */
  people: string[];
  /** More has happened than is told here: ask anew. */
  more: boolean;
}

export interface Statistics {
  people: { name: string; annotations: number; reviewed: number }[];
  days: { day: string; annotations: number }[];
  labels: Project["labels"];
}

export interface HistoryEvent {
  sequence: number;
  author: string;
  time: string;
  kind: string;
  /** In words: "label Sponges", "moved", "deleted". */
  words: string;
  mark: Mark | null;
}

/** A thing that has one label: a mark, or where `id` is null a medium as a whole, in which nothing is marked yet. */
export interface GridItem {
  medium: string;
  id: string | null;
  version: number;
  /** [] where it has no label. */
  path: string[];
  status: Status | "";
  /** Probability that the model gives to the label it has; null where the model does not know that label. */
  own: number | null;
  /** The best first, at most three. */
  suggestions: Suggestion[];
}

export interface Suggestion {
  path: string[];
  probability: number;
}

export interface ModelShown {
  name: string;
  words: string;
  classes: string[];
  starter: boolean;
}

/** A new model, tried on the same held-out media as the one in use: how often each is right (0…1), and the gain with its 95 % interval. */
export interface Offer {
  model: string;
  better: boolean;
  now: number;
  new: number;
  gain: number;
  low: number;
  high: number;
  items: number;
  media: number;
  words: string;
}

export interface Help {
  models: ModelShown[];
  /** The one in use in this project. */
  model: string | null;
  /** Labels validated since the last training; after `every` of them the model is trained again. */
  corrections: number;
  every: number;
  running: "" | "predict" | "retrain";
  offer: Offer | null;
}

/** What to label next, and why. */
export interface Proposed extends GridItem {
  score: number;
  why: string;
}

/** How many labels are still needed until a quantity is known so well. */
export interface Needed {
  labels: number;
  relative: number;
  value: number;
  error: number;
  unit: string;
  words: string;
}

export type Way = "uncertainty" | "diversity" | "novelty" | "mixed" | "quantity";

export interface GridPage {
  items: GridItem[];
  count: number;
  next: number | null;
}

export type GridOrder = "mistakes" | "name" | "newest";

export interface Helped {
  what: "predict" | "retrain";
  added: number;
  left_out: number;
  problems: string[];
  help: Help;
}

/*
 * The questions (verb: given → answer; bytes are in the buffers of the answer; what is about quality is in check/protocol.ts):
 *
 * hello: {} → Hello
 * browse: {path, files?: "annotations" | "media"} → Folder
 * upload-begin, upload-part, upload-end, upload-drop, download-part, download-end: as in the identify app
 * create: {name, description, folder | upload, tree: name | null, labels: upload token | null} → Project
 * open: {project} → Project
 * close: {} → {}
 * media: {filter, text, label, after, limit} → MediaPage
 * medium: {name} → OpenedMedium
 * add-media: {folder | upload} → {added, problems: string[]}
 * find-media: {folder} → {found}: looks for the files of the project in another folder
 * assign: {media: string[], to: string | null} → {}
 * tile: {medium, level, x, y, window?: [low, high]} → one buffer; window in parts of the full range, for 16 bits and spectrograms
 * levels: {medium, low, high, box?: [x0, y0, x1, y1]} → {low, high}: percentiles of the values, in parts of the full range
 * frames: {medium, first, n, side} → {first, times: number[]} and n buffers (WebP or JPEG), longest side at most `side` px
 * sound: {medium, from_s, to_s, band?: [low_hz, high_hz]} → one buffer, a WAV; at most 30 s
 * write: {edits: Edit[]} → Written
 * review: {media: string[], reviewed} → {head}
 * history: {id} → HistoryEvent[]
 * revert: {id, to: sequence} → Written
 * annotations: {label, statuses, authors, since, until, confidence, medium, after, limit} → {marks: Mark[], next, count | null}
 * statistics: {} → Statistics
 * add-label: {path, aphia_id?, color?, key?} → Tree (a new version where the last is frozen)
 * read-labels: {upload} → {tree: Tree, problems}
 * help: {} → Help
 * use-model: {model} → Help; an offer is accepted with it too
 * predict: {model, threshold, thresholds: {label: p}, medium?} → {}: in the background; names marks without label and media without any mark
 * stop-help: {} → {}
 * suggest: {medium, id?, shape?, time?} → {labels: Suggestion[]}, the three best
 * next: {by: Way, n, target?: path} → {items: Proposed[], needed: Needed | null}
 * grid: {path | null, order: GridOrder, statuses?: Status[], after, limit} → GridPage and a WebP per item, empty where the file is missing
 * relabel: {items: {id, medium, version}[], path, status} → Written
 * retrain: {every?, now?} → Help
 * quality: {session | null, people, iou} → Quality
 * compare: {medium, first, second, session, iou} → {things: Difference[], looked}
 * doubts: {session, people, iou, after, limit} → DoubtsPage
 * settle: {medium, ids, keep | null, path?, versions?} → Written & {before: Mark[]}
 * consensus: {session, people, iou} → {added}
 * blind: {} · blind-begin: {name, people, media | null, ends, hides_earlier} · blind-end: {number} → {sessions: BlindSession[]}
 * controls: {media?, labels_of?} → ControlsShown · plant: {to, every} → {planted, queue, problems}
 * export: {format} → {token, name, size, lost: string[]} to be fetched with download-part
 * import: {upload | path} → {added, problems: string[]}: the format is told from what the files say
 * keys: {keys} → {}: remember the person's keys
 *
 * Told: changes: Changes · progress: {stage, done, total, left_s} · helped: Helped
 */
export type { Folder, Status };
