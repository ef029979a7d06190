import { expect, test } from "vitest";
import { frameOf } from "../../../src/annotator/sketch";

test("the frame holds all shapes with some room", () => {
  expect(frameOf([])).toBeNull();
  expect(frameOf([{ kind: "whole", numbers: [] }])).toBeNull();
  expect(frameOf([{ kind: "rectangle", numbers: [10, 20, 110, 70] }, { kind: "circle", numbers: [100, 50, 10] }])).toEqual([2, 12, 118, 78]);
  expect(frameOf([{ kind: "point", numbers: [5, 6] }])).toEqual([4.92, 5.92, 5.08, 6.08]);
});
