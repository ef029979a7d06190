/** The surface on which is drawn: puts together picture, marks, tools, handles and players, and tells the shell. */
import type { ShapeKind, View } from "../protocol";
import type { Drawn, Look, Source, Surface, SurfaceEvents, Tool } from "../surface";
import { Aim } from "./aim";
import { Editing } from "./editing";
import { Events, Frames } from "./events";
import { Furniture } from "./furniture";
import type { Figure, Point } from "./geometry";
import { Glass, type Press } from "./glass";
import { ofKind, withKeyframe } from "./keyframes";
import { curves, LookFilter, NEUTRAL } from "./look";
import { Marks } from "./marks";
import { measured, wordsOf } from "./measure";
import { Scene } from "./scene";
import { Sketch } from "./sketch";
import { SoundPlayer, spanOf, type Span } from "./sound";
import { Stage } from "./stage";
import { Tools } from "./tools";
import { storedKind, unitsOf, type Units } from "./units";
import { VideoPlayer, type Player } from "./video";

const WAIT_FOR_WINDOW_MS = 200;

export class Canvas implements Surface {
  readonly element = document.createElement("div");
  readonly stage: Stage;
  view: View | null = null;
  look: Look = { ...NEUTRAL };
  private readonly sketch = new Sketch();
  private readonly filter = new LookFilter();
  private readonly furniture = new Furniture();
  private readonly glass: Glass;
  readonly tools: Tools;
  readonly aim: Aim;
  private readonly editing: Editing;
  private readonly scene: Scene;
  private units: Units | null = null;
  private player: Player | null = null;
  private pixelSizeM: number | null = null;
  private readonly events = new Events();
  private readonly frames = new Frames();
  private waiting = 0;
  private opened = 0;

  constructor() {
    this.element.className = "ik-canvas";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", "Nothing is open");
    this.stage = new Stage({ viewed: () => this.viewed(), failed: (sentence) => this.events.emit("failed", sentence) });
    this.glass = new Glass({
      stage: this.stage,
      pans: (press) => this.pans(press),
      press: (press) => this.tools.press(press),
      drag: (press) => this.tools.drag(press),
      release: (press) => this.tools.release(press),
      lost: () => this.lost(),
      hover: (press) => {
        // Whoever takes the mouse has no use for the crosshair any more.
        if (press) this.aim.stop();
        this.frames.later("hover", () => this.hover(press));
      },
      double: (press) => this.tools.double(press),
      owns: (target) => this.tools.tool === "select" && this.editing.group.contains(target),
    });
    this.tools = new Tools(this, this.sketch);
    this.aim = new Aim(this);
    const { glass } = this;
    this.editing = new Editing({
      get pressed() {
        return glass.pressed;
      },
      toPicture: (at) => this.stage.toPicture(at),
      catch: (at, id) => (this.glass.alt ? this.tools.catch(at, id) : null),
      released: (id, figure, changed, event) => this.edited(id, figure, changed, event),
    });
    const { stage, sketch, editing, frames, tools } = this;
    this.scene = new Scene({
      stage, sketch, editing, frames,
      get selecting() {
        return tools.tool === "select";
      },
    });
    this.glass.element.append(this.editing.group, this.sketch.group);
    this.element.append(this.filter.element, this.stage.element, ...this.scene.painter.elements, ...this.furniture.elements.slice(0, 4));
    this.element.append(this.glass.element, ...this.furniture.elements.slice(4), this.stage.minimap);
    this.keepKeys();
  }

  // What is open.

  async open(view: View, source: Source, pixelSizeM: number | null): Promise<void> {
    const turn = ++this.opened;
    this.reset();
    this.view = view;
    this.units = unitsOf(view);
    this.pixelSizeM = pixelSizeM;
    this.scene.reset(new Marks(this.units, [view.width, view.height]));
    const what = { picture: "Picture", video: "Video", sound: "Spectrogram" }[view.kind];
    this.element.setAttribute("aria-label", `${what}, ${view.width} × ${view.height} px`);
    this.stage.window = this.windowed ? this.asked : null;
    await this.stage.open(view, source);
    if (turn !== this.opened) return;
    const host = {
      show: (bitmap: ImageBitmap) => this.stage.show(bitmap),
      moved: (timeS: number, playing: boolean) => this.frames.later("moved", () => this.timeMoved(timeS, playing)),
      failed: (sentence: string) => this.events.emit("failed", sentence),
      side: () => Math.max(view.width, view.height) * this.stage.scale * devicePixelRatio,
    };
    if (view.kind === "video") this.player = new VideoPlayer(view, source, host);
    if (view.kind === "sound") this.player = new SoundPlayer(view, source, host);
    this.applyLook();
    this.player?.seek(0);
    this.viewed();
  }

  reload(): void {
    if (this.view && this.view.kind !== "video") this.stage.reload(this.stage.window);
  }

