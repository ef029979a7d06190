/** What the shell of the annotator knows of the surface on which is drawn. */
import type { Shape, ShapeKind, View } from "./protocol";

export type Tool =
  | "select" | "pan" | "point" | "line" | "rectangle" | "rotated_rectangle" | "polygon" | "circle" | "ellipse"
  | "brush" | "eraser" | "wand" | "ruler" | "zoom";

/** A mark as it is to be drawn; `shape` in the units of the store (px, or s and Hz). */
export interface Drawn {
  id: string;
  version: number;
  shape: Shape;
  /** CSS colour. */
  color: string;
  /** For tooltips and screen readers: "Sponges, validated, by anna". */
  title: string;
  dashed: boolean | "dots";
  /** May not be changed by this person. */
  locked: boolean;
}

/** How the picture is shown: brightness and contrast −1…1, gamma 0.2…5, window in parts of the full range. */
export interface Look {
  brightness: number;
  contrast: number;
  gamma: number;
  window: [number, number];
  invert: boolean;
  /** Name of a colour map, for spectrograms and grey pictures; "" for none. */
  colours: string;
}

/** Where bytes come from; rejects with an Error whose message is a sentence. */
export interface Source {
  tile(level: number, x: number, y: number, window: [number, number] | null): Promise<Blob>;
  frames(first: number, n: number, side: number): Promise<{ first: number; times: number[]; pictures: Blob[] }>;
  sound(fromS: number, toS: number, band: [number, number] | null): Promise<ArrayBuffer>;
}

export interface SurfaceEvents {
  /** A shape was drawn to its end; it stays drawn until the next `show`. */
  drawn(shape: Shape): void;
  /** A shape was moved or re-shaped; told when the pointer is let go, never before. */
  changed(id: string, shape: Shape): void;
  selected(ids: string[]): void;
  /** Where the pointer is, in the units of the store; null outside. */
  pointed(at: { x: number; y: number } | null): void;
  /** Time of the frame or place in the recording that is shown, in s; `playing` while it runs by itself. */
  moved(timeS: number, playing: boolean): void;
  /** What is in view: x0, y0, x1, y1 in the units of the store, and screen px per picture px. */
  viewed(box: [number, number, number, number], scale: number): void;
  measured(length: { px: number; m: number | null; s: number | null; hz: number | null } | null): void;
  tool(tool: Tool): void;
  /** A tile or a frame could not be had. */
  failed(sentence: string): void;
}

export interface Surface {
  /** The element to put into the page; it fills its parent. */
  readonly element: HTMLElement;
  open(view: View, source: Source, pixelSizeM: number | null): Promise<void>;
  /** The tiles can be had better than they were. */
  reload(): void;
  /** All marks of the medium; only those whose version or look has changed are drawn anew. */
  show(marks: readonly Drawn[]): void;
  select(ids: readonly string[]): void;
  /** Bring into view ids, with room around in parts of their size, the whole, or full size. */
  zoomTo(what: readonly string[] | "whole" | "actual", room?: number): void;
  zoomBy(factor: number): void;
  panBy(dx: number, dy: number): void;
  setTool(tool: Tool): void;
  setLook(look: Partial<Look>): void;
  setBrush(diameterPx: number): void;
  /** Colour and line for what is drawn next, and how strongly shapes are filled (0…1); `shown` false hides all. */
  setStyle(style: { color?: string; opacity?: number; shown?: boolean; titles?: boolean }): void;
  /** Undo the last corner or stroke of what is being drawn; false where nothing is being drawn. */
  stepBack(): boolean;
  /** End what is being drawn, or give it up. */
  finish(): void;
  cancel(): void;
  /** A crosshair that is moved by keyboard, in px of the screen, and presses where it is; a mouse that is moved ends it. */
  readonly aim: { readonly on: boolean; start(): void; stop(): void; moveBy(dx: number, dy: number): void; click(): void };
  /** Something is being drawn. */
  readonly drawing: boolean;
  /** Video and sound. */
  play(rate?: number): void;
  pause(): void;
  seek(timeS: number): void;
  step(frames: number): void;
  /** Move or grow the selected shapes by keyboard, in picture px. */
  nudge(dx: number, dy: number): void;
  on<E extends keyof SurfaceEvents>(event: E, listener: SurfaceEvents[E]): () => void;
  readonly view: View | null;
  readonly timeS: number;
  readonly kindsOf: Record<Exclude<Tool, "select" | "pan" | "eraser" | "ruler" | "zoom">, ShapeKind>;
  close(): void;
}
