/** What is being drawn: corners set one by one, by clicks or by dragging, in px of the picture. */
import { distance, joined, normalised, spanning, type Figure, type Point } from "./geometry";

export type DraftTool = "point" | "line" | "rectangle" | "rotated_rectangle" | "polygon" | "circle" | "ellipse" | "ruler" | "zoom";

/** How many points end a figure. */
const NEEDED: Record<DraftTool, number> = {
  point: 1, line: Infinity, polygon: Infinity, rectangle: 2, ellipse: 2, circle: 2, rotated_rectangle: 3, ruler: 2, zoom: 2,
};

export class Draft {
  readonly points: Point[] = [];
  cursor: Point | null = null;
  private pressed: Point | null = null;
  private fresh = false;

  constructor(readonly tool: DraftTool) {}

  get active(): boolean {
    return this.points.length > 0;
  }

  press(at: Point): void {
    this.pressed = this.cursor = at;
    if (NEEDED[this.tool] !== Infinity && !this.points.length) {
      this.points.push(at);
      this.fresh = true;
    }
  }

  move(at: Point): void {
    this.cursor = at;
  }

  /** `slack`: what counts as the same place, in px of the picture; a figure where it is at its end. `even` as in `figure`. */
  release(at: Point, slack: number, even = false): Figure | null {
    if (!this.pressed) return null;
    const dragged = distance(this.pressed, at) > slack;
    this.pressed = null;
    this.cursor = at;
    const first = this.fresh;
    this.fresh = false;
    if (this.tool === "point") return this.ended(even);
    if (NEEDED[this.tool] === Infinity) {
      if (this.closes(at, slack * 2)) return this.ended(even);
      if (!this.points.length || distance(this.points.at(-1)!, at) > 1e-9) this.points.push(at);
      return null;
    }
    // A click without dragging sets the first corner; the next click ends.
    if (first && !dragged) return null;
    if (distance(this.points.at(-1)!, at) <= 1e-9) return null;
    this.points.push(at);
    return this.points.length >= NEEDED[this.tool] ? this.ended(even) : null;
  }

  /** Near the first corner of a polygon. */
  closes(at: Point, slack: number): boolean {
    return this.tool === "polygon" && this.points.length >= 3 && distance(this.points[0]!, at) <= slack;
  }

  /** End it where it may end: lines and polygons, and what two corners make. `slack` joins the two corners of a double click. */
  finish(slack = 0): Figure | null {
    if (this.tool === "line" || this.tool === "polygon") {
      while (this.points.length > 1 && distance(this.points.at(-1)!, this.points.at(-2)!) <= slack) this.points.pop();
      if (this.points.length < (this.tool === "line" ? 2 : 3)) return null;
      this.cursor = null;
      return this.ended(false);
    }
    return null;
  }

  /** Take back the last corner; false where there is none. */
  back(): boolean {
    this.pressed = null;
    this.fresh = false;
    return this.points.pop() !== undefined;
  }

  /** The press was none: what was set before it stays. */
  lost(): void {
    if (this.fresh) this.points.pop();
    this.fresh = false;
    this.pressed = null;
  }

  clear(): void {
    this.points.length = 0;
    this.cursor = this.pressed = null;
    this.fresh = false;
  }

  /** As it looks with the pointer where it is; `even`: squares, circles, steps of 15°. */
  figure(even = false): Figure | null {
    const all = this.cursor && this.points.length < NEEDED[this.tool] ? [...this.points, this.cursor] : this.points;
    return this.points.length ? made(this.tool, all, even) : null;
  }

  private ended(even: boolean): Figure | null {
    const open = this.tool === "line" || this.tool === "polygon";
    const found = made(this.tool, this.points, even && !open);
    this.clear();
    return found;
  }
}

function made(tool: DraftTool, points: readonly Point[], even: boolean): Figure | null {
  const [a, b = a, c] = points as [Point, Point?, Point?];
  switch (tool) {
    case "point":
      return { kind: "point", numbers: [...a] };
    case "line":
    case "ruler":
      return { kind: "line", numbers: joined([points.length > 1 ? points : [a, a]]) };
    case "polygon":
      return points.length > 2 ? { kind: "polygon", numbers: joined([points]) } : { kind: "line", numbers: [...a, ...b] };
    case "circle":
      return { kind: "circle", numbers: [...a, distance(a, b)] };
    case "rectangle":
    case "zoom":
      return { kind: "rectangle", numbers: spanning(a, even ? squared(a, b) : b) };
    case "ellipse": {
      const [x0, y0, x1, y1] = spanning(a, even ? squared(a, b) : b);
      return { kind: "ellipse", numbers: [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2, 0] };
    }
    case "rotated_rectangle": {
      if (!c) return { kind: "line", numbers: [...a, ...b] };
      const width = distance(a, b) || 1e-9;
      const [u, v]: Point = [(b[0] - a[0]) / width, (b[1] - a[1]) / width];
      // How far the third point lies to the right of the way from the first to the second.
      const height = (c[0] - b[0]) * -v + (c[1] - b[1]) * u;
      const middle: Point = [(a[0] + b[0] - v * height) / 2, (a[1] + b[1] + u * height) / 2];
      return { kind: "rotated_rectangle", numbers: [...middle, width, Math.abs(height), normalised((Math.atan2(v, u) * 180) / Math.PI)] };
    }
  }
}

function squared(a: Point, b: Point): Point {
  const side = Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1]));
  return [a[0] + (Math.sign(b[0] - a[0]) || 1) * side, a[1] + (Math.sign(b[1] - a[1]) || 1) * side];
}
