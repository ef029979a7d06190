/** The objects of a sample, column by column, and how they are grouped, filtered and sorted. */

import { absent, fold } from "./corrections";
import { STATUSES, type Correction, type Parts, type Proposal, type Ready, type Status } from "./protocol";

export interface Filter {
  text: string;
  taxa: ReadonlySet<string>;
  statuses: ReadonlySet<Status>;
  samples: ReadonlySet<string>;
  /** Rules that propose to remove objects. */
  rules: ReadonlySet<string>;
  minProbability: number;
  maxProbability: number;
  minSize: number | null;
  maxSize: number | null;
}

export const NO_FILTER: Filter = {
  text: "",
  taxa: new Set(),
  statuses: new Set(),
  samples: new Set(),
  rules: new Set(),
  minProbability: 0,
  maxProbability: 1,
  minSize: null,
  maxSize: null,
};

/** What the objects are grouped by: their taxon, how alike they are, how like one of them they are, the rule that proposes to remove them, or whether they
 * are likely several. */
export type Grouping = "taxon" | "cluster" | "similar" | "proposal" | "multiple";

export interface Group {
  taxon: string;
  rows: number[];
  /** Objects of that taxon before filtering. */
  total: number;
}

export const DISCARDED = "\u0000discarded";
/** Begins the name of a group that is no taxon. */
const NO_TAXON = "\u0001";

/** The name of a group for people. */
export function taxonName(taxon: string): string {
  return taxon === DISCARDED ? "Discarded" : taxon.replace(NO_TAXON, "");
}

/** Names sort as people expect, whatever their case. */
const byName = new Intl.Collator("en", { sensitivity: "base", numeric: true }).compare;

/** Side of a pixel in mm from which on lengths are said in mm; the pixels of a microscope are finer. */
const FINE_MM = 0.002;

export class Table {
  ids: readonly string[];
  readonly classes: readonly string[];
  samples: readonly string[];
  readonly sorts: readonly string[];
  readonly proposals: readonly Proposal[];
  /** All objects that were ever there; the parts of those that were divided come last. */
  length: number;
  /** Those that are there now. */
  rows: readonly number[] = [];
  probabilities: Float32Array;
  sampleOf: Uint16Array;
  /** Width and height of each picture in px, two numbers per object; 0 while unknown. */
  sizes: Uint16Array;
  /** Millimetres per pixel, NaN where unknown. */
  mmPerPx: Float32Array;
  sortColumns: ReadonlyMap<string, Float32Array>;
  /** The probability that each is several; null where that is not known. */
  multiple: Float32Array | null = null;
  private readonly multiplesAbove: number;
  label: string[];
  status: Status[];
  probability: Float32Array;
  /** How far each picture lies from those it is most like, 1 where that is usual; null while not known. */
  unusual: Float32Array | null = null;
  /** The group of like pictures that each is in, the largest 0. */
  clusterOf: Uint16Array | null = null;
  /** In which sizes are said: that of a microscope has fine pixels. */
  readonly sizeUnit: "µm" | "mm" | "px";
  /** All objects by falling likeness with the first of them. */
  likeness: Uint32Array | null = null;
  /** The number of the rule that proposes to remove each object, from 1; 0 for most. */
  private proposedBy: Uint8Array;
  /** The object that each is a part of, where that was done on this page; its own row for most. */
  private wholeOf: number[];
  private there = new Uint8Array(0);
  /** Whatever a correction has made by dividing an object. */
  private parts: ReadonlySet<string> = new Set();
  /** What was counted since the last correction: the page asks with every key. */
  private counted: { taxa?: readonly string[]; counts?: Map<string, number>; statuses?: Record<Status, number>; proposed?: Map<Proposal, number[]>; multiples?: readonly number[] } = {};
  private predicted: string[];
  private first: Status[];
  private readonly rowOf: Map<string, number>;
  private readonly classOf: Map<string, number>;

