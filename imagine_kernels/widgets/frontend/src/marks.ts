/** Marks in brackets behind a taxon, such as “Navicula (fragment)”. */

import type { Desk } from "./desk";
import type { LabelMark } from "./protocol";
import { count } from "./scales";

/** A label without its mark, and the mark; empty where it has none. */
export function splitLabel(label: string, marks: readonly LabelMark[]): [string, string] {
  const mark = marks.find(({ name }) => label.toLowerCase().endsWith(`(${name})`))?.name ?? "";
  return [mark ? label.slice(0, -mark.length - 2).trimEnd() : label, mark];
}

/** Mark the chosen ones, or take the mark off where all have it; each taxon is one step of the history. */
export function mark(desk: Desk, { name }: LabelMark): void {
  const { marks } = desk.hello!;
  const rows = desk.targets();
  const split = new Map(rows.map((row) => [row, splitLabel(desk.table!.label[row]!, marks)]));
  const off = rows.every((row) => split.get(row)![1] === name);
  const byLabel = new Map<string, number[]>();
  for (const [row, [taxon, had]] of split) {
    if (!off && had === name) continue;
    const label = off ? taxon : `${taxon} (${name})`;
    byLabel.set(label, [...(byLabel.get(label) ?? []), row]);
  }
  if (!rows.length) return desk.say(`Select a ${desk.words.unit} first`, "bad");
  for (const [label, those] of byLabel) desk.correct({ label }, those);
  desk.say(`${count(rows.length, desk.words.unit, desk.words.units)} ${off ? "no longer marked" : "marked"} as ${name}`, "good");
}
