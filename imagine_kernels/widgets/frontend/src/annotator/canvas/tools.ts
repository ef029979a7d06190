/** What the pointer does with each tool: choose and move marks, draw new ones, paint masks, measure, zoom. */
import type { Look, Tool } from "../surface";
import { asRings, distance, joined, moved, spanning, type Figure, type Point } from "./geometry";
import { Draft, type DraftTool } from "./drafts";
import type { Press } from "./glass";
import { curves } from "./look";
import type { Entry, Marks } from "./marks";
import { decode, encode, filled, stroked, type Mask } from "./masks";
import { likeRegion, traced, type Pixels } from "./simplify";
import type { Sketch } from "./sketch";
import { caught } from "./snap";
import type { Stage } from "./stage";

/** px of the screen within which something is meant, for a mouse and for a finger. */
const REACH = { mouse: 6, touch: 14 };
const SNAP = 12;
/** Tolerance of the wand (of 255) without dragging, and what a px of dragging adds. */
const WAND = { start: 20, step: 0.4 };

export interface ToolsHost {
  readonly stage: Stage;
  readonly marks: Marks | null;
  readonly size: Point;
  readonly chosen: ReadonlySet<string>;
  readonly look: Look;
  /** The store can hold masks of this medium; where not they are polygons. */
  readonly masks: boolean;
  /** The kernel takes the window into account. */
  readonly windowed: boolean;
  choose(ids: readonly string[]): void;
  drawn(figure: Figure): void;
  reshaped(figures: ReadonlyMap<string, Figure>): void;
  /** The chosen ones are being dragged this far. */
  dragging(offset: Point): void;
  measured(from: Point, to: Point): string;
  unmeasured(): void;
  refuse(sentence: string): void;
}

type Action =
  | { kind: "draft" }
  | { kind: "stroke"; points: Point[] }
  | { kind: "wand"; pixels: Pixels; ratio: number; from: Press; found: Figure | null }
  | { kind: "frame"; from: Press; add: boolean }
  | { kind: "move"; from: Press; ids: string[]; far: boolean };

export class Tools {
  tool: Tool = "select";
  diameter = 20;
  private draft: Draft | null = null;
  private action: Action | null = null;
  private measuring = false;

  constructor(
    private readonly host: ToolsHost,
    private readonly sketch: Sketch,
  ) {}

  get drawing(): boolean {
    return this.draft?.active === true || this.action?.kind === "stroke" || this.action?.kind === "wand";
  }

  setTool(tool: Tool): void {
    if (tool === this.tool) return;
    this.cancel();
    this.sketch.brush(null, this.diameter, false);
    this.tool = tool;
    const drafts: readonly Tool[] = ["point", "line", "rectangle", "rotated_rectangle", "polygon", "circle", "ellipse", "ruler", "zoom"];
    this.draft = drafts.includes(tool) ? new Draft(tool as DraftTool) : null;
  }

  private reach(press: Press): number {
    return (press.touch ? REACH.touch : REACH.mouse) / this.host.stage.scale;
  }

  /** Inside the picture, and caught by a corner nearby where that is asked for. */
  private place(press: Press): Point {
    const [width, height] = this.host.size;
    const at: Point = [Math.min(Math.max(press.at[0], 0), width), Math.min(Math.max(press.at[1], 0), height)];
    return (press.alt ? this.catch(at, null) : null) ?? at;
  }

  catch(at: Point, but: string | null): Point | null {
    const reach = SNAP / this.host.stage.scale;
    const near = this.host.marks?.meeting([at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach]) ?? [];
    return caught(at, near.filter((entry) => entry.drawn.id !== but && entry.figure!.kind !== "mask").map((entry) => entry.figure!), reach);
  }

  press(press: Press): void {
    if (this.draft) {
      if (this.tool === "ruler" && !this.draft.active) this.clearRuler();
      this.action = { kind: "draft" };
      this.draft.press(this.place(press));
      this.drawDraft(press.shift);
    } else if (this.tool === "brush" || this.tool === "eraser") {
      this.action = { kind: "stroke", points: [press.at] };
      this.drawStroke();
    } else if (this.tool === "wand") this.startWand(press);
    else if (this.tool === "select") this.startSelecting(press);
  }

  drag(press: Press): void {
    const { action } = this;
    if (action?.kind === "draft") this.draft!.move(this.place(press));
    else if (action?.kind === "stroke") {
      const step = 1 / this.host.stage.scale;
      if (distance(action.points.at(-1)!, press.at) >= step) action.points.push(press.at);
      this.drawStroke();
    } else if (action?.kind === "wand") this.wave(action, press);
    else if (action?.kind === "frame") this.sketch.frame(spanning(action.from.at, press.at));
    else if (action?.kind === "move") {
      action.far ||= distance(action.from.screen, press.screen) > REACH.mouse / 2;
      if (action.far) this.host.dragging([press.at[0] - action.from.at[0], press.at[1] - action.from.at[1]]);
    }
  }

