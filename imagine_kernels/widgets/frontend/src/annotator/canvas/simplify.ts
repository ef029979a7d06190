/** Fewer corners for outlines, and the region of like colour around a pixel. */
import { nearestOn, distance, signedArea, type Point } from "./geometry";
import { blank, outline, type Mask } from "./masks";

/** Ramer, Douglas and Peucker: no corner that is left out is further than `tolerance` from what is kept. */
export function simplified(run: readonly Point[], tolerance: number): Point[] {
  if (run.length < 3) return [...run];
  const keep = new Uint8Array(run.length);
  keep[0] = keep[run.length - 1] = 1;
  const stretches: [number, number][] = [[0, run.length - 1]];
  for (let stretch = stretches.pop(); stretch; stretch = stretches.pop()) {
    const [from, to] = stretch;
    let [far, at] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const d = distance(nearestOn(run[from]!, run[to]!, run[i]!), run[i]!);
      if (d > far) [far, at] = [d, i];
    }
    if (at < 0) continue;
    keep[at] = 1;
    stretches.push([from, at], [at, to]);
  }
  return run.filter((_, i) => keep[i]);
}

/** The same for a closed ring: its two halves apart, split at the corner that is furthest from the first. */
export function simplifiedRing(ring: readonly Point[], tolerance: number): Point[] {
  if (ring.length < 5) return [...ring];
  const far = ring.reduce((best, point, i) => (distance(point, ring[0]!) > distance(ring[best]!, ring[0]!) ? i : best), 0);
  const one = simplified(ring.slice(0, far + 1), tolerance);
  const two = simplified([...ring.slice(far), ring[0]!], tolerance);
  const all = [...one.slice(0, -1), ...two.slice(0, -1)];
  return all.length >= 3 ? all : [...ring];
}

/** Outlines of a mask with few corners; specks under `least` px² are left out, the largest part stays. */
export function traced(mask: Mask, tolerance: number, least: number): Point[][] {
  const all = outline(mask).sort((a, b) => Math.abs(signedArea(b)) - Math.abs(signedArea(a)));
  return all.filter((ring, i) => i === 0 || Math.abs(signedArea(ring)) >= least).map((ring) => simplifiedRing(ring, tolerance));
}

export interface Pixels {
  width: number;
  height: number;
  /** RGBA, row by row. */
  data: Uint8ClampedArray;
}

/** Pixels that hang together with the one at (x, y) and differ from it by `tolerance` (0…255) at most in each colour. */
export function likeRegion(pixels: Pixels, x: number, y: number, tolerance: number): Mask {
  const { width, height, data } = pixels;
  const mask = blank(0, 0, width, height);
  if (x < 0 || y < 0 || x >= width || y >= height) return mask;
  const seed = 4 * (y * width + x);
  const [r, g, b] = [data[seed]!, data[seed + 1]!, data[seed + 2]!];
  const like = (at: number) =>
    !mask.bits[at] &&
    data[4 * at + 3]! > 0 &&
    Math.abs(data[4 * at]! - r) <= tolerance &&
    Math.abs(data[4 * at + 1]! - g) <= tolerance &&
    Math.abs(data[4 * at + 2]! - b) <= tolerance;
  const stack = [y * width + x];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (!like(at)) continue;
    const row = Math.floor(at / width) * width;
    let [left, right] = [at, at];
    while (left > row && like(left - 1)) left--;
    while (right < row + width - 1 && like(right + 1)) right++;
    mask.bits.fill(1, left, right + 1);
    for (const beside of [-width, width]) {
      if (row + beside < 0 || row + beside >= width * height) continue;
      let open = false;
      for (let i = left + beside; i <= right + beside; i++) {
        const fits = like(i);
        if (fits && !open) stack.push(i);
        open = fits;
      }
    }
  }
  return mask;
}
