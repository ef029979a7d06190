import { describe, expect, it } from "vitest";
import { boxAround, clock, numbersAt, stretches, withGap, withKeyframe, withoutKeyframe } from "../../../src/annotator/keyframes";
import type { Shape } from "../../../src/annotator/protocol";

const box: Shape = { kind: "rectangle", frames: [1, 3, 5], keyframes: [[0, 0, 10, 10], [20, 10, 30, 20], []] };

describe("a shape at a time", () => {
  it("is that of the keyframe, between two of them, and nothing in a gap, before and after", () => {
    expect(numbersAt(box, 1)).toEqual([0, 0, 10, 10]);
    expect(numbersAt(box, 2)).toEqual([10, 5, 20, 15]);
    expect(numbersAt(box, 0.5)).toBeNull();
    expect(numbersAt(box, 5)).toBeNull();
    expect(numbersAt(box, 6)).toBeNull();
    // Towards a gap it stays where it was last seen.
    expect(numbersAt(box, 4)).toEqual([20, 10, 30, 20]);
  });

  it("is that of a keyframe of the same frame", () => {
    expect(numbersAt(box, 1.015, 0.02)).toEqual([0, 0, 10, 10]);
  });

  it("turns the shorter way round", () => {
    const turned: Shape = { kind: "ellipse", frames: [0, 1], keyframes: [[0, 0, 5, 5, 350], [0, 0, 5, 5, 10]] };
    expect(numbersAt(turned, 0.5)![4]).toBeCloseTo(360);
  });

  it("keeps the numbers where two keyframes have not the same count", () => {
    const ring: Shape = { kind: "polygon", frames: [0, 1], keyframes: [[0, 0, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1, 0, 1]] };
    expect(numbersAt(ring, 0.5)).toEqual([0, 0, 1, 0, 1, 1]);
  });

  it("has no time in a picture", () => {
    expect(numbersAt({ kind: "point", frames: [], keyframes: [[1, 2]] }, 99)).toEqual([1, 2]);
  });
});

describe("keyframes", () => {
  it("are put in by time, and replaced within a frame", () => {
    const more = withKeyframe(box, 2, [1, 1, 2, 2]);
    expect(more.frames).toEqual([1, 2, 3, 5]);
    expect(withKeyframe(more, 2.01, [3, 3, 4, 4], 0.02)).toMatchObject({ frames: [1, 2, 3, 5], keyframes: [[0, 0, 10, 10], [3, 3, 4, 4], [20, 10, 30, 20], []] });
    expect(withKeyframe(box, 9, [1, 1, 2, 2]).frames).toEqual([1, 3, 5, 9]);
    expect(box.frames).toEqual([1, 3, 5]);
  });

  it("are taken out, but never the last that shows something", () => {
    const one = withoutKeyframe(box, 1)!;
    expect(one.frames).toEqual([3, 5]);
    expect(withoutKeyframe(one, 3)).toBeNull();
    expect(withoutKeyframe(box, 2)).toBe(box);
  });

  it("say where it leaves, and where it does not after all", () => {
    const gone = withGap({ ...box, frames: [1, 3], keyframes: box.keyframes.slice(0, 2) }, 4)!;
    expect(gone).toEqual({ ...box, frames: [1, 3, 4] });
    expect(withGap(gone, 4)!.frames).toEqual([1, 3]);
    expect(withGap(box, 1)).toBeNull();
    expect(withGap({ kind: "point", frames: [], keyframes: [[1, 2]] }, 4)).toBeNull();
  });

  it("give the stretches in which it is seen", () => {
    const twice: Shape = { kind: "point", frames: [1, 2, 4, 6], keyframes: [[0, 0], [], [1, 1], [2, 2]] };
    expect(stretches(twice)).toEqual([[1, 2], [4, 6]]);
    expect(stretches({ kind: "whole", frames: [2, 8], keyframes: [[], []] })).toEqual([[2, 8]]);
  });
});

describe("small things", () => {
  it.each<[Shape["kind"], (number | null)[], number[]]>([
    ["rectangle", [1, 2, 3, 4], [1, 2, 3, 4]],
    ["circle", [10, 10, 4], [6, 6, 14, 14]],
    ["mask", [5, 6, 2, 2, 0, 4], [5, 6, 7, 8]],
    ["polygon", [0, 0, 4, 0, 4, 3, null, null, 9, 9, 8, 8, 9, 8], [0, 0, 9, 9]],
    ["keypoints", [1, 2, 2, 5, 6, 2], [1, 2, 5, 6]],
    ["ellipse", [0, 0, 3, 2, 45], [-3, -3, 3, 3]],
  ])("are boxes around a %s", (kind, numbers, wanted) => expect(boxAround(kind, numbers)).toEqual(wanted));

  it("are times that people read", () => {
    expect([0, 62.44, 59.97, 600].map(clock)).toEqual(["0:00.0", "1:02.4", "1:00.0", "10:00.0"]);
  });
});