  release(press: Press): void {
    const { action } = this;
    this.action = null;
    if (action?.kind === "draft") this.releaseDraft(press);
    else if (action?.kind === "stroke") this.paint(action.points);
    else if (action?.kind === "wand") {
      this.sketch.clear();
      if (action.found) this.host.drawn(action.found);
    } else if (action?.kind === "frame") this.releaseFrame(action, press);
    else if (action?.kind === "move") {
      this.host.dragging([0, 0]);
      if (action.far) this.move(action.ids, press.at[0] - action.from.at[0], press.at[1] - action.from.at[1]);
      else if (!press.shift && action.ids.length > 1) this.click(press);
    }
  }

  hover(press: Press | null): void {
    const round = this.tool === "brush" || this.tool === "eraser";
    this.sketch.brush(round && press ? press.at : null, this.diameter, this.tool === "eraser");
    if (!press || !this.draft?.active) return;
    this.draft.move(this.place(press));
    this.drawDraft(press.shift);
  }

  double(press: Press): void {
    const found = this.draft?.finish(2 * this.reach(press)) ?? null;
    if (found) this.end(found);
  }

  private drawDraft(even: boolean): void {
    const { draft } = this;
    const figure = draft?.figure(even) ?? null;
    if (!figure) return this.sketch.clear();
    const closes = draft!.cursor !== null && draft!.closes(draft!.cursor, (2 * REACH.mouse) / this.host.stage.scale);
    if (this.tool === "ruler") {
      const [x0, y0, x1, y1] = figure.numbers as [number, number, number, number];
      this.measuring = true;
      this.sketch.ruler([x0, y0], [x1, y1], this.host.measured([x0, y0], [x1, y1]));
    } else this.sketch.draft(figure, draft!.points, closes);
  }

  private releaseDraft(press: Press): void {
    const draft = this.draft!;
    const before = draft.figure(press.shift);
    const found = draft.release(this.place(press), this.reach(press), press.shift);
    if (found) this.end(found, before);
    else if (this.tool === "zoom" && draft.active) {
      draft.clear();
      this.sketch.clear();
      this.host.stage.zoomBy(press.alt || press.shift ? 0.5 : 2, press.screen);
    } else this.drawDraft(press.shift);
  }

  private end(figure: Figure, ruler: Figure | null = null): void {
    if (this.tool === "ruler") {
      const [x0, y0, x1, y1] = (ruler ?? figure).numbers as [number, number, number, number];
      this.sketch.ruler([x0, y0], [x1, y1], this.host.measured([x0, y0], [x1, y1]));
      return;
    }
    this.sketch.clear();
    if (this.tool === "zoom") this.host.stage.zoomTo(figure.numbers as [number, number, number, number]);
    else this.host.drawn(figure);
  }

  private clearRuler(): void {
    if (!this.measuring) return;
    this.measuring = false;
    this.sketch.clear();
    this.host.unmeasured();
  }

  // Choosing.

  private startSelecting(press: Press): void {
    const found = this.host.marks?.at(press.at, this.reach(press)) ?? null;
    if (!found) {
      this.action = { kind: "frame", from: press, add: press.shift };
      return;
    }
    const { id } = found.drawn;
    const { chosen } = this.host;
    if (press.shift) return this.host.choose(chosen.has(id) ? [...chosen].filter((each) => each !== id) : [...chosen, id]);
    if (!chosen.has(id)) this.host.choose([id]);
    const ids = [...this.host.chosen].filter((each) => !this.host.marks!.entries.get(each)!.drawn.locked);
    this.action = { kind: "move", from: press, ids, far: false };
  }

  /** Choose what is there. */
  click(press: Press): void {
    const found = this.host.marks?.at(press.at, this.reach(press));
    this.host.choose(found ? [found.drawn.id] : []);
  }

  private releaseFrame({ from, add }: { from: Press; add: boolean }, press: Press): void {
    this.sketch.clear();
    const before = add ? [...this.host.chosen] : [];
    const inside = distance(from.screen, press.screen) > REACH.mouse ? this.host.marks?.within(spanning(from.at, press.at)) : [];
    this.host.choose([...new Set([...before, ...(inside ?? [])])]);
  }

