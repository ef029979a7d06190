/** What stands around the picture: scale bar, axes of a spectrogram, cursor, crosshair, and the words at the pointer. */
import type { SoundView } from "../protocol";
import type { Point } from "./geometry";
import { clock, hertz, scaleBar, ticks } from "./measure";
import type { Stage } from "./stage";

const WIDEST = 160;

function made<K extends keyof HTMLElementTagNameMap>(tag: K, name: string): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

export class Furniture {
  readonly axes = made("canvas", "ik-canvas-axes");
  readonly cursor = made("div", "ik-canvas-cursor");
  readonly bar = made("div", "ik-canvas-bar");
  readonly tip = made("div", "ik-canvas-tip");
  readonly cross = [made("div", "ik-canvas-cross ik-across"), made("div", "ik-canvas-cross ik-down")] as const;

  constructor() {
    this.tip.hidden = this.cursor.hidden = true;
    for (const each of this.elements) each.setAttribute("aria-hidden", "true");
    this.tip.setAttribute("role", "tooltip");
    this.crosshair(null);
  }

  get elements(): HTMLElement[] {
    return [this.axes, this.cursor, ...this.cross, this.bar, this.tip];
  }

  /** `sound` has axes and a cursor, the others a scale bar. */
  place(stage: Stage, sound: SoundView | null, pixelSizeM: number | null, timeS: number): void {
    this.axes.hidden = !sound;
    this.bar.hidden = sound !== null || !stage.ready;
    if (sound) {
      this.drawAxes(stage, sound);
      this.moveCursor(stage, sound, timeS);
    } else {
      this.cursor.hidden = true;
      const { px, text } = scaleBar(stage.scale, pixelSizeM, WIDEST);
      this.bar.style.width = `${px}px`;
      this.bar.textContent = text;
    }
  }

  moveCursor(stage: Stage, sound: SoundView, timeS: number): void {
    const [x] = stage.toScreen([timeS / sound.second_per_px, 0]);
    this.cursor.hidden = x < 0 || x > stage.extent[0];
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  private drawAxes(stage: Stage, sound: SoundView): void {
    const [width, height] = stage.extent;
    const ratio = devicePixelRatio;
    const { axes } = this;
    if (axes.width !== Math.round(width * ratio) || axes.height !== Math.round(height * ratio))
      [axes.width, axes.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = axes.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const [x0, y0, x1, y1] = stage.box;
    const style = getComputedStyle(axes);
    context.font = `11px ${style.fontFamily}`;
    const label = (text: string, x: number, y: number) => {
      const wide = context.measureText(text).width;
      context.fillStyle = "rgb(0 0 0 / 60%)";
      context.fillRect(x - 3, y - 8, wide + 6, 16);
      context.fillStyle = "#fff";
      context.fillText(text, x, y);
    };
    context.textBaseline = "middle";
    const foot = Math.min(height, stage.toScreen([0, sound.height])[1]);
    const [left, head] = stage.toScreen([0, 0]).map((each) => Math.max(0, each)) as Point;
    const top = sound.height * sound.hertz_per_px;
    const [from, to] = [Math.max(0, x0 * sound.second_per_px), Math.min(sound.duration_s, x1 * sound.second_per_px)];
    const [low, high] = [Math.max(0, top - y1 * sound.hertz_per_px), Math.min(top, top - y0 * sound.hertz_per_px)];
    const times = ticks(from, to, ((to - from) / sound.second_per_px) * stage.scale, 90);
    const pitches = ticks(low, high, foot - head, 40);
    for (const value of times.values) {
      const [x] = stage.toScreen([value / sound.second_per_px, 0]);
      this.tick(context, x, foot - 6, 1, 6);
      const text = clock(value, times.step);
      label(text, Math.min(Math.max(x - context.measureText(text).width / 2, left + 6), width - 50), foot - 15);
    }
    for (const value of pitches.values) {
      const [, y] = stage.toScreen([0, sound.height - value / sound.hertz_per_px]);
      this.tick(context, left, y, 6, 1);
      if (y > 8 && y < foot - 26) label(hertz(value), left + 10, y);
    }
  }

  private tick(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
    context.fillStyle = "rgb(0 0 0 / 60%)";
    context.fillRect(x - 1, y - 1, width + 2, height + 2);
    context.fillStyle = "#fff";
    context.fillRect(x, y, width, height);
  }

  say(text: string, [x, y]: Point, [width, height]: Point): void {
    this.tip.hidden = !text;
    if (!text) return;
    this.tip.textContent = text;
    // On the other side of the pointer where there is no room.
    this.tip.style.transform =
      `translate(${x > width * 0.7 ? `calc(${x - 12}px - 100%)` : `${x + 14}px`}, ${y > height * 0.8 ? `calc(${y - 10}px - 100%)` : `${y + 18}px`})`;
  }

  crosshair(at: Point | null): void {
    const [across, down] = this.cross;
    across.hidden = down.hidden = at === null;
    if (!at) return;
    across.style.transform = `translateY(${at[1]}px)`;
    down.style.transform = `translateX(${at[0]}px)`;
  }
}
