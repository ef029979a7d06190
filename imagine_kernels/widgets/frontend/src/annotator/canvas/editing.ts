/**
 * Handles for the one mark that is chosen. Rectangles, turned rectangles and polygons of one ring are edited by the editors of
 * Annotorious, which are mounted into a layer of ours; the other kinds by an editor of ours in the same registry. The annotator of
 * Annotorious itself is not used: it draws with WebGL, which is not there on every desktop that is reached from afar, and listens to keys.
 */
import { EditorMount, getEditor, registerEditor, ShapeType } from "@annotorious/annotorious";
import { boundingBox, joined, moved, normalised, rings, type Figure, type Point } from "./geometry";
import { dragged, handles, withoutCorner, type Handle } from "./handles";
import { pathText } from "./painter";
import { snappedDrag } from "./snap";

const SVG = "http://www.w3.org/2000/svg";
/** How far the handle to turn stands off, in px of the screen; as with Annotorious. */
const GAP = 20;

/** What Annotorious asks of an editor or a mount: the bare outline of a component. */
interface Component {
  $set(props: Record<string, unknown>): void;
  $$set?(props: Record<string, unknown>): void;
  $on(event: string, listener: (event: CustomEvent) => void): () => void;
  $destroy(): void;
}
type ComponentClass = new (options: { target: Element; props: Record<string, unknown> }) => Component;
interface Transform {
  elementToImage(x: number, y: number): Point;
}
interface Selector {
  type: string;
  geometry: Record<string, unknown>;
}

const OURS = "IK_FIGURE";

const bounds = (figure: Figure) => {
  const [minX, minY, maxX, maxY] = boundingBox(figure) ?? [0, 0, 0, 0];
  return { minX, minY, maxX, maxY };
};

/** As Annotorious has it. */
export function toSelector(figure: Figure): Selector {
  const { kind, numbers } = figure;
  const around = bounds(figure);
  if (kind === "rectangle") {
    const [x, y, x1, y1] = numbers as [number, number, number, number];
    return { type: ShapeType.RECTANGLE, geometry: { x, y, w: x1 - x, h: y1 - y, rot: 0, bounds: around } };
  }
  if (kind === "rotated_rectangle") {
    const [x, y, w, h, degrees] = numbers as [number, number, number, number, number];
    return { type: ShapeType.RECTANGLE, geometry: { x: x - w / 2, y: y - h / 2, w, h, rot: (degrees * Math.PI) / 180, bounds: around } };
  }
  if (kind === "polygon" && rings(numbers).length === 1) return { type: ShapeType.POLYGON, geometry: { points: rings(numbers)[0], bounds: around } };
  return { type: OURS, geometry: { figure, bounds: around } };
}

export function fromSelector({ type, geometry }: Selector, kind: Figure["kind"]): Figure {
  if (type === OURS) return geometry.figure as Figure;
  if (type === ShapeType.POLYGON) return { kind, numbers: joined([geometry.points as Point[]]) };
  const { x, y, w, h, rot = 0 } = geometry as { x: number; y: number; w: number; h: number; rot?: number };
  if (kind === "rectangle") return { kind, numbers: [x, y, x + w, y + h] };
  return { kind, numbers: [x + w / 2, y + h / 2, w, h, normalised((rot * 180) / Math.PI)] };
}

class FigureEditor implements Component {
  private readonly body = document.createElementNS(SVG, "path");
  private readonly group = document.createElementNS(SVG, "g");
  private readonly knobs = document.createElementNS(SVG, "g");
  private readonly listeners: Record<string, ((event: CustomEvent) => void)[]> = {};
  private figure: Figure;
  private scale: number;
  private transform: Transform;
  private grabbed: { handle: Handle | null; from: Point; start: Figure } | null = null;

  constructor({ target, props }: { target: Element; props: Record<string, unknown> }) {
    this.figure = (props.shape as Selector).geometry.figure as Figure;
    this.scale = props.viewportScale as number;
    this.transform = props.transform as Transform;
    this.group.setAttribute("class", "a9s-annotation selected ik-figure-editor");
    this.body.setAttribute("class", "a9s-inner a9s-shape-handle");
    this.group.append(this.body, this.knobs);
    this.$set(props);
    target.append(this.group);
    this.group.addEventListener("pointerdown", (event) => this.grab(event));
    this.group.addEventListener("pointermove", (event) => this.drag(event));
    this.group.addEventListener("pointerup", (event) => this.release(event));
    this.group.addEventListener("pointercancel", (event) => this.release(event));
    this.group.addEventListener("dblclick", (event) => this.drop(event));
  }

