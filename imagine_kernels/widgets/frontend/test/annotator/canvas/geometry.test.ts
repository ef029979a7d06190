import { describe, expect, it } from "vitest";
import {
  area, asRings, boundingBox, contains, corners, hit, joined, moved, normalised, rings, turned, within, type Figure, type Point,
} from "../../../src/annotator/canvas/geometry";
import { encode, filled } from "../../../src/annotator/canvas/masks";
import { seeded } from "./random";

const square: Figure = { kind: "polygon", numbers: [0, 0, 10, 0, 10, 10, 0, 10] };
const holed: Figure = { kind: "polygon", numbers: [0, 0, 10, 0, 10, 10, 0, 10, NaN, NaN, 2, 2, 4, 2, 4, 5, 2, 5] };

describe("figures", () => {
  it("have exact areas", () => {
    expect(area(square)).toBe(100);
    expect(area(holed)).toBe(94);
    expect(area({ kind: "polygon", numbers: [0, 0, 4, 0, 4, 3] })).toBe(6);
    expect(area({ kind: "rectangle", numbers: [1, 2, 4, 6] })).toBe(12);
    expect(area({ kind: "rotated_rectangle", numbers: [5, 5, 8, 3, 37] })).toBeCloseTo(24, 12);
    expect(area({ kind: "circle", numbers: [0, 0, 2] })).toBeCloseTo(4 * Math.PI, 12);
    expect(area({ kind: "ellipse", numbers: [0, 0, 3, 2, 50] })).toBeCloseTo(6 * Math.PI, 12);
    expect(area({ kind: "mask", numbers: [0, 0, 2, 3, 1, 2, 1, 2] })).toBe(4);
    expect(area({ kind: "line", numbers: [0, 0, 9, 9] })).toBe(0);
  });

  it("have the boxes of the store", () => {
    expect(boundingBox({ kind: "mask", numbers: [3, 4, 5, 6, 30] })).toEqual([3, 4, 8, 10]);
    expect(boundingBox({ kind: "circle", numbers: [5, 6, 2] })).toEqual([3, 4, 7, 8]);
    expect(boundingBox(holed)).toEqual([0, 0, 10, 10]);
    expect(boundingBox({ kind: "keypoints", numbers: [1, 2, 2, 5, 0, 1] })).toEqual([1, 0, 5, 2]);
    expect(boundingBox({ kind: "whole", numbers: [] })).toBeNull();
    const box = boundingBox({ kind: "rotated_rectangle", numbers: [10, 10, 8, 4, 90] })!;
    [8, 6, 12, 14].forEach((each, i) => expect(box[i]).toBeCloseTo(each, 12));
    // Turned by 45°, half axes 3 and 4: sqrt(9/2 + 16/2) to all sides.
    expect(boundingBox({ kind: "ellipse", numbers: [0, 0, 3, 4, 45] })![2]).toBeCloseTo(Math.sqrt(12.5), 12);
  });

  it("turn clockwise on the screen", () => {
    const [x, y] = turned([1, 0], [0, 0], 90);
    expect(x).toBeCloseTo(0, 12);
    expect(y).toBeCloseTo(1, 12);
    const [first] = corners([0, 0, 4, 2, 90]);
    expect(first![0]).toBeCloseTo(1, 12);
    expect(first![1]).toBeCloseTo(-2, 12);
    expect([190, -190, 360, 180, -180].map(normalised)).toEqual([-170, 170, 0, 180, 180]);
  });

  it("are hit inside, near their outline and at their points", () => {
    expect(contains(holed, 1, 1)).toBe(true);
    expect(contains(holed, 3, 3)).toBe(false);
    expect(hit(holed, 3, 3, 0.5)).toBe(false);
    expect(hit(holed, 2.3, 3, 0.5)).toBe(true);
    const line: Figure = { kind: "line", numbers: [0, 0, 10, 0, 10, 10] };
    expect(hit(line, 5, 0.9, 1)).toBe(true);
    expect(hit(line, 5, 1.1, 1)).toBe(false);
    expect(hit({ kind: "point", numbers: [5, 5] }, 6, 5, 1)).toBe(true);
    expect(hit({ kind: "ellipse", numbers: [0, 0, 10, 2, 90] }, 0, 9, 0)).toBe(true);
    expect(hit({ kind: "ellipse", numbers: [0, 0, 10, 2, 90] }, 9, 0, 0)).toBe(false);
    expect(hit({ kind: "rectangle", numbers: [] }, 0, 0, 9)).toBe(false);
    expect(within(square, [0, 0, 10, 10])).toBe(true);
    expect(within(square, [1, 0, 20, 20])).toBe(false);
  });

  it("keep their numbers when they are moved and back", () => {
    const random = seeded(11);
    const figures: Figure[] = [
      holed, { kind: "rectangle", numbers: [1, 2, 3, 4] }, { kind: "rotated_rectangle", numbers: [1, 2, 3, 4, 5] }, { kind: "circle", numbers: [1, 2, 3] },
      { kind: "keypoints", numbers: [1, 2, 2, 0, 0, 0] }, { kind: "mask", numbers: [4, 5, 1, 1, 0, 1] }, { kind: "point", numbers: [0, 0] },
    ];
    for (const figure of figures)
      for (let i = 0; i < 20; i++) {
        const [dx, dy] = [Math.round(100 * random()) - 50, Math.round(100 * random()) - 50];
        const there = { kind: figure.kind, numbers: moved(figure, dx, dy) };
        expect(moved(there, -dx, -dy)).toEqual(figure.numbers);
        expect(area(there)).toBeCloseTo(area(figure), 9);
      }
    // A keypoint that was not labelled stays nowhere, and a mask stays on whole pixels.
    expect(moved(figures[4]!, 5, 5)).toEqual([6, 7, 2, 0, 0, 0]);
    expect(moved(figures[5]!, 0.6, 0.2)).toEqual([5, 5, 1, 1, 0, 1]);
  });

  it("agree with counting pixels", () => {
    const random = seeded(5);
    for (let i = 0; i < 30; i++) {
      const r = 20 + 60 * random();
      const kinds: Figure[] = [
        { kind: "ellipse", numbers: [200, 200, r, r / 2, 180 * random()] },
        { kind: "rotated_rectangle", numbers: [200, 200, r, r * 2, 180 * random()] },
        { kind: "polygon", numbers: joined([Array.from({ length: 9 }, (_, k): Point => turned([200 + r * (0.5 + random()), 200], [200, 200], 40 * k))]) },
      ];
      for (const figure of kinds) {
        const numbers = encode(filled(asRings(figure)!))!;
        expect(area({ kind: "mask", numbers }) / area(figure)).toBeCloseTo(1, 1);
        const [x, y] = [120 + 160 * random(), 120 + 160 * random()];
        const [column, row] = [Math.floor(x) + 0.5, Math.floor(y) + 0.5];
        // The store's ellipse is exact, its rings have 64 corners: only well inside or outside they must agree.
        if (figure.kind !== "ellipse") expect(contains({ kind: "mask", numbers }, x, y)).toBe(contains(figure, column, row));
      }
    }
  });

  it("come apart into rings and back", () => {
    expect(rings(holed.numbers).map((ring) => ring.length)).toEqual([4, 4]);
    expect(joined(rings(holed.numbers))).toEqual(holed.numbers);
  });
});