  constructor(ready: Ready, buffers: readonly DataView[]) {
    this.ids = ready.ids;
    this.classes = ready.classes;
    this.samples = ready.samples;
    this.sorts = ready.sorts;
    this.length = ready.ids.length;
    const n = this.length;
    const view = (i: number) => buffers[i]!;
    const floats = (i: number) => new Float32Array(copy(view(i)));
    this.probabilities = floats(0);
    this.sampleOf = new Uint16Array(copy(view(1)));
    this.sizes = new Uint16Array(copy(view(2)));
    this.mmPerPx = floats(3);
    const known = this.mmPerPx.find((value) => Number.isFinite(value) && value > 0);
    this.sizeUnit = known === undefined ? "px" : known < FINE_MM ? "µm" : "mm";
    const labels = new Uint16Array(copy(view(4)));
    const statuses = new Uint8Array(copy(view(5)));
    this.sortColumns = new Map(ready.sorts.map((name, i) => [name, floats(6 + i)]));
    this.proposals = ready.proposals;
    this.proposedBy = new Uint8Array(copy(view(6 + ready.sorts.length)));
    this.multiplesAbove = ready.multiples_above ?? 1;
    this.multiple = ready.multiples_above == null ? null : floats(7 + ready.sorts.length);
    this.wholeOf = Array.from({ length: n }, (_, i) => i);
    this.predicted = Array.from({ length: n }, (_, i) => ready.classes[labels[i]!] ?? "");
    this.first = Array.from({ length: n }, (_, i) => STATUSES[statuses[i]!] ?? "predicted");
    this.rowOf = new Map(ready.ids.map((id, i) => [id, i]));
    this.classOf = new Map(ready.classes.map((name, i) => [name, i]));
    this.label = [...this.predicted];
    this.status = [...this.first];
    this.probability = new Float32Array(n);
    this.apply(ready.corrections);
  }

  /** Take over the state that follows from all corrections; whether it is another one than before. */
  apply(corrections: readonly Correction[]): boolean {
    const { label, status, there } = this;
    this.counted = {};
    this.label = [...this.predicted];
    this.status = [...this.first];
    for (const [id, state] of fold(corrections)) {
      const row = this.rowOf.get(id);
      if (row === undefined) continue;
      if (state.label !== null) this.label[row] = state.label;
      if (state.status !== null) this.status[row] = state.status;
    }
    for (let row = 0; row < this.length; row++) this.probability[row] = this.probabilityOf(row, this.label[row]!);
    const gone = absent(corrections);
    this.parts = new Set(corrections.flatMap((row) => row.parts ?? []));
    // Parts may be here a moment before the correction that has made them.
    this.there = Uint8Array.from(this.ids, (id, row) => (gone.has(id) || (this.wholeOf[row] !== row && !this.parts.has(id)) ? 0 : 1));
    this.rows = Array.from(this.there.keys()).filter((row) => this.there[row]);
    return this.length !== there.length || this.label.some((each, row) => each !== label[row] || this.status[row] !== status[row] || this.there[row] !== there[row]);
  }

  /** Put the parts of an object at the end; whether they are there follows from the corrections. */
  grow(parts: Ready & Parts, buffers: readonly DataView[]): void {
    if (parts.first !== this.length) return;
    const more = new Table({ ...parts, corrections: [] }, buffers);
    const samples = [...this.samples, ...more.samples.filter((name) => !this.samples.includes(name))];
    this.ids = [...this.ids, ...more.ids];
    this.samples = samples;
    this.probabilities = joined(this.probabilities, more.probabilities);
    this.sampleOf = joined(this.sampleOf, more.sampleOf.map((number) => samples.indexOf(more.samples[number]!)));
    this.sizes = joined(this.sizes, more.sizes);
    this.mmPerPx = joined(this.mmPerPx, more.mmPerPx);
    this.sortColumns = new Map([...this.sortColumns].map(([name, column]) => [name, joined(column, more.sortColumns.get(name) ?? new Float32Array(more.length).fill(NaN))]));
    this.multiple = this.multiple && more.multiple && joined(this.multiple, more.multiple);
    this.proposedBy = joined(this.proposedBy, more.proposedBy);
    this.predicted = [...this.predicted, ...more.predicted];
    this.first = [...this.first, ...more.first];
    this.wholeOf = [...this.wholeOf, ...more.ids.map(() => parts.whole)];
    more.ids.forEach((id, i) => this.rowOf.set(id, this.length + i));
    this.length += more.length;
    this.probability = new Float32Array(this.length);
    this.unusual &&= this.extended(this.unusual);
    this.clusterOf &&= this.extended(this.clusterOf);
    const place = this.likeness?.indexOf(parts.whole) ?? -1;
    if (this.likeness) this.likeness = Uint32Array.from([...this.likeness].toSpliced(place + 1, 0, ...more.ids.map((_, i) => parts.first + i)));
  }

  /** Parts are like what they are parts of, as long as nothing else is known. */
  private extended<T extends Float32Array | Uint16Array>(column: T): T {
    const grown = new (column.constructor as new (n: number) => T)(this.length);
    grown.set(column.subarray(0, this.length) as T);
    for (let row = column.length; row < this.length; row++) grown[row] = grown[this.wholeOf[row]!]!;
    return grown;
  }

