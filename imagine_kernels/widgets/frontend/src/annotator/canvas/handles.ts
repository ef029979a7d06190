/** Handles of a selected figure, and what dragging one of them makes of it. */
import { boundingBox, distance, normalised, rings, joined, triples, turned, type Figure, type Point } from "./geometry";

/** `side` handles: 0 top left, 1 top, 2 top right, and so on clockwise. */
export type Role = "corner" | "middle" | "side" | "turn" | "radius" | "centre";

export interface Handle {
  role: Role;
  index: number;
  at: Point;
}

const SIDES: readonly Point[] = [[-1, -1], [0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]];

/** `gap`: how far the handle to turn stands off, in px of the picture. */
export function handles(figure: Figure, gap: number): Handle[] {
  const { kind, numbers } = figure;
  if (!numbers.length) return [];
  switch (kind) {
    case "point":
      return [{ role: "corner", index: 0, at: [numbers[0]!, numbers[1]!] }];
    case "keypoints":
      return triples(numbers).flatMap(([x, y, seen], index): Handle[] => (seen ? [{ role: "corner", index, at: [x, y] }] : []));
    case "line":
    case "polygon": {
      const found: Handle[] = [];
      let index = 0;
      for (const ring of rings(numbers)) {
        ring.forEach((at, i) => {
          found.push({ role: "corner", index: index + i, at });
          const next = ring[i + 1] ?? (kind === "polygon" ? ring[0] : undefined);
          if (next) found.push({ role: "middle", index: index + i, at: [(at[0] + next[0]) / 2, (at[1] + next[1]) / 2] });
        });
        index += ring.length + 1;
      }
      return found;
    }
    case "rectangle": {
      const [x0, y0, x1, y1] = boundingBox(figure)!;
      return SIDES.map(([u, v], index) => ({ role: "side", index, at: [(x0 + x1 + u * (x1 - x0)) / 2, (y0 + y1 + v * (y1 - y0)) / 2] }));
    }
    case "rotated_rectangle":
    case "ellipse": {
      const [x, y, a, b, degrees] = numbers as [number, number, number, number, number];
      const [w, h] = kind === "ellipse" ? [a, b] : [a / 2, b / 2];
      const at = (dx: number, dy: number) => turned([x + dx, y + dy], [x, y], degrees);
      const sides = SIDES.map(([u, v], index): Handle => ({ role: "side", index, at: at(u * w, v * h) }));
      // An ellipse has no corners that one could take hold of.
      return [...sides.filter(({ index }) => kind === "rotated_rectangle" || index % 2), { role: "turn", index: 0, at: at(0, -h - gap) }];
    }
    case "circle":
      return [[1, 0], [0, 1], [-1, 0], [0, -1]].map(([u, v], index) => ({
        role: "radius", index, at: [numbers[0]! + u! * numbers[2]!, numbers[1]! + v! * numbers[2]!],
      }));
    default:
      return [];
  }
}

/** The numbers once a handle lies at `to`; `even` keeps proportions (turns by steps of 15°). */
export function dragged(figure: Figure, { role, index }: Pick<Handle, "role" | "index">, to: Point, even = false): number[] {
  const { kind, numbers } = figure;
  const [x, y] = to;
  if (role === "corner") {
    const step = kind === "keypoints" ? 3 : 2;
    return numbers.map((n, i) => (i === step * index ? x : i === step * index + 1 ? y : n));
  }
  if (role === "middle") return [...numbers.slice(0, 2 * index + 2), x, y, ...numbers.slice(2 * index + 2)];
  if (role === "radius") return [numbers[0]!, numbers[1]!, distance([numbers[0]!, numbers[1]!], to)];
  if (role === "turn") {
    const degrees = (Math.atan2(y - numbers[1]!, x - numbers[0]!) * 180) / Math.PI + 90;
    return [...numbers.slice(0, 4), normalised(even ? Math.round(degrees / 15) * 15 : degrees)];
  }
  if (role !== "side") return [...numbers];
  if (kind === "rectangle") {
    const [cx, cy] = [(numbers[0]! + numbers[2]!) / 2, (numbers[1]! + numbers[3]!) / 2];
    const [w, h] = [numbers[2]! - numbers[0]!, numbers[3]! - numbers[1]!];
    const [mx, my, mw, mh] = resized([cx, cy, w, h, 0], index, to, even) as [number, number, number, number];
    return [mx - mw / 2, my - mh / 2, mx + mw / 2, my + mh / 2];
  }
  const half = kind === "ellipse" ? 2 : 1;
  const [mx, my, mw, mh, t] = resized([numbers[0]!, numbers[1]!, numbers[2]! * half, numbers[3]! * half, numbers[4]!], index, to, even);
  return [mx!, my!, mw! / half, mh! / half, t!];
}

/** A turned rectangle, one of whose eight handles is at `to`; the handle across stays where it is. */
function resized(box: readonly number[], index: number, to: Point, even: boolean): number[] {
  const [x, y, width, height, degrees] = box as [number, number, number, number, number];
  const [u, v] = SIDES[index]!;
  const fixed = turned([x - (u * width) / 2, y - (v * height) / 2], [x, y], degrees);
  const [px, py] = turned(to, fixed, -degrees);
  let [w, h] = [u ? px - fixed[0] : width, v ? py - fixed[1] : height];
  if (even && u && v && width && height) {
    const scale = Math.max(Math.abs(w) / width, Math.abs(h) / height);
    [w, h] = [Math.sign(w || u) * width * scale, Math.sign(h || v) * height * scale];
  }
  const centre: Point = [fixed[0] + (u ? w / 2 : 0), fixed[1] + (v ? h / 2 : 0)];
  const [cx, cy] = turned(centre, fixed, degrees);
  return [cx, cy, Math.abs(w), Math.abs(h), degrees];
}

/** Without the corner; null where a shape would no longer be one. */
export function withoutCorner({ kind, numbers }: Figure, index: number): number[] | null {
  if (kind !== "polygon" && kind !== "line") return null;
  let at = 0;
  const kept = rings(numbers).map((ring) => {
    const own = ring.filter((_, i) => at + i !== index);
    at += ring.length + 1;
    return own;
  });
  const least = kind === "polygon" ? 3 : 2;
  const whole = kept.filter((ring) => ring.length >= least);
  return whole.length ? joined(whole) : null;
}

