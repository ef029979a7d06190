/** Labels of the tree: found while typing, in the order of the tree, with a colour for each. */

import type { Label } from "./protocol";

export function pathKey(path: readonly string[]): string {
  return path.join("\u001f");
}

export function pathWords(path: readonly string[]): string {
  return path.join(" > ");
}

/** The name at its end; "no label" for the empty path. */
export function labelOf(path: readonly string[]): string {
  return path.at(-1) ?? "no label";
}

/** Lower case without accents, as people type. */
export function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

interface Searched {
  label: Label;
  names: string[];
  words: string[];
  above: string[];
}

/** All labels, made ready once for searching. */
export class LabelIndex {
  private readonly all: Searched[];
  private readonly byPath = new Map<string, Label>();
  private readonly color = new Map<string, string>();

  constructor(readonly labels: readonly Label[]) {
    this.all = labels.map((label) => {
      const names = [label.path.at(-1) ?? "", ...label.synonyms].map(plain);
      return { label, names, words: names.flatMap(split), above: label.path.slice(0, -1).flatMap((name) => split(plain(name))) };
    });
    for (const label of labels) this.byPath.set(pathKey(label.path), label);
    labels.forEach((label, i) => this.color.set(pathKey(label.path), label.color || SERIES[i % SERIES.length]!));
  }

  get(path: readonly string[]): Label | undefined {
    return this.byPath.get(pathKey(path));
  }

  colorOf(path: readonly string[] | undefined): string {
    if (!path?.length) return UNNAMED;
    return this.color.get(pathKey(path)) ?? SERIES[hash(pathKey(path)) % SERIES.length]!;
  }

  /** Those that fit what is typed, the best first: every word begins a name, a synonym or a name above, or it is the AphiaID. */
  search(text: string, limit = 60): Label[] {
    const wanted = plain(text);
    if (!wanted) return this.labels.slice(0, limit);
    const words = split(wanted);
    const found: { label: Label; rank: number }[] = [];
    for (const each of this.all) {
      const rank = rankOf(each, wanted, words);
      if (rank !== null) found.push({ label: each.label, rank });
    }
    return found.sort((a, b) => a.rank - b.rank).slice(0, limit).map(({ label }) => label);
  }

  /** The tree as rows, without what lies under folded labels. */
  rows(folded: ReadonlySet<string> = new Set()): { label: Label; depth: number; parent: boolean; key: string }[] {
    const children = new Map<string, Label[]>();
    for (const label of this.labels) {
      const above = label.path.slice(0, -1);
      // A label whose parent is not in the tree stands at the root.
      const parent = this.byPath.has(pathKey(above)) ? pathKey(above) : "";
      children.set(parent, [...(children.get(parent) ?? []), label]);
    }
    const rows: ReturnType<LabelIndex["rows"]> = [];
    const walk = (parent: string, depth: number) => {
      for (const label of children.get(parent) ?? []) {
        const key = pathKey(label.path);
        rows.push({ label, depth, parent: children.has(key), key });
        if (!folded.has(key)) walk(key, depth + 1);
      }
    };
    walk("", 0);
    return rows;
  }
}

function split(text: string): string[] {
  return text.split(/[\s_>,()-]+/).filter(Boolean);
}

function rankOf(each: Searched, wanted: string, words: readonly string[]): number | null {
  if (String(each.label.aphia_id ?? "") === wanted) return 0;
  if (each.names[0] === wanted) return 1;
  if (each.names.includes(wanted)) return 2;
  if (each.names[0]!.startsWith(wanted)) return 3;
  if (each.names.some((name) => name.startsWith(wanted))) return 4;
  if (words.every((word) => each.words.some((own) => own.startsWith(word)))) return 5;
  if (words.every((word) => [...each.words, ...each.above].some((own) => own.startsWith(word)))) return 6;
  return wanted.length > 2 && each.names.some((name) => name.includes(wanted)) ? 7 : null;
}

/** For labels without a colour of their own: those of Okabe and Ito (2008) and mixtures, seen on light and dark pictures. */
const SERIES = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2", "#8fd0f5", "#f2a379", "#7fd6bd"];
export const UNNAMED = "#ffffff";

function hash(text: string): number {
  let value = 7;
  for (let i = 0; i < text.length; i++) value = (value * 31 + text.charCodeAt(i)) >>> 0;
  return value;
}
