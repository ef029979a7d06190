/** The objects of a sample, column by column, and how they are grouped, filtered and sorted. */

import { fold } from "./corrections";
import { STATUSES, type Correction, type Ready, type Status } from "./protocol";

export interface Filter {
  text: string;
  taxa: ReadonlySet<string>;
  statuses: ReadonlySet<Status>;
  samples: ReadonlySet<string>;
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
  minProbability: 0,
  maxProbability: 1,
  minSize: null,
  maxSize: null,
};

/** What the objects are grouped by: their taxon, how alike they are, or how like one of them they are. */
export type Grouping = "taxon" | "cluster" | "similar";

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

export class Table {
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  readonly samples: readonly string[];
  readonly sorts: readonly string[];
  readonly length: number;
  readonly probabilities: Float32Array;
  readonly sampleOf: Uint16Array;
  /** Width and height of each picture in px, two numbers per object; 0 while unknown. */
  sizes: Uint16Array;
  /** Millimetres per pixel, NaN where unknown. */
  readonly mmPerPx: Float32Array;
  readonly sortColumns: ReadonlyMap<string, Float32Array>;
  label: string[];
  status: Status[];
  probability: Float32Array;
  /** How far each picture lies from those it is most like, 1 where that is usual; null while not known. */
  unusual: Float32Array | null = null;
  /** The group of like pictures that each is in, the largest 0. */
  clusterOf: Uint16Array | null = null;
  /** All objects by falling likeness with the first of them. */
  likeness: Uint32Array | null = null;
  private readonly predicted: string[];
  private readonly first: Status[];
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
    const labels = new Uint16Array(copy(view(4)));
    const statuses = new Uint8Array(copy(view(5)));
    this.sortColumns = new Map(ready.sorts.map((name, i) => [name, floats(6 + i)]));
    this.predicted = Array.from({ length: n }, (_, i) => ready.classes[labels[i]!] ?? "");
    this.first = Array.from({ length: n }, (_, i) => STATUSES[statuses[i]!] ?? "predicted");
    this.rowOf = new Map(ready.ids.map((id, i) => [id, i]));
    this.classOf = new Map(ready.classes.map((name, i) => [name, i]));
    this.label = [...this.predicted];
    this.status = [...this.first];
    this.probability = new Float32Array(n);
    this.apply(ready.corrections);
  }

  /** Take over the state that follows from all corrections. */
  apply(corrections: readonly Correction[]): void {
    this.label = [...this.predicted];
    this.status = [...this.first];
    for (const [id, state] of fold(corrections)) {
      const row = this.rowOf.get(id);
      if (row === undefined) continue;
      if (state.label !== null) this.label[row] = state.label;
      if (state.status !== null) this.status[row] = state.status;
    }
    for (let row = 0; row < this.length; row++) this.probability[row] = this.probabilityOf(row, this.label[row]!);
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
  taxa(): string[] {
    return [...new Set([...this.classes, ...this.label])].filter(Boolean).sort(byName);
  }

  /** How many objects each taxon has, without the discarded. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>(this.taxa().map((taxon) => [taxon, 0]));
    for (let row = 0; row < this.length; row++) {
      if (this.status[row] === "discarded") continue;
      counts.set(this.label[row]!, (counts.get(this.label[row]!) ?? 0) + 1);
    }
    return counts;
  }

  statusCounts(): Record<Status, number> {
    const counts: Record<Status, number> = { predicted: 0, validated: 0, dubious: 0, discarded: 0 };
    for (const status of this.status) counts[status]++;
    return counts;
  }

  /** The longest side of the picture in mm, or in px where the pixel size is unknown. */
  size(row: number): number {
    const longest = Math.max(this.sizes[2 * row]!, this.sizes[2 * row + 1]!);
    const mm = this.mmPerPx[row]!;
    return Number.isFinite(mm) && mm > 0 ? longest * mm : longest;
  }

  get sizeUnit(): "mm" | "px" {
    return this.mmPerPx.some((value) => Number.isFinite(value) && value > 0) ? "mm" : "px";
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
    this.unusual = new Float32Array(copy(unusual));
    this.clusterOf = new Uint16Array(copy(clusters));
  }

  /** All objects by falling likeness with one of them, as the kernel has found out. */
  liken(order: DataView): void {
    this.likeness = new Uint32Array(copy(order));
  }

  /** Groups by taxon, in the given order; within a group the least certain first and what is settled last. */
  groups(filter: Filter, order: readonly string[], sort: string = "certainty", by: Grouping = "taxon"): Group[] {
    if (by === "similar" && this.likeness) return this.alike(filter, this.likeness);
    const groups = by === "cluster" && this.clusterOf ? this.clustered(filter, this.clusterOf) : this.byTaxon(filter, order);
    const column = sort === "unusual" ? this.unusual : this.sortColumns.get(sort);
    const value =
      sort === "size"
        ? (row: number) => -this.size(row)
        : column
          ? (row: number) => (Number.isNaN(column[row]!) ? Infinity : -column[row]!)
          : (row: number) => (this.status[row] === "validated" ? 2 : this.status[row] === "dubious" ? -1 : this.probability[row]!);
    for (const group of groups) group.rows.sort((a, b) => value(a) - value(b) || a - b);
    return groups.filter((group) => group.rows.length > 0);
  }

  private alike(filter: Filter, likeness: Uint32Array): Group[] {
    const rows = [...likeness].filter((row) => this.status[row] !== "discarded" && this.matches(row, filter));
    return rows.length ? [{ taxon: `${NO_TAXON}Like ${this.ids[likeness[0]!]!}`, rows, total: rows.length }] : [];
  }

  private clustered(filter: Filter, clusterOf: Uint16Array): Group[] {
    const groups: Group[] = [];
    for (let row = 0; row < this.length; row++) {
      if (this.status[row] === "discarded") continue;
      const n = clusterOf[row]!;
      const group = (groups[n] ??= { taxon: `${NO_TAXON}Alike, group ${n + 1}`, rows: [], total: 0 });
      group.total++;
      if (this.matches(row, filter)) group.rows.push(row);
    }
    return groups.filter(Boolean);
  }

  private byTaxon(filter: Filter, order: readonly string[]): Group[] {
    const groups = new Map<string, Group>();
    for (const taxon of [...order, ...this.taxa().filter((name) => !order.includes(name))]) {
      groups.set(taxon, { taxon, rows: [], total: 0 });
    }
    groups.set(DISCARDED, { taxon: DISCARDED, rows: [], total: 0 });
    for (let row = 0; row < this.length; row++) {
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

function copy(view: DataView): ArrayBuffer {
  // Typed arrays need their own alignment, which a slice of a message does not promise.
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}
