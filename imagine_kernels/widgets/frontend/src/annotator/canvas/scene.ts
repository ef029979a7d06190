/** The marks as they are drawn now: which are chosen or pointed at, which has handles, and when all is drawn anew. */
import type { Editing } from "./editing";
import type { Frames } from "./events";
import type { Figure, Point } from "./geometry";
import type { Marks } from "./marks";
import { Painter, type Emphasis, type PaintStyle } from "./painter";
import type { Sketch } from "./sketch";
import type { Stage } from "./stage";

/** Once nothing has moved for so long, very many marks are drawn anew. */
const REST_MS = 120;

export interface SceneParts {
  readonly stage: Stage;
  readonly editing: Editing;
  readonly sketch: Sketch;
  readonly frames: Frames;
  /** The select tool is on: one mark that may be changed has handles. */
  readonly selecting: boolean;
}

export class Scene {
  readonly painter = new Painter();
  marks: Marks | null = null;
  chosen: ReadonlySet<string> = new Set();
  /** Drawn to the end, and not yet among the marks. */
  pending: Figure[] = [];
  style: PaintStyle = { color: "#e69f00", opacity: 0.1, shown: true, titles: false };
  private hovered: string | null = null;
  private offset: Point = [0, 0];
  private resting = 0;

  constructor(private readonly parts: SceneParts) {
    parts.sketch.color = this.style.color;
  }

  reset(marks: Marks | null): void {
    window.clearTimeout(this.resting);
    this.parts.editing.close();
    this.marks = marks;
    this.chosen = new Set();
    this.pending = [];
    this.hovered = null;
    this.offset = [0, 0];
  }

  setStyle(style: Partial<PaintStyle>): void {
    this.style = { ...this.style, ...style };
    this.parts.sketch.color = this.style.color;
    this.refresh();
  }

  choose(ids: readonly string[]): void {
    this.chosen = new Set(ids.filter((id) => this.marks?.entries.has(id)));
    this.parts.frames.later("emphasis", () => this.emphasise());
  }

  /** The chosen ones are being dragged so far. */
  drag(offset: Point): void {
    this.offset = offset;
    this.parts.frames.later("emphasis", () => this.emphasise());
  }

  hover(id: string | null): void {
    if (id === this.hovered) return;
    this.hovered = id;
    this.emphasise();
  }

  /** Marks have come or gone. */
  changed(): void {
    if (this.hovered && !this.marks?.entries.has(this.hovered)) this.hovered = null;
    const kept = [...this.chosen].filter((id) => this.marks?.entries.has(id));
    if (kept.length !== this.chosen.size) this.chosen = new Set(kept);
    this.refresh();
  }

  refresh(): void {
    this.parts.frames.later("paint", () => this.paint());
  }

  paint(): void {
    window.clearTimeout(this.resting);
    this.handles();
    this.painter.paint(this.parts.stage, this.marks, this.style, this.emphasis);
  }

  /** Another part of the picture is in view; the marks move with it in the same frame. */
  viewed(): void {
    const { stage, editing, sketch } = this.parts;
    const { origin, scale } = stage;
    editing.place(origin, scale);
    sketch.place(origin, scale);
    if (this.painter.heavy && this.painter.follow(stage)) this.rest();
    else this.paint();
  }

  /** Only what is pointed at, chosen or being dragged looks different. */
  private emphasise(): void {
    this.handles();
    this.painter.emphasise(this.parts.stage, this.marks, this.style, this.emphasis);
    if (this.painter.heavy) this.rest();
    else this.refresh();
  }

  private get emphasis(): Emphasis {
    return { chosen: this.chosen, hovered: this.hovered, skip: this.parts.editing.id, offset: this.offset, pending: this.pending };
  }

  private rest(): void {
    window.clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.paint(), REST_MS);
  }

  private handles(): void {
    const { editing } = this.parts;
    if (editing.busy) return;
    const [id] = this.chosen.size === 1 ? this.chosen : [];
    const entry = id === undefined ? undefined : this.marks?.entries.get(id);
    const moving = this.offset[0] !== 0 || this.offset[1] !== 0;
    if (entry?.figure && !entry.drawn.locked && this.parts.selecting && this.style.shown && !moving)
      editing.open(entry.drawn.id, entry.figure, entry.drawn.color);
    else editing.close();
  }
}
