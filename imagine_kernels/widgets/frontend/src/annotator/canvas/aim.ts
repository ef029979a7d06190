/** A pointer for the keyboard: a crosshair that is moved in steps and presses where it is, for every tool that a mouse can use. */
import { distance, type Point } from "./geometry";
import type { Press } from "./glass";
import type { Tool } from "../surface";

export interface AimHost {
  readonly stage: { readonly scale: number; readonly extent: Point; toScreen(at: Point): Point; toPicture(at: Point): Point; panBy(dx: number, dy: number): void };
  readonly tools: { readonly tool: Tool; readonly drawing: boolean; press(press: Press): void; drag(press: Press): void; release(press: Press): void; finish(): void };
  readonly size: Point;
  /** The crosshair is there now, or nowhere. */
  hover(press: Press | null): void;
}

/** Room that is kept between the crosshair and the edge of the window, px of the screen. */
const MARGIN = 24;
/** These are held down from one press to the next; the others are clicks. */
const HELD: readonly Tool[] = ["brush", "eraser"];

export class Aim {
  /** px of the picture; null while there is none. */
  at: Point | null = null;
  private held = false;
  private last: Point | null = null;

  constructor(private readonly host: AimHost) {}

  get on(): boolean {
    return this.at !== null;
  }

  /** Put the crosshair into the middle of what is seen. */
  start(): void {
    const [width, height] = this.host.stage.extent;
    this.at = this.inside(this.host.stage.toPicture([width / 2, height / 2]));
    this.held = false;
    this.last = null;
    this.tell();
  }

  stop(): void {
    if (!this.at) return;
    this.at = null;
    this.held = false;
    this.host.hover(null);
  }

  /** Move it by px of the screen; the picture follows where it would leave the window. */
  moveBy(dx: number, dy: number): void {
    if (!this.at) return;
    const { stage } = this.host;
    this.at = this.inside([this.at[0] + dx / stage.scale, this.at[1] + dy / stage.scale]);
    const [x, y] = stage.toScreen(this.at);
    const [width, height] = stage.extent;
    const beyond = (place: number, most: number) => (place < MARGIN ? place - MARGIN : place > most - MARGIN ? place - most + MARGIN : 0);
    const [panX, panY] = [beyond(x, width), beyond(y, height)];
    if (panX || panY) stage.panBy(panX, panY);
    if (this.held) this.host.tools.drag(this.press());
    this.tell();
  }

  /** Press here: set a corner, choose, take up or put down the brush. A second press at the last corner of a line or polygon ends it. */
  click(): void {
    if (!this.at) return;
    const { tools } = this.host;
    const press = this.press();
    if (HELD.includes(tools.tool)) {
      if (this.held) tools.release(press);
      else tools.press(press);
      this.held = !this.held;
    } else if (tools.drawing && this.last && distance(this.last, this.at) * this.host.stage.scale < 1 && (tools.tool === "line" || tools.tool === "polygon")) {
      this.last = null;
      tools.finish();
    } else {
      this.last = this.at;
      tools.press(press);
      tools.release(press);
    }
    this.tell();
  }

  /** What was begun is given up. */
  lost(): void {
    this.held = false;
    this.last = null;
  }

  /** The window shows another part: the crosshair stays where it is in the picture. */
  viewed(): void {
    if (this.at) this.tell();
  }

  private tell(): void {
    this.host.hover(this.press());
  }

  private press(): Press {
    const at = this.at!;
    return { at, screen: this.host.stage.toScreen(at), shift: false, alt: false, touch: false };
  }

  private inside([x, y]: Point): Point {
    const [width, height] = this.host.size;
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  }
}