  /** Whether the object is likely several, and nobody has said yet that it is right as it is. */
  isMultiple(row: number): boolean {
    return this.multiple !== null && this.multiple[row]! >= this.multiplesAbove && (this.status[row] === "predicted" || this.status[row] === "dubious");
  }

  /** Those that are likely several, the most likely first. */
  multiples(): readonly number[] {
    return (this.counted.multiples ??= this.rows.filter((row) => this.isMultiple(row)).sort((a, b) => this.multiple![b]! - this.multiple![a]! || a - b));
  }

  /** Whether the object was divided from others, and can be joined with them again. */
  isPart(row: number): boolean {
    return this.parts.has(this.ids[row]!);
  }

  probabilityOf(row: number, taxon: string): number {
    const column = this.classOf.get(taxon);
    return column === undefined ? 0 : this.probabilities[row * this.classes.length + column]!;
  }

  /** The classes by falling probability. */
  suggestions(row: number, n: number): { taxon: string; probability: number }[] {
    return this.classes
      .map((taxon, i) => ({ taxon, probability: this.probabilities[row * this.classes.length + i]! }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, n);
  }

  /** The mean probabilities of several objects, for suggestions about all of them. */
  suggestionsFor(rows: readonly number[], n: number): { taxon: string; probability: number }[] {
    const k = this.classes.length;
    const sums = new Float64Array(k);
    for (const row of rows) for (let i = 0; i < k; i++) sums[i] = sums[i]! + this.probabilities[row * k + i]!;
    return this.classes
      .map((taxon, i) => ({ taxon, probability: rows.length ? sums[i]! / rows.length : 0 }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, n);
  }

  /** Every taxon in use or known to the model, sorted by name. */
  taxa(): readonly string[] {
    return (this.counted.taxa ??= [...new Set([...this.classes, ...this.label])].filter(Boolean).sort(byName));
  }

  /** How many objects each taxon has, without the discarded. */
  counts(): ReadonlyMap<string, number> {
    if (this.counted.counts) return this.counted.counts;
    const counts = new Map<string, number>(this.taxa().map((taxon) => [taxon, 0]));
    for (const row of this.rows) {
      if (this.status[row] === "discarded") continue;
      counts.set(this.label[row]!, (counts.get(this.label[row]!) ?? 0) + 1);
    }
    return (this.counted.counts = counts);
  }

  statusCounts(): Readonly<Record<Status, number>> {
    if (this.counted.statuses) return this.counted.statuses;
    const counts: Record<Status, number> = { predicted: 0, validated: 0, dubious: 0, discarded: 0 };
    for (const row of this.rows) counts[this.status[row]!]++;
    return (this.counted.statuses = counts);
  }

  /** The rule that proposes to remove the object; null where none does, or a person has judged it already. */
  proposal(row: number): Proposal | null {
    return this.status[row] === "predicted" ? (this.proposals[this.proposedBy[row]! - 1] ?? null) : null;
  }

  /** The objects that wait for a person to say whether they go, by rule. */
  proposed(): ReadonlyMap<Proposal, readonly number[]> {
    if (this.counted.proposed) return this.counted.proposed;
    const found = new Map<Proposal, number[]>(this.proposals.map((each) => [each, []]));
    if (found.size) for (const row of this.rows) found.get(this.proposal(row)!)?.push(row);
    return (this.counted.proposed = found);
  }

  /** The longest side of the picture in `sizeUnit`, or in px where the size of its pixels is unknown. */
  size(row: number): number {
    const longest = Math.max(this.sizes[2 * row]!, this.sizes[2 * row + 1]!);
    const mm = this.mmPerPx[row]!;
    return Number.isFinite(mm) && mm > 0 ? this.said(longest * mm) : longest;
  }

  /** A length that is given in mm, in `sizeUnit`. */
  said(mm: number): number {
    return this.sizeUnit === "µm" ? 1000 * mm : mm;
  }

  matches(row: number, filter: Filter): boolean {
    const p = this.probability[row]!;
    // A label that a person gave need not be known to the model, so its probability says nothing.
    const judged = this.status[row] === "validated";
    if (!judged && (p < filter.minProbability || p > filter.maxProbability)) return false;
    if (judged && filter.maxProbability < 1) return false;
    if (filter.taxa.size && !filter.taxa.has(this.label[row]!)) return false;
    if (filter.statuses.size && !filter.statuses.has(this.status[row]!)) return false;
    if (filter.samples.size && !filter.samples.has(this.samples[this.sampleOf[row]!]!)) return false;
    if (filter.rules.size && !filter.rules.has(this.proposal(row)?.rule ?? "")) return false;
    if (filter.minSize !== null && this.size(row) < filter.minSize) return false;
    if (filter.maxSize !== null && this.size(row) > filter.maxSize) return false;
    if (filter.text) {
      const text = filter.text.toLowerCase();
      if (!this.label[row]!.toLowerCase().includes(text) && !this.ids[row]!.toLowerCase().includes(text)) return false;
    }
    return true;
  }

  /** How unusual each picture is, and its group, as the kernel has found out. */
  place(unusual: DataView, clusters: DataView): void {
    this.unusual = this.extended(new Float32Array(copy(unusual)));
    this.clusterOf = this.extended(new Uint16Array(copy(clusters)));
  }

  /** All objects by falling likeness with one of them, as the kernel has found out. */
  liken(order: DataView): void {
    this.likeness = new Uint32Array(copy(order));
  }

  /** Groups by taxon, in the given order; within a group the least certain first and what is settled last. */
  groups(filter: Filter, order: readonly string[], sort: string = "certainty", by: Grouping = "taxon"): Group[] {
    if (by === "similar" && this.likeness) return this.alike(filter, this.likeness);
    const groups =
      by === "multiple" ? this.severals(filter) : by === "proposal" ? this.byProposal(filter) : by === "cluster" && this.clusterOf ? this.clustered(filter, this.clusterOf) : this.byTaxon(filter, order);
    const column = by === "multiple" || sort === "multiple" ? this.multiple : sort === "unusual" ? this.unusual : this.sortColumns.get(sort);
    const value =
      sort === "size"
        ? (row: number) => -this.size(row)
        : column
          ? (row: number) => (Number.isNaN(column[row]!) ? Infinity : -column[row]!)
          : (row: number) => (this.status[row] === "validated" ? 2 : this.status[row] === "dubious" ? -1 : this.probability[row]!);
    const keys = new Float64Array(this.length);
    for (const { rows } of groups) for (const row of rows) keys[row] = value(row);
    for (const { rows } of groups) rows.sort((a, b) => keys[a]! - keys[b]! || a - b);
    return groups.filter((group) => group.rows.length > 0);
  }

  private alike(filter: Filter, likeness: Uint32Array): Group[] {
    const rows = [...likeness].filter((row) => this.there[row] && this.status[row] !== "discarded" && this.matches(row, filter));
    return rows.length ? [{ taxon: `${NO_TAXON}Like ${this.ids[likeness[0]!]!}`, rows, total: rows.length }] : [];
  }

  private clustered(filter: Filter, clusterOf: Uint16Array): Group[] {
    const groups: Group[] = [];
    for (const row of this.rows) {
      if (this.status[row] === "discarded") continue;
      const n = clusterOf[row]!;
      const group = (groups[n] ??= { taxon: `${NO_TAXON}Alike, group ${n + 1}`, rows: [], total: 0 });
      group.total++;
      if (this.matches(row, filter)) group.rows.push(row);
    }
    return groups.filter(Boolean);
  }

  private severals(filter: Filter): Group[] {
    const rows = this.multiples();
    return [{ taxon: `${NO_TAXON}Likely multiples`, rows: rows.filter((row) => this.matches(row, filter)), total: rows.length }];
  }

  private byProposal(filter: Filter): Group[] {
    return [...this.proposed()].map(([{ name }, rows]) => ({
      taxon: `${NO_TAXON}Proposed for removal: ${name.toLowerCase()}`,
      rows: rows.filter((row) => this.matches(row, filter)),
      total: rows.length,
    }));
  }

  private byTaxon(filter: Filter, order: readonly string[]): Group[] {
    const groups = new Map<string, Group>();
    for (const taxon of [...order, ...this.taxa().filter((name) => !order.includes(name))]) {
      groups.set(taxon, { taxon, rows: [], total: 0 });
    }
    groups.set(DISCARDED, { taxon: DISCARDED, rows: [], total: 0 });
    for (const row of this.rows) {
      const group = groups.get(this.status[row] === "discarded" ? DISCARDED : this.label[row]!);
      if (!group) continue;
      group.total++;
      if (this.matches(row, filter)) group.rows.push(row);
    }
    return [...groups.values()];
  }

  /** Taxa by falling number of objects: the order of the groups and of the digit keys. */
  orderByCount(): string[] {
    const counts = this.counts();
    return [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || byName(a, b));
  }
}

function joined<T extends Float32Array | Uint16Array | Uint8Array>(a: T, b: T): T {
  const both = new (a.constructor as new (n: number) => T)(a.length + b.length);
  both.set(a as never);
  both.set(b as never, a.length);
  return both;
}

function copy(view: DataView): ArrayBuffer {
  // Typed arrays need their own alignment, which a slice of a message does not promise.
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}