  $set(props: Record<string, unknown>): void {
    if (props.shape) this.figure = (props.shape as Selector).geometry.figure as Figure;
    if (props.viewportScale) this.scale = props.viewportScale as number;
    if (props.transform) this.transform = props.transform as Transform;
    if (typeof props.computedStyle === "string") this.body.setAttribute("style", props.computedStyle);
    this.draw();
  }

  $$set(props: Record<string, unknown>): void {
    this.$set(props);
  }

  $on(event: string, listener: (event: CustomEvent) => void): () => void {
    (this.listeners[event] ??= []).push(listener);
    return () => (this.listeners[event] = this.listeners[event]!.filter((each) => each !== listener));
  }

  $destroy(): void {
    this.group.remove();
  }

  private tell(event: string, detail: unknown): void {
    this.listeners[event]?.forEach((listener) => listener(new CustomEvent(event, { detail })));
  }

  private draw(): void {
    this.body.setAttribute("d", pathText(this.figure));
    const found = handles(this.figure, GAP / this.scale);
    // In the middle of short stretches there is no room for one.
    const far = 24 / this.scale;
    const shown = found.filter((handle, i) => handle.role !== "middle" || Math.hypot(handle.at[0] - found[i - 1]!.at[0], handle.at[1] - found[i - 1]!.at[1]) > far);
    while (this.knobs.childElementCount < shown.length) {
      const knob = document.createElementNS(SVG, "g");
      for (const name of ["a9s-handle-buffer", "a9s-handle-dot"]) {
        const dot = document.createElementNS(SVG, "circle");
        dot.setAttribute("class", name);
        knob.append(dot);
      }
      this.knobs.append(knob);
    }
    while (this.knobs.childElementCount > shown.length) this.knobs.lastElementChild!.remove();
    shown.forEach((handle, i) => {
      const knob = this.knobs.children[i] as SVGGElement;
      knob.setAttribute("class", `a9s-handle ik-handle-${handle.role}`);
      knob.dataset.handle = `${handle.role} ${handle.index}`;
      [11, handle.role === "middle" ? 3 : 4.5].forEach((radius, j) => {
        const dot = knob.children[j]!;
        dot.setAttribute("cx", String(handle.at[0]));
        dot.setAttribute("cy", String(handle.at[1]));
        dot.setAttribute("r", String(radius / this.scale));
      });
    });
  }

  private handleOf(event: Event): Handle | null {
    const name = (event.target as Element).closest<SVGGElement>("[data-handle]")?.dataset.handle;
    if (!name) return null;
    const [role, index] = name.split(" ");
    return handles(this.figure, GAP / this.scale).find((each) => each.role === role && each.index === Number(index)) ?? null;
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    const handle = this.handleOf(event);
    this.grabbed = { handle, from: this.transform.elementToImage(event.offsetX, event.offsetY), start: this.figure };
    // The knob may be drawn anew while it is dragged; the group stays.
    this.group.setPointerCapture(event.pointerId);
    this.tell("grab", event);
  }

  private drag(event: PointerEvent): void {
    if (!this.grabbed) return;
    const { handle, from, start } = this.grabbed;
    const [x, y] = this.transform.elementToImage(event.offsetX, event.offsetY);
    const delta: Point = [x - from[0], y - from[1]];
    const numbers = handle
      ? dragged(start, handle, [handle.at[0] + delta[0], handle.at[1] + delta[1]], event.shiftKey)
      : moved(start, ...delta);
    this.figure = { kind: start.kind, numbers };
    this.draw();
    this.tell("change", { type: OURS, geometry: { figure: this.figure, bounds: bounds(this.figure) } });
  }

  private release(event: PointerEvent): void {
    if (!this.grabbed) return;
    this.grabbed = null;
    this.tell("release", event);
  }

