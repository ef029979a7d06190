/** Catching corners and edges of other shapes. */
import { distance, edges, nearestOn, points, type Figure, type Point } from "./geometry";

/** The nearest corner within reach, else the nearest place on an edge; null where there is none. */
export function caught(at: Point, others: Iterable<Figure>, reach: number): Point | null {
  let [corner, edge]: [Point | null, Point | null] = [null, null];
  let [fromCorner, fromEdge] = [reach, reach];
  for (const figure of others) {
    for (const point of points(figure)) {
      const d = distance(point, at);
      if (d <= fromCorner) [corner, fromCorner] = [point, d];
    }
    if (corner) continue;
    for (const [a, b] of edges(figure)) {
      const place = nearestOn(a, b, at);
      const d = distance(place, at);
      if (d <= fromEdge) [edge, fromEdge] = [place, d];
    }
  }
  return corner ?? edge;
}

/** What is dragged, with its moved corner put where `catchAt` says; the same figure where nothing is caught. */
export function snappedDrag(before: Figure, after: Figure, catchAt: (at: Point) => Point | null): Figure {
  const { kind, numbers } = after;
  const differ = numbers.flatMap((n, i) => (before.numbers.length === numbers.length && Math.abs(n - before.numbers[i]!) < 1e-9 ? [] : [i]));
  if (before.numbers.length !== numbers.length || before.kind !== kind || !["polygon", "line", "point", "rectangle"].includes(kind)) return after;
  const slots = differ.filter((i) => !Number.isNaN(numbers[i]));
  // A corner is one x and one y: of a rectangle any two sides that meet, else a pair of numbers.
  const x = slots.find((i) => i % 2 === 0) ?? slots[0]! - 1;
  const y = kind === "rectangle" ? (slots.find((i) => i % 2) ?? -1) : x + 1;
  if (!slots.length || slots.length > 2 || slots.some((i) => i !== x && i !== y) || x < 0 || y < 0) return after;
  const caughtAt = catchAt([numbers[x]!, numbers[y]!]);
  if (!caughtAt) return after;
  const out = numbers.map((n, i) => (i === x ? caughtAt[0] : i === y ? caughtAt[1] : n));
  return kind === "rectangle" && (out[0]! > out[2]! || out[1]! > out[3]!) ? after : { kind, numbers: out };
}
