/** What is said of agreement, of differences and of doubts. */

import { count } from "../../scales";
import { labelOf } from "../labels";
import type { BlindSession, Difference, Doubt, Figure } from "./protocol";

/** Of all people together, in the order in which they are shown. */
export const FIGURES: { figure: string; words: string; why: string }[] = [
  { figure: "f1", words: "Seen by both", why: "F1: twice what both have marked, over all marks of both" },
  { figure: "iou", words: "Overlap", why: "Mean intersection over union of what both have marked" },
  { figure: "label_agreement", words: "Same label", why: "How often two people give the same label to what both have marked" },
  { figure: "label_kappa", words: "Labels, corrected for chance (κ)", why: "Fleiss’ κ of the labels of what several have marked" },
  { figure: "label_ac1", words: "Labels, corrected for chance (AC1)", why: "Gwet’s AC1: it stays near to the percentage where one label is much more common than the others" },
  { figure: "alpha", words: "Seeing and naming together (α)", why: "Krippendorff’s α over all things, in which “nothing” is a label too" },
];
/** Of two people. */
export const PAIR_FIGURES: { figure: string; words: string }[] = [
  { figure: "f1", words: "Seen by both" },
  { figure: "iou", words: "Overlap" },
  { figure: "kappa", words: "Labels (κ)" },
];

export interface PairRow {
  first: string;
  second: string;
  figures: (Figure | undefined)[];
}

/** The figures of two people each, one row for a pair. */
export function pairRows(figures: readonly Figure[]): PairRow[] {
  const rows = new Map<string, PairRow>();
  for (const { first, second } of figures) {
    if (!first) continue;
    const key = `${first}\u001f${second}`;
    if (!rows.has(key)) rows.set(key, { first, second, figures: PAIR_FIGURES.map(({ figure }) => figures.find((each) => each.figure === figure && each.first === first && each.second === second)) });
  }
  return [...rows.values()];
}

/** 0.84, −0.12, or – where it cannot be told. */
export function figureWords(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const words = value.toFixed(2);
  return words === "-0.00" ? "0.00" : words.replace("-", "−");
}

/** "0.78 to 0.89" */
export function intervalWords(figure: Pick<Figure, "low" | "high"> | undefined): string {
  return !figure || figure.low === null || figure.high === null ? "" : `${figureWords(figure.low)} to ${figureWords(figure.high)}`;
}

/** Where a value from 0 to 1 is on a bar, in percent; what is below chance is at its begin. */
export function along(value: number): number {
  return 100 * Math.max(0, Math.min(1, value));
}

export function foundWords({ found, first_label, second_label }: Difference, first: string, second: string): string {
  switch (found) {
    case "same_label":
      return "same";
    case "other_label":
      return `other label: ${first} ${end(first_label)}, ${second} ${end(second_label)}`;
    case "only_first":
      return `only ${first}`;
    case "only_second":
      return `only ${second}`;
  }
}

/** What differs most comes first. */
const ORDER: Difference["found"][] = ["other_label", "only_first", "only_second", "same_label"];

export function inOrder(things: readonly Difference[]): Difference[] {
  return [...things].sort((a, b) => ORDER.indexOf(a.found) - ORDER.indexOf(b.found));
}

/** "3 the same, 1 with another label, 2 only anna, 0 only ben" */
export function countWords(things: readonly Difference[], first: string, second: string): string {
  const n = (found: Difference["found"]) => things.filter((each) => each.found === found).length;
  return `${n("same_label")} the same, ${n("other_label")} with another label, ${n("only_first")} only ${first}, ${n("only_second")} only ${second}`;
}

/** The name at the end of a label that came as one text. */
export function end(label: string): string {
  return label.split(" > ").at(-1) || "no label";
}

/** The marks that one can choose among: whose, which, and what they say. */
export interface Alternative {
  person: string;
  id: string;
  path: string[];
}

export function alternatives(doubt: Doubt): Alternative[] {
  return Object.entries(doubt.ids).map(([person, id]) => ({ person, id, path: doubt.labels[person] ?? [] }));
}

/** "anna: Sponge, ben: Coral; carla marked nothing" */
export function opinionWords(doubt: Doubt): string {
  const said = alternatives(doubt).map(({ person, path }) => `${person}: ${labelOf(path)}`).join(", ");
  const silent = doubt.looked.filter((person) => !(person in doubt.ids));
  return silent.length ? `${said}; ${silent.join(" and ")} marked nothing` : said;
}

/** When a blind session ends where nothing else is said: in a week at six in the evening, as the field of the page has it. */
export function endByDefault(now: Date): string {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 7, 18);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}T${two(day.getHours())}:${two(day.getMinutes())}`;
}

export function sessionWords({ name, number, running }: BlindSession): string {
  return `${name || number}${running ? " (runs)" : ""}`;
}

export function timeWords(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function mediaWords(n: number | null): string {
  return n === null ? "all media" : count(n, "medium", "media");
}
