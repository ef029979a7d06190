/** The parts of a mark: what an edit sets, whether two are the same, and a mark after an edit. */

import type { Edit, LabelGiven, Mark, Shape } from "./protocol";

export const PARTS = ["medium", "shape", "labels", "status", "track", "attributes", "deleted"] as const;
export type Part = (typeof PARTS)[number];
export type Parts = Partial<Pick<Mark, Part>>;

/** What people call the parts. */
export const PART_WORDS: Record<Part, string> = {
  medium: "medium",
  shape: "shape",
  labels: "label",
  status: "status",
  track: "individual",
  attributes: "attributes",
  deleted: "deleted or not",
};

export function partsOf(from: Edit | Mark | Parts, names: readonly Part[] = PARTS): Parts {
  const given: Record<string, unknown> = {};
  for (const name of names) if (from[name] !== undefined) given[name] = from[name];
  return given as Parts;
}

/** The mark after the edit; an edit of a new mark makes it. */
export function applied(mark: Mark | undefined, edit: Edit): Mark {
  const empty: Mark = {
    id: edit.id,
    medium: "",
    shape: { kind: "whole", keyframes: [[]], frames: [] },
    labels: [],
    status: "validated",
    track: "",
    attributes: {},
    version: 0,
    deleted: false,
  };
  return { ...(mark ?? empty), ...partsOf(edit) };
}

/** Whether a part is the same; when a label was given does not count, nor what is lost when numbers are written down. */
export function samePart(part: Part, one: Parts, other: Parts): boolean {
  const [a, b] = [one[part], other[part]];
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (part === "labels") return sameLabels(a as LabelGiven[], b as LabelGiven[]);
  if (part === "shape") return sameShape(a as Shape, b as Shape);
  if (part === "attributes") return JSON.stringify(sorted(a as object)) === JSON.stringify(sorted(b as object));
  return false;
}

function sameLabels(a: LabelGiven[], b: LabelGiven[]): boolean {
  return (
    a.length === b.length &&
    a.every((each, i) => {
      const other = b[i]!;
      return samePath(each.path, other.path) && each.annotator === other.annotator && each.confidence === other.confidence;
    })
  );
}

function sameShape(a: Shape, b: Shape): boolean {
  return (
    a.kind === b.kind &&
    sameNumbers(a.frames, b.frames) &&
    a.keyframes.length === b.keyframes.length &&
    a.keyframes.every((numbers, i) => sameNumbers(numbers, b.keyframes[i]!))
  );
}

function sameNumbers(a: readonly (number | null)[], b: readonly (number | null)[]): boolean {
  return (
    a.length === b.length &&
    a.every((value, i) => {
      const other = b[i]!;
      if (value === null || other === null) return value === other;
      return Math.abs(value - other) <= 1e-6 * Math.max(1, Math.abs(value));
    })
  );
}

function sorted(given: object): [string, unknown][] {
  return Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** Labels after a person has given one: theirs is in force, and what others said stays behind it. */
export function relabelled(labels: readonly LabelGiven[], path: string[], person: string, now: string): LabelGiven[] {
  return [{ path, annotator: person, given_at: now, confidence: null }, ...labels.filter((each) => each.annotator !== person)];
}

export function labelName(mark: Pick<Mark, "labels">): string {
  return mark.labels[0]?.path.at(-1) ?? "no label";
}
