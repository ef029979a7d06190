/** Shapes in a video: what is at a time, and keyframes put in and taken out. */

import type { Shape } from "./protocol";

type Numbers = (number | null)[];

/** Two times this close are the same, s; `within` gives the half of a frame instead. */
const SAME_S = 1e-4;
const INTERPOLATED = new Set(["point", "line", "rectangle", "rotated_rectangle", "polygon", "circle", "ellipse", "keypoints"]);

/** Index of the keyframe at that time, or -1. */
export function keyframeAt(shape: Shape, time: number, within = SAME_S): number {
  return shape.frames.findIndex((each) => Math.abs(each - time) <= Math.max(within, SAME_S));
}

/** Numbers at a time: of the keyframe, between two of them, or null where it is not to be seen. */
export function numbersAt(shape: Shape, time: number, within = SAME_S): Numbers | null {
  if (!shape.frames.length) return shape.keyframes[0] ?? null;
  if (shape.kind === "whole") return time >= shape.frames[0]! - SAME_S && time <= shape.frames.at(-1)! + SAME_S ? [] : null;
  const exact = keyframeAt(shape, time, within);
  if (exact >= 0) return gapless(shape.keyframes[exact]!);
  const after = shape.frames.findIndex((each) => each > time);
  if (after <= 0) return null;
  const [a, b] = [shape.keyframes[after - 1]!, shape.keyframes[after]!];
  if (!a.length) return null;
  if (!b.length || a.length !== b.length || !INTERPOLATED.has(shape.kind)) return a;
  const part = (time - shape.frames[after - 1]!) / (shape.frames[after]! - shape.frames[after - 1]!);
  return a.map((value, i) => {
    const other = b[i]!;
    if (value === null || other === null) return null;
    // The visibility of a point is one of three numbers, and an angle takes the shorter way round.
    if (shape.kind === "keypoints" && i % 3 === 2) return value;
    if (i === 4 && (shape.kind === "ellipse" || shape.kind === "rotated_rectangle")) return value + part * ((((other - value + 180) % 360) + 360) % 360 - 180);
    return value + part * (other - value);
  });
}

function gapless(numbers: Numbers): Numbers | null {
  return numbers.length ? numbers : null;
}

/** With these numbers at that time; an empty list says that it leaves the picture there. */
export function withKeyframe(shape: Shape, time: number, numbers: Numbers, within = SAME_S): Shape {
  const frames = shape.frames.length ? [...shape.frames] : [time];
  const keyframes = shape.keyframes.slice(0, frames.length);
  const exact = frames.findIndex((each) => Math.abs(each - time) <= Math.max(within, SAME_S));
  if (exact >= 0) keyframes[exact] = numbers;
  else {
    const at = frames.findIndex((each) => each > time);
    const place = at < 0 ? frames.length : at;
    frames.splice(place, 0, time);
    keyframes.splice(place, 0, numbers);
  }
  return { kind: shape.kind, keyframes, frames };
}

/** Without the keyframe at that time; null where it is the only one that shows anything. */
export function withoutKeyframe(shape: Shape, time: number, within = SAME_S): Shape | null {
  const exact = keyframeAt(shape, time, within);
  if (exact < 0) return shape;
  const frames = shape.frames.filter((_, i) => i !== exact);
  const keyframes = shape.keyframes.filter((_, i) => i !== exact);
  if (shape.kind !== "whole" && !keyframes.some((numbers) => numbers.length)) return null;
  return frames.length ? { kind: shape.kind, keyframes, frames } : null;
}

/** It leaves the picture at that time, or is there again where it had left. */
export function withGap(shape: Shape, time: number, within = SAME_S): Shape | null {
  const exact = keyframeAt(shape, time, within);
  if (exact >= 0 && !shape.keyframes[exact]!.length) return withoutKeyframe(shape, time, within);
  if (!shape.frames.length || time <= shape.frames[0]! + Math.max(within, SAME_S)) return null;
  return withKeyframe(shape, time, [], within);
}

/** A shape of one time only, for another medium or a new mark. */
export function still(shape: Shape, numbers: Numbers, time: number | null): Shape {
  return { kind: shape.kind, keyframes: [numbers], frames: time === null ? [] : [time] };
}

/** The stretches in which it is to be seen, s. */
export function stretches(shape: Shape): [number, number][] {
  const found: [number, number][] = [];
  let from: number | null = null;
  shape.frames.forEach((time, i) => {
    const seen = shape.kind === "whole" || shape.keyframes[i]!.length > 0;
    if (seen && from === null) from = time;
    if (!seen && from !== null) {
      found.push([from, time]);
      from = null;
    }
  });
  if (from !== null) found.push([from, shape.frames.at(-1)!]);
  return found;
}

/** x0, y0, x1, y1 around the numbers of a keyframe, wide enough for any turn; null for nothing and for the whole. */
export function boxAround(kind: Shape["kind"], numbers: Numbers): [number, number, number, number] | null {
  if (kind === "whole" || !numbers.length) return null;
  const [x = 0, y = 0, a = 0, b = 0] = numbers.map((value) => value ?? 0);
  if (kind === "rectangle") return [x, y, a, b];
  if (kind === "mask") return [x, y, x + a, y + b];
  if (kind === "circle") return [x - a, y - a, x + a, y + a];
  if (kind === "ellipse" || kind === "rotated_rectangle") {
    const reach = kind === "ellipse" ? Math.max(a, b) : Math.hypot(a, b) / 2;
    return [x - reach, y - reach, x + reach, y + reach];
  }
  const step = kind === "keypoints" ? 3 : 2;
  const along = (from: number) => numbers.filter((value, i) => i % step === from && value !== null) as number[];
  const [xs, ys] = [along(0), along(1)];
  return [xs.reduce((l, v) => Math.min(l, v)), ys.reduce((l, v) => Math.min(l, v)), xs.reduce((l, v) => Math.max(l, v)), ys.reduce((l, v) => Math.max(l, v))];
}

/** "1:02.4" */
export function clock(seconds: number): string {
  const rounded = Math.round(seconds * 10) / 10;
  const minutes = Math.floor(rounded / 60);
  return `${minutes}:${(rounded - minutes * 60).toFixed(1).padStart(4, "0")}`;
}
