import { describe, expect, it } from "vitest";
import { neighbour, place, visible, within, type LayoutOptions } from "../src/layout";
import { Selection } from "../src/selection";

const options: LayoutOptions = { width: 430, side: 100, gap: 8, foot: 20, head: 40, scaleOf: null, sizeOf: () => [100, 50], folded: new Set() };
const groups = [{ rows: [10, 11, 12, 13, 14] }, { rows: [20] }, { rows: [30, 31] }];

describe("the layout of the grid", () => {
  const layout = place(groups, options);

  it("shows every object once, in order", () => {
    expect(layout.order).toEqual([10, 11, 12, 13, 14, 20, 30, 31]);
    expect(layout.lines.map((line) => line.kind)).toEqual(["head", "cells", "cells", "head", "cells", "head", "cells"]);
  });

  it("knows where each object stands, and which ones are not shown", () => {
    expect(layout.placeOf.get(13)).toEqual({ line: 2, place: 0, index: 3 });
    expect(layout.placeOf.get(31)).toEqual({ line: 6, place: 1, index: 7 });
    expect([10, 15, 99].map((row) => layout.placeOf.has(row))).toEqual([true, false, false]);
    expect(layout.placeOf.get(15)).toBeUndefined();
  });

  it("fills the width with whole columns", () => {
    const first = layout.lines[1]!;
    if (first.kind !== "cells") throw new Error("a line of cells was expected");
    expect(first.cells).toHaveLength(3);
    const last = first.cells.at(-1)!;
    expect(last.x + last.width).toBeLessThanOrEqual(430);
    expect(last.x + last.width).toBeGreaterThan(430 - 3 * 8);
  });

  it("never overlaps lines", () => {
    for (let i = 1; i < layout.lines.length; i++) {
      const before = layout.lines[i - 1]!;
      expect(layout.lines[i]!.y).toBe(before.y + before.height);
    }
  });

  it("keeps relative sizes where asked", () => {
    const sizes = new Map([[1, [100, 40]], [2, [200, 80]]]) as Map<number, [number, number]>;
    const made = place([{ rows: [1, 2] }], { ...options, scaleOf: () => 0.5, sizeOf: (row) => sizes.get(row)! });
    const line = made.lines[1]!;
    if (line.kind !== "cells") throw new Error("a line of cells was expected");
    expect(line.cells.map((cell) => cell.width)).toEqual([50, 100]);
    expect(line.picture).toBe(40);
  });

  it("finds the lines of a window", () => {
    const [from, to] = visible(layout, layout.lines[2]!.y + 1, layout.lines[2]!.y + 2);
    expect([from, to]).toEqual([2, 3]);
    expect(visible(layout, -500, 1e6)).toEqual([0, layout.lines.length]);
  });

  it("walks with the arrows, across groups", () => {
    expect(neighbour(layout, 10, "right", 300)).toBe(11);
    expect(neighbour(layout, 12, "right", 300)).toBe(13);
    expect(neighbour(layout, 11, "down", 300)).toBe(14);
    expect(neighbour(layout, 14, "down", 300)).toBe(20);
    expect(neighbour(layout, 20, "up", 300)).toBe(13);
    expect(neighbour(layout, 10, "up", 300)).toBe(10);
    expect(neighbour(layout, 14, "home", 300)).toBe(10);
    expect(neighbour(layout, 14, "end", 300)).toBe(31);
    expect(neighbour(layout, 10, "pagedown", 1e6)).toBe(30);
  });

  it("finds what a rubber band touches", () => {
    const line = layout.lines[1]!;
    expect(within(layout, 0, line.y, 150, line.y + 5)).toEqual([10, 11]);
    expect(within(layout, 0, 0, 1000, 1e6)).toEqual(layout.order);
  });

  it("places ten thousand", () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => i);
    expect(place([{ rows }], options).order).toHaveLength(10_000);
  });
});

describe("the selection", () => {
  const order = [5, 6, 7, 8, 9];

  it("takes one, toggles, and extends from the anchor", () => {
    const selection = new Selection();
    selection.only(6);
    selection.extendTo(8, order);
    expect([...selection.rows]).toEqual([6, 7, 8]);
    selection.extendTo(5, order);
    expect([...selection.rows].sort()).toEqual([5, 6]);
    selection.toggle(9);
    selection.toggle(5);
    expect([...selection.rows].sort()).toEqual([6, 9]);
  });

  it("acts on the one in focus where nothing is selected", () => {
    const selection = new Selection();
    expect(selection.targets(order)).toEqual([]);
    selection.goTo(7);
    expect(selection.targets(order)).toEqual([7]);
    selection.set([9, 5]);
    expect(selection.targets(order)).toEqual([5, 9]);
  });

  it("moves the focus on when a filter hides it", () => {
    const selection = new Selection();
    selection.only(7);
    selection.settle(order, [5, 6, 8]);
    expect(selection.focus).toBe(8);
    expect(selection.size).toBe(0);
    selection.settle([5, 6, 8], [5]);
    expect(selection.focus).toBe(5);
  });
});