  /** A double click takes a corner away. */
  private drop(event: Event): void {
    const handle = this.handleOf(event);
    const numbers = handle?.role === "corner" ? withoutCorner(this.figure, handle.index) : null;
    if (!numbers) return;
    event.stopPropagation();
    this.figure = { kind: this.figure.kind, numbers };
    this.draw();
    this.tell("change", { type: OURS, geometry: { figure: this.figure, bounds: bounds(this.figure) } });
  }
}

registerEditor(OURS as never, FigureEditor as never);

const same = (a: Figure, b: Figure): boolean =>
  a.kind === b.kind && a.numbers.length === b.numbers.length && a.numbers.every((n, i) => Object.is(n, b.numbers[i]));

export interface EditingHost {
  /** A button or finger is down. */
  readonly pressed: boolean;
  /** px of the picture from the top left of the layer. */
  toPicture(at: Point): Point;
  /** The place of a corner or edge nearby while snapping is asked for, else null. */
  catch(at: Point, id: string): Point | null;
  /** It was let go, changed or not. */
  released(id: string, figure: Figure, changed: boolean, event: PointerEvent | null): void;
}

/** The editor of one mark at a time. */
export class Editing {
  readonly group = document.createElementNS(SVG, "g");
  id: string | null = null;
  private figure: Figure | null = null;
  /** As it was when it was taken hold of, and as it was told last. */
  private start: Figure | null = null;
  private told: Figure | null = null;
  private mount: Component | null = null;
  private dragging = false;
  private scale = 1;
  private look = "";

  constructor(private readonly host: EditingHost) {
    this.group.setAttribute("class", "ik-canvas-editor");
  }

  get busy(): boolean {
    return this.dragging;
  }

  open(id: string, figure: Figure, color: string): void {
    if (this.dragging) return;
    const selector = toSelector(figure);
    const look = [id, color, figure.kind, selector.type].join();
    if (this.mount && look === this.look) {
      if (same(figure, this.figure!)) return;
      this.figure = this.start = this.told = figure;
      this.mount.$set({ annotation: this.annotation(selector) });
      return;
    }
    this.close();
    [this.id, this.figure, this.start, this.told, this.look] = [id, figure, figure, figure, look];
    const editor = getEditor(selector as never);
    if (!editor) return;
    this.group.classList.toggle("ik-no-turn", figure.kind === "rectangle");
    this.mount = new (EditorMount as unknown as ComponentClass)({
      target: this.group,
      props: {
        annotation: this.annotation(selector), editor, target: this.group, viewportScale: this.scale,
        style: { fill: color, fillOpacity: 0.15, stroke: color, strokeWidth: 2.5, strokeOpacity: 1 },
        transform: { elementToImage: (x: number, y: number) => this.host.toPicture([x, y]) },
      },
    });
    this.mount.$on("grab", () => {
      this.dragging = true;
      this.start = this.figure;
    });
    this.mount.$on("change", (event) => this.changed(event.detail as Selector));
    this.mount.$on("release", (event) => this.released(event.detail as PointerEvent));
  }

  private annotation(selector: Selector): Record<string, unknown> {
    return { id: this.id, bodies: [], target: { annotation: this.id, selector } };
  }

  private changed(selector: Selector): void {
    const dragged = fromSelector(selector, this.figure!.kind);
    const after = snappedDrag(this.start!, dragged, (at) => this.host.catch(at, this.id!));
    if (after !== dragged) this.mount!.$set({ annotation: this.annotation(toSelector(after)) });
    this.figure = after;
    // Without a grab it was a key or a double click, and done at once; a new corner is dragged on by the same press.
    if (!this.dragging && !this.host.pressed) this.released(null);
  }

  private released(event: PointerEvent | null): void {
    if (event && !this.dragging) return;
    this.dragging = false;
    const [figure, told] = [this.figure!, this.told!];
    this.start = this.told = figure;
    this.host.released(this.id!, figure, !same(figure, told), event);
  }

  /** Where the picture lies now. */
  place([x, y]: Point, scale: number): void {
    this.group.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x} ${y})`);
    if (scale !== this.scale) {
      this.scale = scale;
      this.mount?.$set({ viewportScale: scale });
    }
  }

  /** Give up what is being dragged. */
  cancel(): boolean {
    if (!this.dragging) return false;
    this.dragging = false;
    return true;
  }

  close(): void {
    this.mount?.$destroy();
    this.mount = null;
    this.id = this.figure = null;
    this.dragging = false;
    this.group.replaceChildren();
  }
}
