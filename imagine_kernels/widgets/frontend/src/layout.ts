/** Where each vignette of the grid stands. Pure arithmetic, so that thousands are placed in a moment. */

export interface Cell {
  row: number;
  x: number;
  width: number;
}

export type Line =
  | { kind: "head"; group: number; y: number; height: number }
  | { kind: "cells"; group: number; y: number; height: number; cells: Cell[]; picture: number };

export interface Layout {
  lines: Line[];
  height: number;
  /** Line and place in it, by object. */
  placeOf: Places;
  /** All objects in the order in which they are shown. */
  order: number[];
}

/** Where each object stands: three numbers for each, as there may be a hundred thousand. */
export class Places {
  private readonly at: Int32Array;

  /** For objects below `n`. */
  constructor(n: number) {
    this.at = new Int32Array(3 * n).fill(-1);
  }

  set(row: number, line: number, place: number, index: number): void {
    this.at[3 * row] = line;
    this.at[3 * row + 1] = place;
    this.at[3 * row + 2] = index;
  }

  has(row: number): boolean {
    return (this.at[3 * row] ?? -1) >= 0;
  }

  /** Its line, its place in that, and its number among all that are shown; undefined where it is not shown. */
  get(row: number): { line: number; place: number; index: number } | undefined {
    return this.has(row) ? { line: this.at[3 * row]!, place: this.at[3 * row + 1]!, index: this.at[3 * row + 2]! } : undefined;
  }
}

export interface LayoutOptions {
  width: number;
  /** Side of the picture in a uniform grid, px. */
  side: number;
  gap: number;
  /** Height of the line with probability and status below each picture, px. */
  foot: number;
  head: number;
  /** For true relative sizes: shown px per px of the picture, by object; null for a uniform grid. */
  scaleOf: ((row: number) => number) | null;
  /** Width and height in px of the picture. */
  sizeOf(row: number): [number, number];
  /** Groups that are folded up show their heading only. */
  folded: ReadonlySet<number>;
}

const NARROWEST = 40;

export function place(groups: readonly { rows: readonly number[] }[], options: LayoutOptions): Layout {
  const { width, gap, foot, head } = options;
  // A uniform grid fills its width: as many columns as fit, each a little wider.
  const across = Math.max(Math.floor((width - gap) / (options.side + gap)), 1);
  const side = Math.floor((width - gap) / across) - gap;
  const lines: Line[] = [];
  const placeOf = new Places(groups.reduce((most, { rows }) => rows.reduce((a, b) => (a > b ? a : b), most), -1) + 1);
  const order: number[] = [];
  let y = 0;
  const finish = (group: number, cells: Cell[], picture: number) => {
    if (!cells.length) return;
    cells.forEach((cell, i) => {
      placeOf.set(cell.row, lines.length, i, order.length);
      order.push(cell.row);
    });
    const height = picture + foot + gap;
    lines.push({ kind: "cells", group, y, height, cells, picture });
    y += height;
  };
  groups.forEach((group, g) => {
    lines.push({ kind: "head", group: g, y, height: head });
    y += head;
    if (options.folded.has(g)) return;
    let cells: Cell[] = [];
    let x = gap;
    let tallest = 0;
    for (const row of group.rows) {
      let [w, h] = [side, side];
      if (options.scaleOf) {
        const [pw, ph] = options.sizeOf(row);
        const scale = options.scaleOf(row);
        // Never wider than the grid; what must shrink is rare and says so in the cell.
        w = Math.min(Math.max(Math.ceil((pw || 60) * scale), NARROWEST), Math.max(width - 2 * gap, NARROWEST));
        h = Math.min(Math.max(Math.ceil((ph || 60) * scale), 16), 480);
      }
      if (cells.length && x + w + gap > width) {
        finish(g, cells, tallest);
        cells = [];
        x = gap;
        tallest = 0;
      }
      cells.push({ row, x, width: w });
      x += w + gap;
      tallest = Math.max(tallest, h);
    }
    finish(g, cells, tallest);
  });
  return { lines, height: y + gap, placeOf, order };
}

/** The lines that a window from `top` to `bottom` px touches: first and one past the last. */
export function visible(layout: Layout, top: number, bottom: number): [number, number] {
  const { lines } = layout;
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const line = lines[middle]!;
    if (line.y + line.height < top) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < lines.length && lines[end]!.y <= bottom) end++;
  return [low, end];
}

export type Direction = "left" | "right" | "up" | "down" | "home" | "end" | "pageup" | "pagedown";

/** The object that an arrow key leads to. */
export function neighbour(layout: Layout, row: number, direction: Direction, page: number): number {
  const at = layout.placeOf.get(row);
  if (!at) return layout.order[0] ?? row;
  const { order } = layout;
  const { index } = at;
  if (direction === "left") return order[Math.max(index - 1, 0)]!;
  if (direction === "right") return order[Math.min(index + 1, order.length - 1)]!;
  if (direction === "home") return order[0]!;
  if (direction === "end") return order[order.length - 1]!;
  const here = layout.lines[at.line]!;
  if (here.kind !== "cells") return row;
  const cell = here.cells[at.place]!;
  const centre = cell.x + cell.width / 2;
  const step = direction === "up" || direction === "pageup" ? -1 : 1;
  const target = direction === "pageup" ? here.y - page : direction === "pagedown" ? here.y + page : null;
  let found = row;
  for (let i = at.line + step; i >= 0 && i < layout.lines.length; i += step) {
    const line = layout.lines[i]!;
    if (line.kind !== "cells") continue;
    found = nearest(line.cells, centre);
    if (target === null || (step < 0 ? line.y <= target : line.y >= target)) break;
  }
  return found;
}

function nearest(cells: readonly Cell[], centre: number): number {
  let best = cells[0]!;
  for (const cell of cells) {
    if (Math.abs(cell.x + cell.width / 2 - centre) < Math.abs(best.x + best.width / 2 - centre)) best = cell;
  }
  return best.row;
}

/** The objects that a rectangle touches, in px of the laid-out grid. */
export function within(layout: Layout, left: number, top: number, right: number, bottom: number): number[] {
  const found: number[] = [];
  const [from, to] = visible(layout, top, bottom);
  for (let i = from; i < to; i++) {
    const line = layout.lines[i]!;
    if (line.kind !== "cells" || line.y + line.height < top || line.y > bottom) continue;
    for (const cell of line.cells) if (cell.x < right && cell.x + cell.width > left) found.push(cell.row);
  }
  return found;
}
