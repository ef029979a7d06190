/** Round lengths, ticks and the words for them. */
import type { View } from "../protocol";
import { distance, type Point } from "./geometry";

/** 1, 2 or 5 times a power of ten: the largest that is not above. */
export function roundBelow(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most) + 1e-9);
  return Number(([5, 2, 1].map((m) => m * power).find((each) => each <= most * (1 + 1e-9)) ?? power).toPrecision(3));
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));

export function metres(m: number): string {
  const size = Math.abs(m);
  if (size >= 1000) return `${digits(m / 1000)} km`;
  if (size >= 1) return `${digits(m)} m`;
  if (size >= 0.01) return `${digits(m * 100)} cm`;
  if (size >= 0.001) return `${digits(m * 1000)} mm`;
  return `${digits(m * 1e6)} µm`;
}

export const hertz = (hz: number): string => (Math.abs(hz) >= 1000 ? `${digits(hz / 1000)} kHz` : `${digits(hz)} Hz`);

/** "1:02.5", with the decimals that a step needs. */
export function clock(s: number, step: number): string {
  const decimals = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  const whole = Number(s.toFixed(decimals));
  if (whole < 60) return `${whole.toFixed(decimals)} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const seconds = (whole % 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

export interface Bar {
  /** On the screen. */
  px: number;
  text: string;
}

/** A bar of at most `widest` px of the screen; `scale` is screen px per px of the picture. */
export function scaleBar(scale: number, pixelSizeM: number | null, widest: number): Bar {
  if (pixelSizeM && pixelSizeM > 0) {
    const length = roundBelow((widest / scale) * pixelSizeM);
    return { px: (length / pixelSizeM) * scale, text: metres(length) };
  }
  const length = Math.max(1, roundBelow(widest / scale));
  return { px: length * scale, text: `${length.toLocaleString("en").replace(/,/g, "\u202f")} px` };
}

/** Round values from `low` to `high`, about one per `apart` px of the screen over `length` px. */
export function ticks(low: number, high: number, length: number, apart: number): { step: number; values: number[] } {
  if (!(high > low) || !(length > 0)) return { step: 1, values: [] };
  const rough = ((high - low) / length) * apart;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((each) => each >= rough * (1 - 1e-9))!;
  const values: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(Number((i * step).toPrecision(12)));
  return { step, values };
}

export interface Length {
  px: number;
  m: number | null;
  s: number | null;
  hz: number | null;
}

/** From one place to another, both in px of the picture. */
export function measured(from: Point, to: Point, view: View | null, pixelSizeM: number | null): Length {
  const px = distance(from, to);
  if (view?.kind !== "sound") return { px, m: pixelSizeM === null ? null : px * pixelSizeM, s: null, hz: null };
  return { px, m: null, s: Math.abs(to[0] - from[0]) * view.second_per_px, hz: Math.abs(to[1] - from[1]) * view.hertz_per_px };
}

export function wordsOf({ px, m, s, hz }: Length): string {
  if (s !== null && hz !== null) return `${digits(s)} s, ${hertz(hz)}`;
  return m === null ? `${px.toFixed(1)} px` : `${metres(m)} (${px.toFixed(1)} px)`;
}