  private reset(): void {
    window.clearTimeout(this.waiting);
    this.player?.close();
    this.player = null;
    this.tools.cancel();
    this.aim.stop();
    this.scene.reset(null);
    this.furniture.say("", [0, 0], [1, 1]);
    this.frames.clear();
  }

  close(): void {
    this.opened++;
    this.reset();
    this.glass.close();
    this.stage.close();
    this.view = null;
    this.element.remove();
  }

  get marks(): Marks | null {
    return this.scene.marks;
  }

  get chosen(): ReadonlySet<string> {
    return this.scene.chosen;
  }

  get size(): Point {
    return [this.view?.width ?? 1, this.view?.height ?? 1];
  }

  get timeS(): number {
    return this.player?.timeS ?? 0;
  }

  get masks(): boolean {
    return this.view?.kind !== "sound";
  }

  get windowed(): boolean {
    return this.view?.kind === "sound" || (this.view?.kind === "picture" && this.view.bits === 16);
  }

  get kindsOf(): Surface["kindsOf"] {
    const kind = (drawn: ShapeKind) => storedKind(drawn, this.view);
    return {
      point: "point", line: "line", rectangle: "rectangle", rotated_rectangle: kind("rotated_rectangle"), polygon: "polygon",
      circle: kind("circle"), ellipse: "ellipse", brush: kind("mask"), wand: "polygon",
    };
  }

  // Marks.

  show(marks: readonly Drawn[]): void {
    const had = this.scene.pending.length > 0;
    this.scene.pending = [];
    const changed = this.marks?.set(marks) ?? false;
    if (changed || had) this.scene.changed();
  }

  select(ids: readonly string[]): void {
    this.scene.choose(ids);
  }

  choose(ids: readonly string[]): void {
    const same = ids.length === this.chosen.size && ids.every((id) => this.chosen.has(id));
    if (same) return;
    this.select(ids);
    this.events.emit("selected", [...this.chosen]);
  }

  drawn(figure: Figure): void {
    if (!this.units) return;
    this.scene.pending.push(figure);
    this.scene.refresh();
    const frames = this.view?.kind === "video" ? [this.timeS] : [];
    this.events.emit("drawn", this.units.fromPx({ kind: figure.kind, keyframes: [figure.numbers], frames }));
  }

  reshaped(figures: ReadonlyMap<string, Figure>): void {
    const told = [...figures].flatMap(([id, figure]) => {
      const entry = this.marks?.entries.get(id);
      if (!entry || entry.drawn.locked) return [];
      const moments = withKeyframe(ofKind(entry.moments, figure.kind), this.timeS, figure.numbers, this.half);
      this.marks!.replace(id, moments);
      return [[id, this.units!.fromPx(moments)] as const];
    });
    this.scene.refresh();
    for (const [id, shape] of told) this.events.emit("changed", id, shape);
  }

  dragging(offset: Point): void {
    this.scene.drag(offset);
  }

  private edited(id: string, figure: Figure, changed: boolean, event: PointerEvent | null): void {
    if (changed) this.reshaped(new Map([[id, figure]]));
    else if (event) {
      // A click on what is chosen may mean a smaller one upon it.
      const box = this.glass.element.getBoundingClientRect();
      const screen: Point = [event.clientX - box.left, event.clientY - box.top];
      const press: Press = { at: this.stage.toPicture(screen), screen, shift: event.shiftKey, alt: event.altKey, touch: event.pointerType === "touch" };
      if (press.shift) this.choose([]);
      else if ((event.target as Element).closest(".a9s-shape-handle")) this.tools.click(press);
    }
    // Its editor may have been kept while the pointer was down.
    this.scene.refresh();
  }

  /** Half the time between two frames, in s. */
  private get half(): number {
    return this.view?.kind === "video" ? 0.5 / this.view.frame_rate_hz : 0;
  }

  private viewed(): void {
    this.scene.viewed();
    this.furniture.place(this.stage, this.view?.kind === "sound" ? this.view : null, this.pixelSizeM, this.timeS);
    if (this.player instanceof VideoPlayer) this.player.refresh();
    this.aim.viewed();
    this.frames.later("viewed", () => this.units && this.events.emit("viewed", this.units.boxFromPx(this.stage.box), this.stage.scale));
  }

  private timeMoved(timeS: number, playing: boolean): void {
    if (this.view?.kind === "sound") {
      if (playing) this.stage.turnTo(timeS / this.view.second_per_px);
      this.furniture.moveCursor(this.stage, this.view, timeS);
    }
    if (this.marks?.setTime(timeS, this.half)) this.scene.paint();
    this.events.emit("moved", timeS, playing);
  }

