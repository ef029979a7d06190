/** A shape of a video at a time: interpolated between its keyframes, and with a keyframe put in. */
import type { ShapeKind } from "../protocol";
import { asRings, normalised } from "./geometry";
import { encode, filled } from "./masks";
import type { Moments } from "./units";

/** `key`: at a keyframe; `between` two; `near` a keyframe that is the only one. */
export interface Seen {
  numbers: number[];
  sort: "key" | "between" | "near";
}

/** A lone keyframe is shown faintly this far around, in s. */
const FAINT_S = 0.5;

/** `half`: half the time between two frames [s], within which a time is that of the keyframe. Null where nothing is to be seen. */
export function at(shape: Moments, time: number, half: number): Seen | null {
  const { frames, keyframes, kind } = shape;
  if (!frames.length) return { numbers: keyframes[0] ?? [], sort: "key" };
  const near = frames.findIndex((frame) => Math.abs(frame - time) <= half);
  const shown = (index: number) => (kind === "whole" || keyframes[index]!.length ? keyframes[index]! : null);
  if (near >= 0) {
    const numbers = shown(near);
    return numbers && { numbers, sort: "key" };
  }
  if (frames.length === 1) {
    const numbers = shown(0);
    return numbers && Math.abs(frames[0]! - time) <= FAINT_S ? { numbers, sort: "near" } : null;
  }
  const next = frames.findIndex((frame) => frame > time);
  if (next <= 0) return null;
  const [a, b] = [shown(next - 1), shown(next)];
  if (!a) return null;
  // Where the thing goes out of sight, it stays as it was until then.
  if (!b) return { numbers: a, sort: "between" };
  const t = (time - frames[next - 1]!) / (frames[next]! - frames[next - 1]!);
  return { numbers: blended(shape, a, b, t), sort: "between" };
}

/** Numbers are mixed linearly, angles the short way; shapes with other corners and masks stay as they were. */
function blended({ kind }: Moments, a: number[], b: number[], t: number): number[] {
  if (kind === "mask" || a.length !== b.length) return a;
  return a.map((from, i) => {
    if ((kind === "rotated_rectangle" || kind === "ellipse") && i === 4) return normalised(from + normalised(b[i]! - from) * t);
    if (kind === "keypoints" && i % 3 === 2) return from;
    return from + (b[i]! - from) * t;
  });
}

/** With a keyframe at the time: in place of one that is there, or put in between. */
export function withKeyframe(shape: Moments, time: number, numbers: number[], half: number): Moments {
  const near = shape.frames.findIndex((frame) => Math.abs(frame - time) <= half);
  const put = <T>(list: readonly T[], value: T): T[] => {
    const out = [...list];
    if (near >= 0) out[near] = value;
    else {
      const next = shape.frames.findIndex((frame) => frame > time);
      out.splice(next < 0 ? out.length : next, 0, value);
    }
    return out;
  };
  if (!shape.frames.length) return { ...shape, keyframes: [numbers] };
  return {
    ...shape,
    keyframes: put(shape.keyframes, numbers),
    frames: put(shape.frames, near >= 0 ? shape.frames[near]! : time),
  };
}

/** All keyframes as the kind that one has become: the eraser makes masks of polygons. */
export function ofKind(shape: Moments, kind: ShapeKind): Moments {
  if (shape.kind === kind) return shape;
  const keyframes = shape.keyframes.map((numbers) => {
    if (!numbers.length || kind !== "mask") return numbers;
    return encode(filled(asRings({ kind: shape.kind, numbers }) ?? [])) ?? [];
  });
  return { ...shape, kind, keyframes };
}
