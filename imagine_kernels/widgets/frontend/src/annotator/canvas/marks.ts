/** The marks of the medium in px, as they are at the time that is shown, and where they lie. */
import type { Drawn } from "../surface";
import { area, boundingBox, hit, within, type Box, type Figure, type Point } from "./geometry";
import { BoxGrid } from "./grid";
import { at, type Seen } from "./keyframes";
import type { Moments, Units } from "./units";

export interface Entry {
  drawn: Drawn;
  moments: Moments;
  /** Null while there is nothing to be seen of it. */
  figure: Figure | null;
  sort: Seen["sort"];
}

export class Marks {
  readonly entries = new Map<string, Entry>();
  private grid = new BoxGrid(256);
  private timed: Entry[] = [];
  private time = 0;
  private half = 0;

  constructor(
    private readonly units: Units,
    size: [number, number],
  ) {
    this.grid = new BoxGrid(Math.max(16, Math.max(...size) / 64));
  }

  /** Take over all marks; what is the same as before is kept. Whether anything has changed. */
  set(marks: readonly Drawn[]): boolean {
    let changed = false;
    const names = new Set(marks.map((mark) => mark.id));
    for (const id of this.entries.keys())
      if (!names.has(id)) {
        this.entries.delete(id);
        this.grid.delete(id);
        changed = true;
      }
    for (const drawn of marks) {
      const before = this.entries.get(drawn.id);
      if (before && before.drawn.version === drawn.version && before.drawn.shape === drawn.shape) {
        changed ||= before.drawn.color !== drawn.color || before.drawn.dashed !== drawn.dashed || before.drawn.title !== drawn.title;
        before.drawn = drawn;
        continue;
      }
      const entry: Entry = { drawn, moments: this.units.toPx(drawn.shape), figure: null, sort: "key" };
      this.entries.set(drawn.id, entry);
      this.place(entry);
      changed = true;
    }
    if (changed) this.timed = [...this.entries.values()].filter((entry) => entry.moments.frames.length);
    return changed;
  }

  /** Show another shape for a mark, until `set` brings a new one. */
  replace(id: string, moments: Moments): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    // Another object: whatever `set` brings next is taken.
    entry.drawn = { ...entry.drawn, version: NaN };
    entry.moments = moments;
    this.place(entry);
  }

  /** Whether anything looks different at this time. */
  setTime(time: number, half: number): boolean {
    if (this.time === time && this.half === half) return false;
    [this.time, this.half] = [time, half];
    for (const entry of this.timed) this.place(entry);
    return this.timed.length > 0;
  }

  private place(entry: Entry): void {
    const seen = at(entry.moments, this.time, this.half);
    const { kind } = entry.moments;
    entry.figure = seen && kind !== "whole" ? { kind, numbers: seen.numbers } : null;
    entry.sort = seen?.sort ?? "key";
    const box = entry.figure && boundingBox(entry.figure);
    if (box) this.grid.set(entry.drawn.id, box);
    else this.grid.delete(entry.drawn.id);
  }

  box(id: string): Box | null {
    return this.grid.box(id) ?? null;
  }

  /** The box around several; of what is not seen now, where it is at its first keyframe. */
  around(ids: readonly string[]): Box | null {
    const boxes = ids.flatMap((id): Box[] => {
      const moments = this.entries.get(id)?.moments;
      const box = this.box(id) ?? (moments ? boundingBox({ kind: moments.kind, numbers: moments.keyframes[0] ?? [] }) : null);
      return box ? [box] : [];
    });
    if (!boxes.length) return null;
    return boxes.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);
  }

  meeting(box: Box): Entry[] {
    return [...this.grid.meeting(box)].map((id) => this.entries.get(id)!);
  }

  /** The smallest that is at this place: one can lie upon another. */
  at([x, y]: Point, slack: number): Entry | null {
    const found = this.meeting([x - 2 * slack, y - 2 * slack, x + 2 * slack, y + 2 * slack]).filter((entry) => hit(entry.figure!, x, y, slack));
    return found.reduce<Entry | null>((best, entry) => (!best || area(entry.figure!) < area(best.figure!) ? entry : best), null);
  }

  within(box: Box): string[] {
    return this.meeting(box).flatMap((entry) => (within(entry.figure!, box) ? [entry.drawn.id] : []));
  }
}
