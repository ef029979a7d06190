import { describe, expect, it } from "vitest";
import { Draft } from "../../../src/annotator/canvas/drafts";
import { asRings, distance, type Figure, type Point } from "../../../src/annotator/canvas/geometry";
import { dragged, handles, withoutCorner } from "../../../src/annotator/canvas/handles";
import { caught, snappedDrag } from "../../../src/annotator/canvas/snap";
import { seeded } from "./random";

const close = (found: readonly number[], wanted: readonly number[]) => {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((each, i) => (Number.isNaN(each) ? expect(found[i]).toBeNaN() : expect(found[i]).toBeCloseTo(each, 9)));
};

const figures: Figure[] = [
  { kind: "point", numbers: [3, 4] },
  { kind: "line", numbers: [0, 0, 10, 0, 10, 10] },
  { kind: "polygon", numbers: [0, 0, 10, 0, 10, 10, NaN, NaN, 4, 1, 8, 1, 8, 5] },
  { kind: "rectangle", numbers: [0, 0, 10, 20] },
  { kind: "rotated_rectangle", numbers: [50, 50, 20, 10, 30] },
  { kind: "ellipse", numbers: [50, 50, 20, 10, -70] },
  { kind: "circle", numbers: [5, 5, 4] },
  { kind: "keypoints", numbers: [1, 1, 2, 0, 0, 0, 3, 3, 1] },
];

describe("handles", () => {
  it("change nothing where they are let go at their own place", () => {
    for (const figure of figures)
      for (const handle of handles(figure, 20)) {
        if (handle.role === "middle") continue;
        close(dragged(figure, handle, handle.at), figure.numbers);
      }
  });

  it("come to lie where they are dragged to", () => {
    const random = seeded(21);
    for (const figure of figures)
      for (const handle of handles(figure, 20)) {
        if (!["corner", "middle"].includes(handle.role)) continue;
        const to: Point = [100 * random(), 100 * random()];
        const after: Figure = { kind: figure.kind, numbers: dragged(figure, handle, to) };
        expect(Math.min(...handles(after, 20).filter(({ role }) => role === "corner").map(({ at }) => distance(at, to)))).toBe(0);
      }
  });

  it("leave the handle across where it is", () => {
    const figure = figures[4]!;
    const before = handles(figure, 20);
    for (const handle of before.filter(({ role }) => role === "side")) {
      const to: Point = [handle.at[0] + 3, handle.at[1] - 2];
      const across = before.find(({ index, role }) => role === "side" && index === (handle.index + 4) % 8)!;
      const after = handles({ kind: figure.kind, numbers: dragged(figure, handle, to) }, 20);
      expect(Math.min(...after.map(({ at }) => distance(at, across.at)))).toBeLessThan(1e-9);
    }
  });

  it("put corners in, in the right ring, and take them away", () => {
    const polygon = figures[2]!;
    const middles = handles(polygon, 20).filter(({ role }) => role === "middle");
    expect(middles).toHaveLength(6);
    expect(dragged(polygon, middles[2]!, [5, 6])).toEqual([0, 0, 10, 0, 10, 10, 5, 6, NaN, NaN, 4, 1, 8, 1, 8, 5]);
    expect(dragged(polygon, middles[5]!, [5, 6])).toEqual([0, 0, 10, 0, 10, 10, NaN, NaN, 4, 1, 8, 1, 8, 5, 5, 6]);
    // A ring of three corners goes altogether with one of them.
    expect(withoutCorner(polygon, 4)).toEqual([0, 0, 10, 0, 10, 10]);
    expect(withoutCorner({ kind: "polygon", numbers: [0, 0, 1, 0, 1, 1] }, 0)).toBeNull();
    expect(withoutCorner(figures[1]!, 1)).toEqual([0, 0, 10, 10]);
  });

  it("turn, by steps where asked", () => {
    const figure = figures[4]!;
    close(dragged(figure, { role: "turn", index: 0 }, [100, 50]), [50, 50, 20, 10, 90]);
    close(dragged(figure, { role: "turn", index: 0 }, [100, 52], true), [50, 50, 20, 10, 90]);
    close(dragged(figure, { role: "turn", index: 0 }, [50, 0]), [50, 50, 20, 10, 0]);
  });

  it("turn a rectangle over rather than inside out", () => {
    expect(dragged(figures[3]!, { role: "side", index: 0 }, [15, 30])).toEqual([10, 20, 15, 30]);
    close(dragged(figures[3]!, { role: "side", index: 4 }, [20, 25], true), [0, 0, 20, 40]);
    close(dragged(figures[6]!, { role: "radius", index: 2 }, [5, 12]), [5, 5, 7]);
  });
});

