/** Draws all marks on one canvas; only those in view are looked at, and those too small to have a form are dots. */
import { asRings, rings, triples, type Box, type Figure, type Point } from "./geometry";
import type { Entry, Marks } from "./marks";
import { decode, outline } from "./masks";
import type { Stage } from "./stage";

export interface PaintStyle {
  color: string;
  /** How strongly figures are filled. */
  opacity: number;
  shown: boolean;
  titles: boolean;
}

const LINE = 1.75;
const POINT = 5;
/** Below this many px of the screen a figure is a dot. */
const DOT = 3;
/** … and where there are very many, below this many it is a box. */
const SMALL = 12;
const MOST_TITLES = 250;
/** More than this many in view are drawn thinner, and not anew for each frame while the picture moves. */
const MANY = 800;
/** px of the screen around the window that are drawn too. */
const MARGIN = 128;
/** While the picture moves, very many are drawn anew no more often than this. */
const PATIENCE_MS = 700;

const paths = new WeakMap<number[], Path2D>();

/** In px of the picture; kept for as long as the numbers are the same. */
export function pathOf(figure: Figure): Path2D {
  const known = paths.get(figure.numbers);
  if (known) return known;
  const path = new Path2D();
  const { kind, numbers } = figure;
  if (kind === "circle" || kind === "ellipse") {
    const [x, y, a, b = a, degrees = 0] = numbers as [number, number, number, number?, number?];
    path.ellipse(x, y, a, b, (degrees * Math.PI) / 180, 0, 2 * Math.PI);
  } else {
    const parts = kind === "mask" ? outline(decode(numbers)) : kind === "line" ? rings(numbers) : (asRings(figure) ?? []);
    for (const ring of parts) {
      ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
      if (kind !== "line") path.closePath();
    }
  }
  paths.set(numbers, path);
  return path;
}

/** The same as the `d` of an SVG path. */
export function pathText(figure: Figure): string {
  const { kind, numbers } = figure;
  const parts = kind === "mask" ? outline(decode(numbers)) : kind === "line" ? rings(numbers) : (asRings(figure) ?? []);
  return parts.map((ring) => (ring.length ? `M${ring.map((point) => point.join(" ")).join("L")}${kind === "line" ? "" : "Z"}` : "")).join("");
}

/** What stands out: drawn on a layer of its own, so that pointing and choosing do not draw all the others anew. */
export interface Emphasis {
  chosen: ReadonlySet<string>;
  hovered: string | null;
  /** Has handles, which draw it. */
  skip: string | null;
  /** How far the chosen ones are being dragged. */
  offset: Point;
  pending: readonly Figure[];
}

/** A canvas somewhat larger than the window: while the picture moves it is moved along, before it is drawn anew. */
class Layer {
  readonly canvas = document.createElement("canvas");
  readonly context = this.canvas.getContext("2d")!;
  private origin: Point = [0, 0];
  private scale = 1;

  constructor(name: string) {
    this.canvas.className = name;
    this.canvas.setAttribute("aria-hidden", "true");
  }

  /** Empty, and ready to draw in px of the picture. */
  begin(stage: Stage): void {
    const [width, height] = stage.extent;
    const ratio = devicePixelRatio;
    const { canvas, context } = this;
    const [w, h] = [Math.round((width + 2 * MARGIN) * ratio), Math.round((height + 2 * MARGIN) * ratio)];
    if (canvas.width !== w || canvas.height !== h) {
      [canvas.width, canvas.height] = [w, h];
      canvas.style.cssText = `left:${-MARGIN}px;top:${-MARGIN}px;width:${w / ratio}px;height:${h / ratio}px;transform-origin:${MARGIN}px ${MARGIN}px`;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, w, h);
    [this.origin, this.scale] = [stage.origin, stage.scale];
    canvas.style.transform = "";
    this.place();
    context.lineJoin = "round";
  }

  place(dx = 0, dy = 0): void {
    const [k, ratio] = [devicePixelRatio * this.scale, devicePixelRatio];
    this.context.setTransform(k, 0, 0, k, ratio * (this.origin[0] + MARGIN) + k * dx, ratio * (this.origin[1] + MARGIN) + k * dy);
  }

  /** Put what is drawn where it belongs now; how much it is off, as part of the margin or of the scale. */
  follow(stage: Stage): number {
    const zoom = stage.scale / this.scale;
    const [x, y] = [stage.origin[0] - this.origin[0] * zoom, stage.origin[1] - this.origin[1] * zoom];
    this.canvas.style.transform = `matrix(${zoom},0,0,${zoom},${x},${y})`;
    return Math.max(Math.abs(Math.log2(zoom)) / 0.6, zoom === 1 ? Math.max(Math.abs(x), Math.abs(y)) / MARGIN : 0);
  }
}

export class Painter {
  private readonly all = new Layer("ik-canvas-marks");
  private readonly few = new Layer("ik-canvas-marks");
  /** So many are in view that drawing them takes longer than a frame. */
  heavy = false;
  private paintedAt = 0;

  get elements(): HTMLCanvasElement[] {
    return [this.all.canvas, this.few.canvas];
  }

  private get context(): CanvasRenderingContext2D {
    return this.layer.context;
  }

  private layer = this.all;

  /** Move along with the picture; false where all should be drawn anew, since what is there no longer fits. */
  follow(stage: Stage): boolean {
    this.few.follow(stage);
    return this.all.follow(stage) < 1 || performance.now() - this.paintedAt < PATIENCE_MS;
  }

