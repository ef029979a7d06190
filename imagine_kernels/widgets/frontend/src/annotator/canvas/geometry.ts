/**
 * Shapes as numbers, in px of the picture (y downwards): boxes, areas, hits and moves. The numbers of each kind are those of
 * `imagine_kernels.records.Shape`; two NaN part the rings of a polygon.
 */
import type { ShapeKind } from "../protocol";

export type Point = [number, number];
export type Box = [number, number, number, number];

export interface Figure {
  kind: ShapeKind;
  numbers: number[];
}

/** How many corners stand for an ellipse; its polygon has 0.16 % less area. */
const ELLIPSE_CORNERS = 64;

export const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** The rings of a polygon, or the one run of points of a line. */
export function rings(numbers: readonly number[]): Point[][] {
  const found: Point[][] = [[]];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    if (Number.isNaN(numbers[i])) found.push([]);
    else found.at(-1)!.push([numbers[i]!, numbers[i + 1]!]);
  }
  return found;
}

export const joined = (parts: readonly (readonly Point[])[]): number[] =>
  parts.flatMap((ring, i) => [...(i ? [NaN, NaN] : []), ...ring.flat()]);

export function turned(point: Point, about: Point, degrees: number): Point {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [dx, dy] = [point[0] - about[0], point[1] - about[1]];
  return [about[0] + dx * cos - dy * sin, about[1] + dx * sin + dy * cos];
}

/** The corners of a turned rectangle: top left first, clockwise. */
export function corners([x, y, width, height, degrees]: readonly number[]): Point[] {
  const [w, h] = [width! / 2, height! / 2];
  const flat: Point[] = [[x! - w, y! - h], [x! + w, y! - h], [x! + w, y! + h], [x! - w, y! + h]];
  return flat.map((corner) => turned(corner, [x!, y!], degrees!));
}

/** The corners that a figure has; of masks those of their box. */
export function points({ kind, numbers }: Figure): Point[] {
  if (!numbers.length) return [];
  if (kind === "rectangle" || kind === "mask") {
    const [x0, y0, x1, y1] = boundingBox({ kind, numbers })!;
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }
  if (kind === "rotated_rectangle") return corners(numbers);
  if (kind === "circle") return [[numbers[0]!, numbers[1]!]];
  if (kind === "ellipse") return [[numbers[0]!, numbers[1]!]];
  if (kind === "keypoints") return triples(numbers).map(([x, y]) => [x, y]);
  return rings(numbers).flat();
}

export function triples(numbers: readonly number[]): [number, number, number][] {
  return Array.from({ length: numbers.length / 3 }, (_, i) => [numbers[3 * i]!, numbers[3 * i + 1]!, numbers[3 * i + 2]!]);
}

/** A figure that has an area, as rings by the even-odd rule; null for the others. Masks are traced along their pixels elsewhere. */
export function asRings({ kind, numbers }: Figure): Point[][] | null {
  if (!numbers.length) return null;
  if (kind === "polygon") return rings(numbers);
  if (kind === "rectangle" || kind === "rotated_rectangle") return [points({ kind, numbers })];
  if (kind === "circle" || kind === "ellipse") {
    const [x, y, a] = numbers as [number, number, number];
    const b = kind === "circle" ? a : numbers[3]!;
    const degrees = kind === "circle" ? 0 : numbers[4]!;
    const ring = Array.from({ length: ELLIPSE_CORNERS }, (_, i): Point => {
      const t = (2 * Math.PI * i) / ELLIPSE_CORNERS;
      return turned([x + a * Math.cos(t), y + b * Math.sin(t)], [x, y], degrees);
    });
    return [ring];
  }
  return null;
}

/** As `bounding_box` of the store: the extrema of an ellipse come from its parametric form. */
export function boundingBox({ kind, numbers }: Figure): Box | null {
  if (!numbers.length) return null;
  const [a, b, c, d] = numbers as [number, number, number, number];
  if (kind === "rectangle") return [a, b, c, d];
  if (kind === "mask") return [a, b, a + c, b + d];
  if (kind === "circle") return [a - c, b - c, a + c, b + c];
  if (kind === "ellipse" || kind === "rotated_rectangle") {
    const t = (numbers[4]! * Math.PI) / 180;
    const [cos, sin] = [Math.abs(Math.cos(t)), Math.abs(Math.sin(t))];
    const across = kind === "ellipse" ? Math.hypot(c * cos, d * sin) : (c * cos + d * sin) / 2;
    const down = kind === "ellipse" ? Math.hypot(c * sin, d * cos) : (c * sin + d * cos) / 2;
    return [a - across, b - down, a + across, b + down];
  }
  const all: Box = [Infinity, Infinity, -Infinity, -Infinity];
  const step = kind === "keypoints" ? 3 : 2;
  for (let i = 0; i + 1 < numbers.length; i += step) {
    const [x, y] = [numbers[i]!, numbers[i + 1]!];
    if (Number.isNaN(x)) continue;
    if (x < all[0]) all[0] = x;
    if (y < all[1]) all[1] = y;
    if (x > all[2]) all[2] = x;
    if (y > all[3]) all[3] = y;
  }
  return all[0] <= all[2] ? all : null;
}

