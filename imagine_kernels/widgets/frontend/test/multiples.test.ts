import { describe, expect, it } from "vitest";
import { absent } from "../src/corrections";
import { simplified } from "../src/multiples";
import type { Correction, Parts, Point, Ready } from "../src/protocol";
import { NO_FILTER, Table, taxonName } from "../src/table";

const view = (values: ArrayBufferView) => new DataView(values.buffer as ArrayBuffer);
const ready: Ready = {
  session: "s", name: "n", source: "/s", layout: "l", ids: ["a", "b", "c"], classes: ["Copepoda", "detritus"], samples: ["st1", "st2"],
  sorts: ["area"], proposals: [], multiples_above: 0.5, corrections: [], problems: [], model: null, seconds: null,
};
const buffers = (n: number, several: number[]) => [
  view(Float32Array.from({ length: 2 * n }, (_, i) => [0.9, 0.1][i % 2]!)),
  view(Uint16Array.from({ length: n }, () => 0)),
  view(Uint16Array.from({ length: 2 * n }, () => 50)),
  view(Float32Array.from({ length: n }, () => 0.01)),
  view(Uint16Array.from({ length: n }, () => 0)),
  view(Uint8Array.from({ length: n }, () => 0)),
  view(Float32Array.from({ length: n }, (_, i) => 10 * i)),
  view(Uint8Array.from({ length: n }, () => 0)),
  view(new Float32Array(several)),
];
const cut = (sequence: number, id: string, parts: string[]): Correction => ({ sequence, object_ids: [id], label: null, status: null, undoes: null, parts });
const undo = (sequence: number, undoes: number): Correction => ({ sequence, object_ids: [], label: null, status: null, undoes, parts: null });

describe("objects that are several", () => {
  it("come and go with the rows in force", () => {
    const rows = [cut(1, "a", ["a_1", "a_2"]), cut(2, "a_2", ["a_2_1", "a_2_2"])];
    expect(absent(rows)).toEqual(new Set(["a", "a_2"]));
    expect(absent([...rows, undo(3, 2)])).toEqual(new Set(["a", "a_2_1", "a_2_2"]));
    expect(absent([...rows, cut(3, "a", [])])).toEqual(new Set(["a_1", "a_2", "a_2_1", "a_2_2"]));
    expect(absent([...rows, cut(3, "a", []), undo(4, 3)])).toEqual(new Set(["a", "a_2"]));
  });

  it("are listed, the most likely first, until they are divided or judged", () => {
    const table = new Table(ready, buffers(3, [0.6, 0.2, 0.9]));
    expect(table.multiples()).toEqual([2, 0]);
    const shown = () => table.groups(NO_FILTER, [], "certainty", "multiple").map((group) => [taxonName(group.taxon), group.rows, group.total]);
    expect(shown()).toEqual([["Likely multiples", [2, 0], 2]]);
    expect(table.groups(NO_FILTER, [], "multiple")[0]!.rows).toEqual([2, 0, 1]);
    table.apply([{ sequence: 1, object_ids: ["c"], label: null, status: "validated", undoes: null }]);
    expect(shown()).toEqual([["Likely multiples", [0], 1]]);
  });

  it("leave their parts in the table, which undo takes away again", () => {
    const table = new Table(ready, buffers(3, [0.6, 0.2, 0.9]));
    table.place(view(new Float32Array([1, 2, 3])), view(new Uint16Array([0, 1, 0])));
    table.liken(view(new Uint32Array([2, 0, 1])));
    const parts: Ready & Parts = { ...ready, ids: ["a_1", "a_2"], samples: ["st2"], first: 3, whole: 0 };
    table.grow(parts, buffers(2, [0.1, 0.7]));
    const divided = cut(1, "a", ["a_1", "a_2"]);
    table.apply([divided, { sequence: 2, object_ids: ["a_2"], label: "Cladocera", status: "validated", undoes: null }]);
    expect(table.rows).toEqual([1, 2, 3, 4]);
    expect(table.counts()).toEqual(new Map([["Cladocera", 1], ["Copepoda", 3], ["detritus", 0]]));
    expect(table.statusCounts()).toEqual({ predicted: 3, validated: 1, dubious: 0, discarded: 0 });
    expect(table.samples[table.sampleOf[4]!]).toBe("st2");
    expect(table.sizes.length).toBe(10);
    expect([...table.unusual!]).toEqual([1, 2, 3, 1, 1]);
    expect(table.groups(NO_FILTER, [], "certainty", "similar")[0]!.rows).toEqual([2, 3, 4, 1]);
    expect(table.groups(NO_FILTER, [], "certainty", "cluster").map((group) => group.rows)).toEqual([[2, 3, 4], [1]]);
    expect([table.isPart(3), table.isPart(1)]).toEqual([true, false]);
    table.apply([divided, undo(2, 1)]);
    expect(table.rows).toEqual([0, 1, 2]);
    table.apply([]);
    expect(table.rows).toEqual([0, 1, 2]);
    // Told twice they are there once.
    table.grow(parts, buffers(2, [0.1, 0.7]));
    expect(table.length).toBe(5);
  });

  it("are divided along the line that a hand has drawn, with as many points as it needs", () => {
    expect(simplified([[0, 0], [5, 0.4], [10, 0]], 1)).toEqual([[0, 0], [10, 0]]);
    const corner: Point[] = [[0, 0], [5, 0.2], [10, 0], [10, 5], [10.3, 7], [10, 10]];
    expect(simplified(corner, 1)).toEqual([[0, 0], [10, 0], [10, 10]]);
  });
});