describe("snapping", () => {
  const other: Figure = { kind: "polygon", numbers: [100, 0, 200, 0, 200, 100] };
  it("prefers corners to edges", () => {
    expect(caught([103, 2], [other], 5)).toEqual([100, 0]);
    expect(caught([150, 3], [other], 5)).toEqual([150, 0]);
    expect(caught([150, 9], [other], 5)).toBeNull();
  });

  it("moves only the corner that is dragged", () => {
    const before: Figure = { kind: "polygon", numbers: [0, 0, 90, 0, 90, 50] };
    const at = (point: Point) => caught(point, [other], 5);
    expect(snappedDrag(before, { ...before, numbers: [0, 0, 98, 1, 90, 50] }, at).numbers).toEqual([0, 0, 100, 0, 90, 50]);
    const box: Figure = { kind: "rectangle", numbers: [0, 0, 90, 50] };
    expect(snappedDrag(box, { ...box, numbers: [0, -1, 102, 50] }, at).numbers).toEqual([0, 0, 100, 50]);
    const moved = { ...box, numbers: [8, 1, 98, 51] };
    expect(snappedDrag(box, moved, at)).toBe(moved);
  });
});

describe("drawing", () => {
  const drag = (draft: Draft, a: Point, b: Point) => {
    draft.press(a);
    draft.move(b);
    return draft.release(b, 2);
  };

  it("makes figures of two points by dragging or by two clicks", () => {
    expect(drag(new Draft("rectangle"), [10, 20], [4, 5])).toEqual({ kind: "rectangle", numbers: [4, 5, 10, 20] });
    const clicked = new Draft("rectangle");
    expect(drag(clicked, [10, 20], [10, 20])).toBeNull();
    expect(drag(clicked, [30, 40], [30, 40])).toEqual({ kind: "rectangle", numbers: [10, 20, 30, 40] });
    expect(clicked.active).toBe(false);
    expect(drag(new Draft("circle"), [0, 0], [3, 4])).toEqual({ kind: "circle", numbers: [0, 0, 5] });
    expect(drag(new Draft("ellipse"), [0, 0], [10, 4])).toEqual({ kind: "ellipse", numbers: [5, 2, 5, 2, 0] });
    expect(drag(new Draft("point"), [1, 2], [1, 2])).toEqual({ kind: "point", numbers: [1, 2] });
  });

  it("makes turned rectangles of an edge and a width", () => {
    const random = seeded(2);
    for (let i = 0; i < 40; i++) {
      const draft = new Draft("rotated_rectangle");
      const [a, b, c] = [0, 1, 2].map((): Point => [100 * random(), 100 * random()]) as [Point, Point, Point];
      expect(drag(draft, a, b)).toBeNull();
      const found = drag(draft, c, c)!;
      const ring = asRings(found)![0]!;
      for (const end of [a, b]) expect(Math.min(...ring.map((corner) => distance(corner, end)))).toBeLessThan(1e-9);
      expect(found.numbers[2]).toBeCloseTo(distance(a, b), 9);
    }
  });

  it("closes polygons near their first corner, or at the end", () => {
    const draft = new Draft("polygon");
    for (const at of [[0, 0], [10, 0], [10, 10]] as Point[]) expect(drag(draft, at, at)).toBeNull();
    expect(draft.closes([1, 1], 4)).toBe(true);
    expect(drag(draft, [1, 1], [1, 1])).toEqual({ kind: "polygon", numbers: [0, 0, 10, 0, 10, 10] });
    for (const at of [[0, 0], [10, 0]] as Point[]) drag(draft, at, at);
    expect(draft.finish()).toBeNull();
    for (const at of [[10, 10], [10.5, 10]] as Point[]) drag(draft, at, at);
    expect(draft.finish(2)).toEqual({ kind: "polygon", numbers: [0, 0, 10, 0, 10, 10] });
  });

  it("takes corners back, one by one", () => {
    const draft = new Draft("line");
    for (const at of [[0, 0], [10, 0], [20, 0]] as Point[]) drag(draft, at, at);
    expect(draft.back()).toBe(true);
    expect(draft.finish()).toEqual({ kind: "line", numbers: [0, 0, 10, 0] });
    expect(draft.back()).toBe(false);
  });

  it("forgets a press that was none", () => {
    const draft = new Draft("rectangle");
    draft.press([5, 5]);
    draft.lost();
    expect(draft.active).toBe(false);
    expect(draft.release([9, 9], 1)).toBeNull();
  });
});
