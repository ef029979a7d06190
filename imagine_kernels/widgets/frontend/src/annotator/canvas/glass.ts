/**
 * What lies over the picture and follows the pointer: moves and zooms the picture (wheel, two fingers, middle button, space, pan tool)
 * and hands on the rest as presses, moves and releases in px of the picture.
 */
import type { Point } from "./geometry";
import type { Stage } from "./stage";

const SVG = "http://www.w3.org/2000/svg";

export interface Press {
  /** px of the picture. */
  at: Point;
  /** px of the screen. */
  screen: Point;
  shift: boolean;
  alt: boolean;
  touch: boolean;
}

export interface GlassHost {
  readonly stage: Stage;
  /** The pointer moves the picture where nothing else is meant. */
  pans(press: Press): boolean;
  press(press: Press): void;
  drag(press: Press): void;
  release(press: Press): void;
  /** It was no press after all: a second finger came, or the pointer was lost. */
  lost(): void;
  hover(press: Press | null): void;
  double(press: Press): void;
  /** An editor deals with it by itself. */
  owns(target: Element): boolean;
}

export class Glass {
  readonly element = document.createElementNS(SVG, "svg");
  /** As of the last event. */
  alt = false;
  /** A button or finger is down, be it on a handle. */
  pressed = false;
  private readonly fingers = new Map<number, Point>();
  private mode: "idle" | "press" | "pan" | "pinch" | "own" = "idle";
  private pointer = -1;
  private last: Point = [0, 0];
  private space = false;
  private over = false;
  private readonly leaving = new AbortController();

  constructor(private readonly host: GlassHost) {
    const { element } = this;
    element.setAttribute("class", "ik-canvas-glass a9s-annotationlayer");
    // Handles keep their presses to themselves; these two are told of all.
    element.addEventListener("pointerdown", () => this.taken(), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (this.pressed = false), { capture: true });
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.up(event, false));
    element.addEventListener("pointercancel", (event) => this.up(event, true));
    element.addEventListener("pointerenter", () => (this.over = true));
    element.addEventListener("pointerleave", () => {
      this.over = false;
      if (this.mode === "idle") host.hover(null);
    });
    element.addEventListener("dblclick", (event) => {
      if (!this.space) host.double(this.pressOf(event));
    });
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("contextmenu", (event) => {
      // The long press of a finger must not open the menu of the browser.
      if ((event as PointerEvent).pointerType === "touch") event.preventDefault();
    });
    const { signal } = this.leaving;
    document.addEventListener("keydown", (event) => this.key(event, true), { signal });
    document.addEventListener("keyup", (event) => this.key(event, false), { signal });
    window.addEventListener("blur", () => this.setSpace(false), { signal });
  }

  private place(event: MouseEvent): Point {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private pressOf(event: MouseEvent): Press {
    const screen = this.place(event);
    this.alt = event.altKey;
    const touch = (event as PointerEvent).pointerType === "touch";
    return { at: this.host.stage.toPicture(screen), screen, shift: event.shiftKey, alt: event.altKey, touch };
  }

  private key(event: KeyboardEvent, down: boolean): void {
    if (event.key !== " ") return;
    const target = event.composedPath()[0];
    const typing = target instanceof HTMLElement && target.closest("input, textarea, select, button, a, [contenteditable]");
    if (down && (typing || !this.over)) return;
    if (down && this.element.parentElement?.contains(target as Node)) event.preventDefault();
    this.setSpace(down);
  }

  private setSpace(held: boolean): void {
    this.space = held;
    this.element.classList.toggle("ik-panning", held);
  }

  private taken(): void {
    this.pressed = true;
    const around = this.element.parentElement;
    // Who uses a pointer needs no ring that shows where the keys go.
    around?.classList.add("ik-by-pointer");
    around?.addEventListener("blur", () => around.classList.remove("ik-by-pointer"), { once: true });
    around?.focus({ preventScroll: true });
  }

  private down(event: PointerEvent): void {
    const press = this.pressOf(event);
    if (press.touch) {
      this.fingers.set(event.pointerId, press.screen);
      if (this.fingers.size === 2) {
        if (this.mode === "press" || this.mode === "own") this.host.lost();
        this.mode = "pinch";
        return;
      }
      if (this.fingers.size > 2) return;
    } else if (this.mode !== "idle") return;
    if (event.button > 1) return;
    const pan = event.button === 1 || this.space || this.host.pans(press);
    if (!pan && this.host.owns(event.target as Element)) {
      this.mode = "own";
      this.pointer = event.pointerId;
      return;
    }
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.last = press.screen;
    this.mode = pan ? "pan" : "press";
    if (pan) this.element.classList.add("ik-grabbed");
    else this.host.press(press);
  }

  private move(event: PointerEvent): void {
    const press = this.pressOf(event);
    if (this.mode === "pinch") this.pinch(event.pointerId, press.screen);
    else if (this.mode === "pan" && event.pointerId === this.pointer) {
      this.host.stage.panBy(this.last[0] - press.screen[0], this.last[1] - press.screen[1]);
      this.last = press.screen;
    } else if (this.mode === "press" && event.pointerId === this.pointer) {
      // All places in between, so that quick strokes stay round.
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) this.host.drag(this.pressOf(each));
    }
    if (this.mode !== "pinch" && this.mode !== "pan") this.host.hover(press);
  }

  private pinch(id: number, now: Point): void {
    const before = this.fingers.get(id);
    const other = [...this.fingers].find(([each]) => each !== id)?.[1];
    if (!before || !other) return;
    this.fingers.set(id, now);
    const [a, b] = [Math.hypot(before[0] - other[0], before[1] - other[1]), Math.hypot(now[0] - other[0], now[1] - other[1])];
    this.host.stage.panBy((before[0] - now[0]) / 2, (before[1] - now[1]) / 2);
    if (a > 1 && b > 1) this.host.stage.zoomBy(b / a, [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2], true);
  }

  private up(event: PointerEvent, cancelled: boolean): void {
    this.fingers.delete(event.pointerId);
    if (this.mode === "pinch") {
      if (!this.fingers.size) this.mode = "idle";
      return;
    }
    if (event.pointerId !== this.pointer) return;
    const { mode } = this;
    this.mode = "idle";
    this.pointer = -1;
    this.element.classList.remove("ik-grabbed");
    if (mode === "pan") this.host.stage.settle();
    else if (mode === "press" && cancelled) this.host.lost();
    else if (mode === "press") this.host.release(this.pressOf(event));
    if (event.pointerType === "touch") this.host.hover(null);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 400;
    // Two fingers on a touchpad come as a wheel with Ctrl, in small steps.
    const factor = Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0018));
    this.host.stage.zoomBy(Math.min(4, Math.max(0.25, factor)), this.place(event));
  }

  close(): void {
    this.leaving.abort();
  }
}