  paint(stage: Stage, marks: Marks | null, style: PaintStyle, now: Emphasis): void {
    this.layer = this.all;
    this.all.begin(stage);
    this.paintedAt = performance.now();
    this.heavy = false;
    if (marks && style.shown && stage.ready) {
      const [x0, y0, x1, y1] = stage.box;
      const room = (MARGIN + 24) / stage.scale;
      const seen = marks.meeting([x0 - room, y0 - room, x1 + room, y1 + room]).filter(({ drawn }) => !now.chosen.has(drawn.id) && drawn.id !== now.skip);
      this.heavy = seen.length > MANY;
      for (const entry of seen) this.entry(entry, marks, stage.scale, style.opacity, LINE);
      if (style.titles) this.titles(seen, marks, stage);
    }
    this.emphasise(stage, marks, style, now);
  }

  /** Only what stands out. */
  emphasise(stage: Stage, marks: Marks | null, style: PaintStyle, now: Emphasis): void {
    const { heavy } = this;
    this.layer = this.few;
    this.few.begin(stage);
    if (!marks || !style.shown || !stage.ready) return;
    this.heavy = false;
    const { scale } = stage;
    const chosen = [...now.chosen].flatMap((id) => (id === now.skip ? [] : (marks.entries.get(id) ?? [])));
    const hovered = now.hovered !== null && !now.chosen.has(now.hovered) ? marks.entries.get(now.hovered) : undefined;
    if (hovered) this.entry(hovered, marks, scale, style.opacity, LINE + 1);
    this.few.place(...now.offset);
    for (const entry of chosen) this.entry(entry, null, scale, Math.max(style.opacity, 0.15), LINE + 1.5);
    this.few.place();
    for (const figure of now.pending) this.figure(figure, scale, { color: style.color, fill: style.opacity, dashed: false, faint: false, width: LINE, box: null });
    if (style.titles) this.titles(chosen, marks, stage);
    this.heavy = heavy;
  }

  private entry(entry: Entry, marks: Marks | null, scale: number, fill: number, width: number): void {
    if (!entry.figure) return;
    this.figure(entry.figure, scale, {
      color: entry.drawn.color, fill, width, dashed: entry.drawn.dashed || entry.sort === "between", faint: entry.sort === "near",
      box: marks?.box(entry.drawn.id) ?? null,
    });
  }

  private figure(
    figure: Figure,
    scale: number,
    look: { color: string; fill: number; dashed: boolean | "dots"; faint: boolean; width: number; box: Box | null },
  ): void {
    const { context } = this;
    context.globalAlpha = look.faint ? 0.35 : 1;
    context.fillStyle = context.strokeStyle = look.color;
    const { kind, numbers } = figure;
    if (kind === "point" || kind === "keypoints") {
      const places = kind === "point" ? [[numbers[0]!, numbers[1]!, 2] as const] : triples(numbers);
      const joinedUp = places.filter(([, , visible]) => visible);
      for (const [x, y, visible] of joinedUp) {
        context.beginPath();
        context.arc(x, y, (POINT + (look.width - LINE)) / scale, 0, 2 * Math.PI);
        if (visible === 2) context.fill();
        context.lineWidth = 1.5 / scale;
        context.strokeStyle = visible === 2 ? "rgb(255 255 255 / 90%)" : look.color;
        context.setLineDash(look.dashed ? [2 / scale, 2 / scale] : []);
        context.stroke();
      }
      return;
    }
    const { box } = look;
    if (box && (box[2] - box[0]) * scale < DOT && (box[3] - box[1]) * scale < DOT) {
      context.fillRect(box[0] - 1 / scale, box[1] - 1 / scale, DOT / scale, DOT / scale);
      return;
    }
    if (this.heavy && box && (box[2] - box[0]) * scale < SMALL && (box[3] - box[1]) * scale < SMALL) {
      context.lineWidth = 1 / devicePixelRatio / scale;
      context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      return;
    }
    const path = pathOf(figure);
    if (look.fill > 0 && kind !== "line") {
      context.globalAlpha = (look.faint ? 0.35 : 1) * look.fill;
      context.fill(path, "evenodd");
      context.globalAlpha = look.faint ? 0.35 : 1;
    }
    // A dark line beneath makes light ones stand out; for very many it would cost more than it tells.
    if (!this.heavy) {
      context.setLineDash([]);
      context.strokeStyle = "rgb(0 0 0 / 45%)";
      context.lineWidth = (look.width + 1.75) / scale;
      context.stroke(path);
      context.strokeStyle = look.color;
    }
    context.setLineDash(look.dashed === "dots" ? [1.5 / scale, 3.5 / scale] : look.dashed ? [6 / scale, 4 / scale] : []);
    context.lineWidth = (this.heavy ? 1 / devicePixelRatio : look.width) / scale;
    context.stroke(path);
  }

  private titles(seen: readonly Entry[], marks: Marks, stage: Stage): void {
    const { context } = this;
    const ratio = devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, ratio * MARGIN, ratio * MARGIN);
    context.globalAlpha = 1;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "bottom";
    for (const entry of seen.slice(0, MOST_TITLES)) {
      const box = marks.box(entry.drawn.id);
      if (!box) continue;
      const [x, y] = stage.toScreen([box[0], box[1]]);
      const text = entry.drawn.title;
      const wide = context.measureText(text).width;
      const top = Math.max(y - 3, 16);
      context.fillStyle = "rgb(0 0 0 / 70%)";
      context.fillRect(x - 1, top - 15, wide + 8, 16);
      context.fillStyle = entry.drawn.color;
      context.fillRect(x - 1, top - 15, 3, 16);
      context.fillStyle = "#fff";
      context.fillText(text, x + 4, top);
    }
  }
}