  hover(press: Press | null): void {
    if (!this.units || !this.stage.ready) return;
    this.tools.hover(press);
    const [x, y] = press ? this.units.pointFromPx(press.at) : [0, 0];
    const [width, height] = this.size;
    const inside = press && press.at[0] >= 0 && press.at[1] >= 0 && press.at[0] <= width && press.at[1] <= height;
    this.events.emit("pointed", inside ? { x, y } : null);
    this.furniture.crosshair(press && this.aim.on ? press.screen : null);
    const looks = press && !press.touch && this.tools.tool === "select" && this.scene.style.shown;
    const found = looks ? (this.marks?.at(press.at, 6 / this.stage.scale) ?? null) : null;
    this.furniture.say(found?.drawn.title ?? "", press?.screen ?? [0, 0], this.stage.extent);
    this.glass.element.classList.toggle("ik-over-mark", found !== null);
    this.scene.hover(found?.drawn.id ?? null);
  }

  private pans(press: Press): boolean {
    const { tool } = this.tools;
    // One finger on empty ground moves the picture; a mouse draws a frame there.
    return tool === "pan" || (tool === "select" && press.touch && !this.marks?.at(press.at, 14 / this.stage.scale));
  }

  private lost(): void {
    this.tools.lost();
    if (this.editing.cancel()) this.editing.close();
    this.scene.refresh();
  }

  /** Delete takes away the corners that are chosen in an editor; only where there are none it is for the shell. */
  private keepKeys(): void {
    this.glass.element.tabIndex = -1;
    this.glass.element.addEventListener("keydown", (event) => {
      const corners = this.editing.group.querySelector(".a9s-handle-selected") !== null;
      if (corners && (event.key === "Delete" || event.key === "Backspace")) event.stopPropagation();
    });
  }

  // What the shell asks for.

  zoomTo(what: readonly string[] | "whole" | "actual", room?: number): void {
    if (typeof what === "string") return this.stage.zoomTo(what);
    const box = this.marks?.around(what);
    if (box) this.stage.zoomTo(box, room);
  }

  zoomBy(factor: number): void {
    this.stage.zoomBy(factor);
  }

  panBy(dx: number, dy: number): void {
    this.stage.panBy(dx, dy, false);
  }

  setTool(tool: Tool): void {
    const before = this.tools.tool;
    this.tools.setTool(tool);
    this.glass.element.dataset.tool = tool;
    this.scene.refresh();
    if (before !== tool) this.events.emit("tool", tool);
  }

  setLook(look: Partial<Look>): void {
    const before = this.look.window;
    this.look = { ...this.look, ...look };
    this.applyLook();
    if (!this.windowed || before.join() === this.look.window.join()) return;
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => this.stage.reload(this.asked), WAIT_FOR_WINDOW_MS);
  }

  private get asked(): [number, number] | null {
    const [low, high] = this.look.window;
    return low === 0 && high === 1 ? null : [low, high];
  }

  private applyLook(): void {
    this.stage.setFilter(this.filter.set(curves(this.look, !this.windowed)));
  }

  setBrush(diameterPx: number): void {
    this.tools.diameter = Math.max(1, diameterPx);
  }

  get drawing(): boolean {
    return this.tools.drawing;
  }

  setStyle(style: { color?: string; opacity?: number; shown?: boolean; titles?: boolean }): void {
    this.scene.setStyle(style);
  }

  stepBack(): boolean {
    return this.tools.stepBack();
  }

  finish(): void {
    this.tools.finish();
  }

  cancel(): void {
    this.tools.cancel();
    this.aim.lost();
    this.lost();
  }

  play(rate = 1): void {
    if (this.player instanceof SoundPlayer) this.player.play(rate, this.span());
    else this.player?.play(rate);
  }

  /** Of the one mark that is chosen. */
  private span(): Span | null {
    const [id] = this.chosen.size === 1 ? this.chosen : [];
    const box = id === undefined ? null : this.marks?.box(id);
    return box && this.view?.kind === "sound" ? spanOf(this.units!.boxFromPx(box), this.view) : null;
  }

  pause(): void {
    this.player?.pause();
  }

  seek(timeS: number): void {
    this.player?.seek(timeS);
  }

  step(frames: number): void {
    this.player?.step(frames);
  }

  nudge(dx: number, dy: number): void {
    this.tools.move([...this.chosen], dx, dy);
  }

  // Telling.

  on<E extends keyof SurfaceEvents>(event: E, listener: SurfaceEvents[E]): () => void {
    return this.events.on(event, listener);
  }

  refuse(sentence: string): void {
    this.events.emit("failed", sentence);
  }

  /** Tells the shell, and gives the words for the ruler. */
  measured(from: Point, to: Point): string {
    const found = measured(from, to, this.view, this.pixelSizeM);
    this.events.emit("measured", found);
    return wordsOf(found);
  }

  unmeasured(): void {
    this.events.emit("measured", null);
  }
}
