/**
 * Masks: pixels in a box, as runs by column (outside first, as in COCO), as bits, and as outlines along the edges of the pixels.
 */
import type { Point } from "./geometry";

export interface Mask {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Row by row. */
  bits: Uint8Array;
}

export const blank = (x: number, y: number, width: number, height: number): Mask => ({ x, y, width, height, bits: new Uint8Array(width * height) });

export function decode(numbers: readonly number[]): Mask {
  const [x, y, width, height] = numbers as [number, number, number, number];
  const mask = blank(x, y, width, height);
  let at = 0;
  for (let i = 4; i < numbers.length; i++) {
    const end = at + numbers[i]!;
    if (i % 2) for (; at < end; at++) mask.bits[(at % height) * width + Math.floor(at / height)] = 1;
    at = end;
  }
  return mask;
}

/** Box and runs, the box as tight as it can be; null where no pixel is left. */
export function encode(mask: Mask): number[] | null {
  const { x, y, width, height, bits } = tight(mask) ?? { x: 0, y: 0, width: 0, height: 0, bits: new Uint8Array(0) };
  if (!width) return null;
  const runs: number[] = [];
  let [inside, length] = [0, 0];
  for (let column = 0; column < width; column++)
    for (let row = 0; row < height; row++) {
      if (bits[row * width + column] === inside) length++;
      else {
        runs.push(length);
        inside = 1 - inside;
        length = 1;
      }
    }
  runs.push(length);
  return [x, y, width, height, ...runs];
}

function tight(mask: Mask): Mask | null {
  let [x0, y0, x1, y1] = [mask.width, mask.height, -1, -1];
  for (let row = 0; row < mask.height; row++) {
    const from = row * mask.width;
    const first = mask.bits.subarray(from, from + mask.width).indexOf(1);
    if (first < 0) continue;
    const last = mask.bits.subarray(from, from + mask.width).lastIndexOf(1);
    if (y0 > row) y0 = row;
    y1 = row;
    if (first < x0) x0 = first;
    if (last > x1) x1 = last;
  }
  return y1 < 0 ? null : placed(mask, mask.x + x0, mask.y + y0, x1 - x0 + 1, y1 - y0 + 1);
}

/** The same pixels in another box; what lies outside of it is cut off. */
export function placed(mask: Mask, x: number, y: number, width: number, height: number): Mask {
  const out = blank(x, y, width, height);
  const [left, right] = [Math.max(x, mask.x), Math.min(x + width, mask.x + mask.width)];
  for (let row = Math.max(y, mask.y); row < Math.min(y + height, mask.y + mask.height); row++) {
    if (left >= right) break;
    const from = (row - mask.y) * mask.width + left - mask.x;
    out.bits.set(mask.bits.subarray(from, from + right - left), (row - y) * width + left - x);
  }
  return out;
}

export const count = (mask: Mask): number => mask.bits.reduce((sum, bit) => sum + bit, 0);

/** Pixels whose centre is within half the diameter of the stroke are set (or cleared); of a picture of `width` × `height`. */
export function stroked(mask: Mask | null, stroke: readonly Point[], diameter: number, set: boolean, [width, height]: [number, number]): Mask {
  const reach = Math.max(diameter, 1) / 2;
  const xs = stroke.map(([x]) => x);
  const ys = stroke.map(([, y]) => y);
  const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  const x0 = clamp(Math.floor(least(xs) - reach), width);
  const y0 = clamp(Math.floor(least(ys) - reach), height);
  const x1 = clamp(Math.ceil(-least(xs.map((x) => -x)) + reach), width);
  const y1 = clamp(Math.ceil(-least(ys.map((y) => -y)) + reach), height);
  let out: Mask;
  if (!mask) out = blank(x0, y0, x1 - x0, y1 - y0);
  else if (!set) out = placed(mask, mask.x, mask.y, mask.width, mask.height);
  else {
    const [left, top] = [Math.min(x0, mask.x), Math.min(y0, mask.y)];
    out = placed(mask, left, top, Math.max(x1, mask.x + mask.width) - left, Math.max(y1, mask.y + mask.height) - top);
  }
  stroke.forEach((to, i) => capsule(out, stroke[Math.max(0, i - 1)]!, to, reach, set ? 1 : 0));
  return out;
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);

