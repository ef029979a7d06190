/**
 * From the units of the store to px of the picture and back. In a recording x is s and y is Hz upwards, and a px is not square in
 * them: turned rectangles, circles and masks cannot be told there, and become polygons and ellipses.
 */
import type { Shape, ShapeKind, View } from "../protocol";
import { corners, joined, normalised, rings, triples, type Box, type Figure, type Point } from "./geometry";
import { decode, outline } from "./masks";
import { simplifiedRing } from "./simplify";

/** A shape in px; NaN parts rings. */
export interface Moments {
  kind: ShapeKind;
  keyframes: number[][];
  frames: number[];
}

export interface Units {
  toPx(shape: Shape): Moments;
  fromPx(shape: Moments): Shape;
  pointToPx(point: Point): Point;
  pointFromPx(point: Point): Point;
  boxFromPx(box: Box): Box;
}

const numbered = (numbers: readonly (number | null)[]): number[] => numbers.map((n) => n ?? NaN);
const nulled = (numbers: readonly number[]): (number | null)[] => numbers.map((n) => (Number.isNaN(n) ? null : n));

const SAME: Units = {
  toPx: (shape) => ({ kind: shape.kind, keyframes: shape.keyframes.map(numbered), frames: [...shape.frames] }),
  fromPx: (shape) => ({ kind: shape.kind, keyframes: shape.keyframes.map(nulled), frames: [...shape.frames] }),
  pointToPx: (point) => point,
  pointFromPx: (point) => point,
  boxFromPx: (box) => box,
};

export function unitsOf(view: View): Units {
  if (view.kind !== "sound") return SAME;
  const { height, second_per_px: s, hertz_per_px: hz } = view;
  const toPx: Point = [1 / s, -1 / hz];
  const pointToPx = ([x, y]: Point): Point => [x / s, height - y / hz];
  const pointFromPx = ([x, y]: Point): Point => [x * s, (height - y) * hz];
  const convert = (shape: Moments, way: (point: Point) => Point, scale: Point): Moments => {
    const figures = shape.keyframes.map((numbers) => stretched({ kind: shape.kind, numbers }, way, scale));
    return { kind: figures[0]?.kind ?? shape.kind, keyframes: figures.map((each) => each.numbers), frames: [...shape.frames] };
  };
  return {
    toPx: (shape) => convert(SAME.toPx(shape), pointToPx, toPx),
    fromPx: (shape) => SAME.fromPx(convert(shape, pointFromPx, [s, -hz])),
    pointToPx,
    pointFromPx,
    boxFromPx: ([x0, y0, x1, y1]) => [...pointFromPx([x0, y1]), ...pointFromPx([x1, y0])],
  };
}

/** Each point goes its way; lengths are stretched by `scale`, whose y is negative: up becomes down. */
function stretched(figure: Figure, way: (point: Point) => Point, [sx, sy]: Point): Figure {
  const { kind, numbers } = figure;
  if (!numbers.length) return figure;
  const each = (ring: readonly Point[]) => ring.map(way);
  switch (kind) {
    case "rectangle": {
      const [[x0, y1], [x1, y0]] = [way([numbers[0]!, numbers[1]!]), way([numbers[2]!, numbers[3]!])];
      return { kind, numbers: [x0, y0, x1, y1] };
    }
    case "circle":
      return { kind: "ellipse", numbers: [...way([numbers[0]!, numbers[1]!]), numbers[2]! * Math.abs(sx), numbers[2]! * Math.abs(sy), 0] };
    case "ellipse":
      return { kind, numbers: [...way([numbers[0]!, numbers[1]!]), ...stretchedAxes(numbers, Math.abs(sx), Math.abs(sy))] };
    case "rotated_rectangle":
      return { kind: "polygon", numbers: joined([each(corners(numbers))]) };
    case "mask":
      return { kind: "polygon", numbers: joined(outline(decode(numbers)).map((ring) => each(simplifiedRing(ring, 1)))) };
    case "keypoints":
      return { kind, numbers: triples(numbers).flatMap(([x, y, seen]) => [...way([x, y]), seen]) };
    default:
      return { kind, numbers: joined(rings(numbers).map(each)) };
  }
}

/**
 * Half axes and angle of an ellipse that is stretched along x and y: the singular values of S·R·D. The angle stays the one that is
 * seen on the screen, clockwise.
 */
function stretchedAxes(numbers: readonly number[], sx: number, sy: number): [number, number, number] {
  const [a, b, degrees] = [numbers[2]!, numbers[3]!, numbers[4]!];
  if (normalised(degrees) === 0) return [a * sx, b * sy, 0];
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [m, n, p, q] = [sx * a * cos, -sx * b * sin, sy * a * sin, sy * b * cos];
  const angle = Math.atan2(2 * (m * p + n * q), m * m + n * n - p * p - q * q) / 2;
  const [xx, xy, yy] = [m * m + n * n, m * p + n * q, p * p + q * q];
  const mean = (xx + yy) / 2;
  const half = Math.hypot((xx - yy) / 2, xy);
  return [Math.sqrt(mean + half), Math.sqrt(Math.max(0, mean - half)), (angle * 180) / Math.PI];
}

/** What a kind that is drawn in px becomes in the store. */
export function storedKind(kind: ShapeKind, view: View | null): ShapeKind {
  if (view?.kind !== "sound") return kind;
  if (kind === "circle") return "ellipse";
  return kind === "rotated_rectangle" || kind === "mask" ? "polygon" : kind;
}

