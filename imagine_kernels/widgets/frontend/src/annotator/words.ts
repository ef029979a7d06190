/** What is said of marks, saving and shapes. */

import type { Held } from "./shelf";
import type { OutboxState } from "./outbox";
import { labelName, type Part } from "./marks";
import type { Mark, MediumShown, Role, ShapeKind, Status } from "./protocol";
import { count } from "../scales";

export const KIND_WORDS: Record<ShapeKind, string> = {
  point: "Point",
  line: "Line",
  rectangle: "Rectangle",
  rotated_rectangle: "Turned rectangle",
  polygon: "Polygon",
  circle: "Circle",
  ellipse: "Ellipse",
  mask: "Area",
  keypoints: "Key points",
  whole: "Whole",
};

export const STATUS_WORDS: Record<Status, string> = {
  predicted: "predicted",
  validated: "validated",
  dubious: "dubious",
  discarded: "discarded",
};

export const ROLE_WORDS: Record<Role, string> = {
  view: "you may look",
  annotate: "you annotate",
  review: "you annotate and review",
  own: "you own it",
};

/** "Sponges, validated, by anna" */
export function titleOf(mark: Mark): string {
  const given = mark.labels[0];
  const sure = given?.confidence === null || given?.confidence === undefined ? "" : `, ${Math.round(given.confidence * 100)} % sure`;
  return `${labelName(mark)}, ${STATUS_WORDS[mark.status]}${given?.annotator ? `, by ${authorName(given.annotator)}` : ""}${sure}`;
}

/** "the model zooscan-starter" for "model:zooscan-starter@1" */
export function authorName(annotator: string): string {
  const model = /^model:([^@]+)/.exec(annotator);
  return model ? `the model ${model[1]}` : annotator;
}

export function annotations(n: number): string {
  return count(n, "annotation", "annotations");
}

export function stateWords(state: OutboxState): string {
  switch (state.kind) {
    case "saved":
      return "saved";
    case "saving":
      return `saving ${state.n}`;
    case "offline":
      return state.kept ? `offline, ${state.n} kept here` : `offline, ${state.n} not saved`;
    case "trouble":
      return state.kept ? `not saved yet, ${state.n} kept here` : `${state.n} not saved`;
  }
}

export function stateRemark(state: OutboxState): string {
  switch (state.kind) {
    case "saved":
      return "Everything that you have done is on the server.";
    case "saving":
      return "On its way to the server. The page may be closed: what is not there yet is kept in this browser and sent when you come back.";
    case "offline":
    case "trouble": {
      const why = state.kind === "trouble" ? `${state.sentence} ` : "There is no connection to the server. ";
      return state.kept
        ? `${why}What you do is kept in this browser and sent as soon as it can be; the page may be closed.`
        : `${why}This browser keeps nothing: leave the page open until it is saved.`;
    }
  }
}

export function heldWords(held: readonly Held[]): string {
  const conflicts = held.filter(({ kind }) => kind === "conflict").length;
  const refused = held.length - conflicts;
  return [conflicts && count(conflicts, "conflict", "conflicts"), refused && `${refused} not accepted`].filter(Boolean).join(", ");
}

/** A part of a mark, for people. */
export function partWords(part: Part, mark: Partial<Mark> | null): string {
  if (!mark || mark[part] === undefined) return "–";
  switch (part) {
    case "shape": {
      const shape = mark.shape!;
      const numbers = (shape.keyframes[0] ?? []).slice(0, 4).map((value) => (value === null ? "" : String(Math.round(value * 10) / 10)));
      const more = (shape.keyframes[0]?.length ?? 0) > 4 ? ", …" : "";
      const times = shape.frames.length ? `, ${count(shape.frames.length, "keyframe", "keyframes")}` : "";
      return `${KIND_WORDS[shape.kind]} (${numbers.join(", ")}${more})${times}`;
    }
    case "labels":
      return mark.labels!.length ? `${mark.labels![0]!.path.join(" > ")}, by ${authorName(mark.labels![0]!.annotator || "nobody")}` : "no label";
    case "deleted":
      return mark.deleted ? "deleted" : "there";
    case "attributes":
      return Object.entries(mark.attributes!).map(([name, value]) => `${name}: ${value}`).join(", ") || "none";
    default:
      return String(mark[part]) || "none";
  }
}

export function mediumWords(medium: MediumShown): string {
  const size =
    medium.kind === "sound"
      ? [medium.duration_s !== null && `${round(medium.duration_s)} s`, medium.sample_rate_hz !== null && `${round(medium.sample_rate_hz / 1000)} kHz`]
      : [
          medium.width !== null && medium.height !== null && `${medium.width} × ${medium.height} px`,
          medium.duration_s !== null && `${round(medium.duration_s)} s`,
          medium.frame_rate_hz !== null && `${round(medium.frame_rate_hz)} frames per s`,
        ];
  return size.filter(Boolean).join(", ");
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A length as it was measured. */
export function lengthWords(length: { px: number; m: number | null; s: number | null; hz: number | null }): string {
  if (length.s !== null || length.hz !== null) return `${(length.s ?? 0).toFixed(3)} s, ${Math.round(length.hz ?? 0)} Hz`;
  const px = `${length.px.toFixed(1)} px`;
  if (length.m === null) return px;
  const [value, unit] = length.m >= 1 ? [length.m, "m"] : length.m >= 0.01 ? [length.m * 100, "cm"] : length.m >= 1e-3 ? [length.m * 1e3, "mm"] : [length.m * 1e6, "µm"];
  return `${Number(value.toPrecision(3))} ${unit} (${px})`;
}

/** A place in a picture in px, in a recording in s and Hz. */
export function placeWords(at: { x: number; y: number }, sound: boolean): string {
  return sound ? `${at.x.toFixed(2)} s, ${Math.round(at.y)} Hz` : `${Math.round(at.x)}, ${Math.round(at.y)} px`;
}