function capsule(mask: Mask, [ax, ay]: Point, [bx, by]: Point, reach: number, bit: 0 | 1): void {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  // Half a pixel at least, so that a thin brush leaves no gaps.
  const far = Math.max(reach, 0.5) ** 2;
  const first = Math.max(mask.y, Math.floor(Math.min(ay, by) - reach));
  const last = Math.min(mask.y + mask.height - 1, Math.ceil(Math.max(ay, by) + reach));
  const left = Math.max(mask.x, Math.floor(Math.min(ax, bx) - reach));
  const right = Math.min(mask.x + mask.width - 1, Math.ceil(Math.max(ax, bx) + reach));
  for (let row = first; row <= last; row++)
    for (let column = left; column <= right; column++) {
      const [px, py] = [column + 0.5 - ax, row + 0.5 - ay];
      const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= far) mask.bits[(row - mask.y) * mask.width + column - mask.x] = bit;
    }
}

/** Pixels whose centre lies in the rings, by the even-odd rule. */
export function filled(parts: readonly (readonly Point[])[]): Mask {
  const all = parts.flat();
  if (!all.length) return blank(0, 0, 0, 0);
  const x0 = Math.floor(least(all.map(([x]) => x)));
  const y0 = Math.floor(least(all.map(([, y]) => y)));
  const x1 = Math.ceil(-least(all.map(([x]) => -x)));
  const y1 = Math.ceil(-least(all.map(([, y]) => -y)));
  const mask = blank(x0, y0, x1 - x0, y1 - y0);
  for (let row = 0; row < mask.height; row++) {
    const y = y0 + row + 0.5;
    const cuts: number[] = [];
    for (const ring of parts)
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
        const [[xi, yi], [xj, yj]] = [ring[i]!, ring[j]!];
        if (yi > y !== yj > y) cuts.push(((xj - xi) * (y - yi)) / (yj - yi) + xi);
      }
    cuts.sort((a, b) => a - b);
    for (let k = 0; k + 1 < cuts.length; k += 2) {
      const from = Math.max(0, Math.ceil(cuts[k]! - 0.5 - x0));
      const to = Math.min(mask.width, Math.ceil(cuts[k + 1]! - 0.5 - x0));
      if (from < to) mask.bits.fill(1, row * mask.width + from, row * mask.width + to);
    }
  }
  return mask;
}

const STEPS: readonly Point[] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/** Rings along the edges of the pixels, the inside at the right of the way; holes go the other way round. */
export function outline(mask: Mask): Point[][] {
  const { width, height, bits } = mask;
  const across = width + 1;
  const bit = (column: number, row: number) => column >= 0 && row >= 0 && column < width && row < height && bits[row * width + column] === 1;
  // Which ways leave a corner: a bit for each of right, down, left, up.
  const ways = new Uint8Array(across * (height + 1));
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      if (!bit(column, row)) continue;
      if (!bit(column, row - 1)) ways[row * across + column]! |= 1;
      if (!bit(column + 1, row)) ways[row * across + column + 1]! |= 2;
      if (!bit(column, row + 1)) ways[(row + 1) * across + column + 1]! |= 4;
      if (!bit(column - 1, row)) ways[(row + 1) * across + column]! |= 8;
    }
  const found: Point[][] = [];
  for (let start = 0; start < ways.length; start++)
    while (ways[start]) {
      const ring: Point[] = [];
      let at = start;
      let way = -1;
      do {
        // Where two pixels touch at a corner only, turn right: they stay apart.
        const order = way < 0 ? [0, 1, 2, 3] : [(way + 1) % 4, way, (way + 3) % 4];
        const next = order.find((each) => ways[at]! & (1 << each))!;
        ways[at]! &= ~(1 << next);
        if (next !== way) ring.push([mask.x + (at % across), mask.y + Math.floor(at / across)]);
        way = next;
        at += STEPS[way]![0] + STEPS[way]![1] * across;
      } while (at !== start);
      found.push(ring);
    }
  return found;
}