/** Of a ring, positive where it goes clockwise on the screen (shoelace formula). */
export function signedArea(ring: readonly Point[]): number {
  let twice = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) twice += ring[j]![0] * ring[i]![1] - ring[i]![0] * ring[j]![1];
  return twice / 2;
}

/** px²; of rings their plain sum, holes taken off where they turn the other way or lie in an odd number of others. */
export function area(figure: Figure): number {
  const { kind, numbers } = figure;
  if (kind === "circle") return Math.PI * numbers[2]! ** 2;
  if (kind === "ellipse") return Math.PI * numbers[2]! * numbers[3]!;
  if (kind === "mask") return numbers.slice(4).reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0);
  const parts = asRings(figure);
  if (!parts) return 0;
  return Math.abs(
    parts.reduce((sum, ring, i) => {
      const around = parts.filter((other, j) => j !== i && ring.length && inRing(other, ...ring[0]!)).length;
      return sum + (around % 2 ? -1 : 1) * Math.abs(signedArea(ring));
    }, 0),
  );
}

function inRing(ring: readonly Point[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i]!;
    const [xj, yj] = ring[j]!;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

export function contains(figure: Figure, x: number, y: number): boolean {
  const { kind, numbers } = figure;
  if (kind === "mask") {
    const [left, top, width, height] = numbers as [number, number, number, number];
    const [column, row] = [Math.floor(x) - left, Math.floor(y) - top];
    if (column < 0 || row < 0 || column >= width || row >= height) return false;
    let ahead = column * height + row;
    for (let i = 4; i < numbers.length; i++) if ((ahead -= numbers[i]!) < 0) return i % 2 === 1;
    return false;
  }
  if (kind === "circle") return Math.hypot(x - numbers[0]!, y - numbers[1]!) <= numbers[2]!;
  if (kind === "ellipse") {
    const [u, v] = turned([x, y], [numbers[0]!, numbers[1]!], -numbers[4]!);
    const [a, b] = [numbers[2]! || 1e-9, numbers[3]! || 1e-9];
    return ((u - numbers[0]!) / a) ** 2 + ((v - numbers[1]!) / b) ** 2 <= 1;
  }
  const parts = asRings(figure);
  return parts !== null && parts.filter((ring) => inRing(ring, x, y)).length % 2 === 1;
}

/** The point of a stretch that is nearest. */
export function nearestOn([ax, ay]: Point, [bx, by]: Point, [x, y]: Point): Point {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return [ax + t * dx, ay + t * dy];
}

/** The stretches of its outline. */
export function edges(figure: Figure): [Point, Point][] {
  if (figure.kind === "line") {
    const run = rings(figure.numbers)[0]!;
    return run.slice(1).map((point, i) => [run[i]!, point]);
  }
  return (asRings(figure) ?? []).flatMap((ring) => ring.map((point, i): [Point, Point] => [ring.at(i - 1)!, point]));
}

/** The pointer is in the figure, or within `slack` px of its outline or points. */
export function hit(figure: Figure, x: number, y: number, slack: number): boolean {
  const box = boundingBox(figure);
  if (!box || x < box[0] - slack || y < box[1] - slack || x > box[2] + slack || y > box[3] + slack) return false;
  const { kind, numbers } = figure;
  if (kind === "point" || kind === "keypoints") return points(figure).some((point) => distance(point, [x, y]) <= slack * 1.5);
  if (kind !== "line" && contains(figure, x, y)) return true;
  if (kind === "mask") return numbers[2]! * numbers[3]! > 0 && Math.max(numbers[2]!, numbers[3]!) < slack;
  return edges(figure).some(([a, b]) => distance(nearestOn(a, b, [x, y]), [x, y]) <= slack);
}

export function moved({ kind, numbers }: Figure, dx: number, dy: number): number[] {
  if (!numbers.length) return [];
  if (kind === "mask") return [Math.round(numbers[0]! + dx), Math.round(numbers[1]! + dy), ...numbers.slice(2)];
  if (kind === "rectangle") return [numbers[0]! + dx, numbers[1]! + dy, numbers[2]! + dx, numbers[3]! + dy];
  if (kind === "keypoints") return triples(numbers).flatMap(([x, y, seen]) => (seen ? [x + dx, y + dy, seen] : [x, y, seen]));
  if (kind === "polygon" || kind === "line" || kind === "point") return numbers.map((n, i) => n + (i % 2 ? dy : dx));
  return [numbers[0]! + dx, numbers[1]! + dy, ...numbers.slice(2)];
}

/** Whole figure inside the box. */
export function within(figure: Figure, [x0, y0, x1, y1]: Box): boolean {
  const box = boundingBox(figure);
  return box !== null && box[0] >= x0 && box[1] >= y0 && box[2] <= x1 && box[3] <= y1;
}

export const spanning = ([ax, ay]: Point, [bx, by]: Point): Box => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];

/** The angle on the screen, in (−180, 180]. */
export function normalised(degrees: number): number {
  const t = ((degrees % 360) + 360) % 360;
  return t > 180 ? t - 360 : t;
}