  move(ids: readonly string[], dx: number, dy: number): void {
    const figures = ids.flatMap((id): [string, Figure][] => {
      const entry = this.host.marks?.entries.get(id);
      if (!entry?.figure || entry.drawn.locked) return [];
      return [[id, { kind: entry.figure.kind, numbers: moved(entry.figure, dx, dy) }]];
    });
    if (figures.length) this.host.reshaped(new Map(figures));
  }

  // Masks.

  /** What is painted on: a chosen mask, for the eraser anything that has an area. */
  private ground(): Entry | null {
    const { chosen, marks } = this.host;
    const [id] = chosen.size === 1 ? chosen : [];
    const entry = id === undefined ? null : (marks?.entries.get(id) ?? null);
    if (!entry?.figure || entry.drawn.locked) return null;
    const { kind } = entry.figure;
    const area = kind === "mask" || asRings(entry.figure) !== null;
    return area && (this.tool === "eraser" || kind === "mask" || (kind === "polygon" && !this.host.masks)) ? entry : null;
  }

  private drawStroke(): void {
    if (this.action?.kind === "stroke") this.sketch.stroke(this.action.points, this.diameter, this.tool === "eraser");
  }

  private paint(stroke: readonly Point[]): void {
    this.sketch.clear();
    const entry = this.ground();
    const erases = this.tool === "eraser";
    if (erases && !entry) return this.host.refuse("Choose the shape of which a part is to be taken away, then use the eraser on it.");
    const before: Mask | null = entry ? maskOf(entry.figure!) : null;
    const numbers = encode(stroked(before, stroke, this.diameter, !erases, this.host.size as [number, number]));
    if (!numbers) {
      if (entry) this.host.refuse("Nothing would be left of the shape: delete it instead.");
      return;
    }
    if (entry) this.host.reshaped(new Map([[entry.drawn.id, { kind: "mask", numbers }]]));
    else this.host.drawn({ kind: "mask", numbers });
  }

  // The wand.

  private startWand(press: Press): void {
    const shot = this.host.stage.pixels();
    if (!shot) return;
    const pixels = asShown(shot.data, this.host.look, !this.host.windowed);
    const action = { kind: "wand" as const, pixels, ratio: shot.ratio, from: press, found: null };
    this.action = action;
    this.wave(action, press);
  }

  private wave(action: Extract<Action, { kind: "wand" }>, press: Press): void {
    const [x, y] = action.from.screen;
    const tolerance = WAND.start + WAND.step * distance(action.from.screen, press.screen);
    const { ratio } = action;
    const region = likeRegion(action.pixels, Math.floor(x * ratio), Math.floor(y * ratio), tolerance);
    const parts = traced(region, 1.2 * ratio, 24 * ratio * ratio);
    const rings = parts.map((ring) => ring.map(([u, v]) => this.host.stage.toPicture([u / ratio, v / ratio])));
    action.found = rings[0] && rings[0].length >= 3 ? { kind: "polygon", numbers: joined(rings.filter((ring) => ring.length >= 3)) } : null;
    if (action.found) this.sketch.draft(action.found, [], true);
    else this.sketch.clear();
  }

  // What the shell asks for.

  stepBack(): boolean {
    if (this.action?.kind === "stroke" || this.action?.kind === "wand") {
      this.lost();
      return true;
    }
    if (!this.draft?.active) return false;
    this.draft.back();
    this.drawDraft(false);
    return true;
  }

  finish(): void {
    const found = this.draft?.finish() ?? null;
    if (found) this.end(found);
  }

  /** The press was none. */
  lost(): void {
    const { action } = this;
    this.action = null;
    if (action?.kind === "move") this.host.dragging([0, 0]);
    if (action?.kind === "draft") {
      this.draft!.lost();
      this.drawDraft(false);
    } else this.sketch.clear();
  }

  cancel(): void {
    this.lost();
    this.draft?.clear();
    this.sketch.clear();
    this.clearRuler();
  }
}

function maskOf(figure: Figure): Mask {
  return figure.kind === "mask" ? decode(figure.numbers) : filled(asRings(figure)!);
}

/** The pixels as the filter shows them. */
function asShown(data: ImageData, look: Look, stretch: boolean): Pixels {
  const found = curves(look, stretch);
  if (!found) return data;
  const tables = found.tables.map((table) => Uint8ClampedArray.from(table, (v) => v * 255));
  const out = new Uint8ClampedArray(data.data);
  for (let i = 0; i < out.length; i += 4) {
    let [r, g, b] = [out[i]!, out[i + 1]!, out[i + 2]!];
    if (found.grey) r = g = b = Math.round(0.2126 * r + 0.7152 * g + 0.0722 * b);
    out[i] = tables[0]![r]!;
    out[i + 1] = tables[1]![g]!;
    out[i + 2] = tables[2]![b]!;
  }
  return { width: data.width, height: data.height, data: out };
}
