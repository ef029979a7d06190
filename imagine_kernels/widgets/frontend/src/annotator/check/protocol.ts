/** What travels between the page of quality and its kernel. */

import type { Mark, Shape, Written } from "../protocol";

/** How far people agree; `first` and `second` are empty for all of them together, what cannot be told is null. */
export interface Figure {
  figure: string;
  first: string;
  second: string;
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface Quality {
  people: { name: string; marks: number; media: number }[];
  media: number;
  things: number;
  figures: Figure[];
  problems: string[];
}

/** One thing in the marks of two people, by the ids of their marks. */
export interface Difference {
  found: "only_first" | "only_second" | "same_label" | "other_label";
  first: string | null;
  second: string | null;
  first_label: string;
  second_label: string;
  overlap: number | null;
}

/** Something to be decided; `ids`, `labels` by person, `versions` by id; `looked` has whoever has looked at the medium. */
export interface Doubt {
  medium: string;
  ids: Record<string, string>;
  versions: Record<string, number>;
  labels: Record<string, string[]>;
  looked: string[];
  shape: Shape;
  label: string;
  certainty: number;
  reasons: string[];
}

export interface DoubtsPage {
  items: Doubt[];
  count: number;
  next: number | null;
  sure: number;
  written_before: number;
}

export interface BlindSession {
  number: number;
  name: string;
  people: string[];
  begins: string;
  ends: string;
  /** How many; null for all of the project. */
  media: number | null;
  running: boolean;
}

export interface ControlsShown {
  controls: { media: string[]; truth: string } | null;
  scores: { person: string; right: number; n: number; value: number; low: number; high: number; alarm: boolean; needed: number }[];
  problems: string[];
}

/** What became of a decision, and the marks as they were before. */
export interface Settled extends Written {
  before: Mark[];
}
