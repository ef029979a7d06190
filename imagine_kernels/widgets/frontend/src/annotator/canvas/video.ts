/** Frames of a video: fetched ahead in batches, shown in time; where they come too late, frames are left out. */
import type { VideoView } from "../protocol";
import type { Source } from "../surface";

const BATCH = 12;
/** Decoded frames that are kept, in px altogether (4 bytes each). */
const KEPT_PX = 96e6;

export interface PlayerHost {
  show(bitmap: ImageBitmap): void;
  moved(timeS: number, playing: boolean): void;
  failed(sentence: string): void;
  /** The longest side that is worth fetching, in px. */
  side(): number;
}

export interface Player {
  readonly timeS: number;
  readonly playing: boolean;
  play(rate: number): void;
  pause(): void;
  seek(timeS: number): void;
  step(frames: number): void;
  close(): void;
}

/** A few sizes only, so that zooming a little fetches nothing. */
export function sideFor(wanted: number, longest: number): number {
  const sizes = [480, 960, 1440, 1920, 2880, 3840, 7680].filter((each) => each < longest);
  return sizes.find((each) => each >= wanted) ?? longest;
}

/** Where a batch begins that brings frame `at` next, or null where enough is there: `has` tells of frames at hand or asked for. */
export function nextBatch(at: number, ahead: number, frames: number, has: (frame: number) => boolean): { first: number; n: number } | null {
  for (let first = Math.max(0, at); first < Math.min(frames, at + ahead); first++) {
    if (has(first)) continue;
    let n = 1;
    while (n < BATCH && first + n < frames && !has(first + n)) n++;
    return { first, n };
  }
  return null;
}

export class VideoPlayer implements Player {
  playing = false;
  private frame = 0;
  private rate = 1;
  private begun = { at: 0, frame: 0 };
  private readonly bitmaps = new Map<number, { bitmap: ImageBitmap; side: number }>();
  private readonly times = new Map<number, number>();
  private readonly asked = new Set<number>();
  private handle = 0;
  private closed = false;
  private shown: ImageBitmap | null = null;
  /** s from asking to having, of the last batches. */
  private delay = 0.2;

  constructor(
    private readonly view: VideoView,
    private readonly source: Source,
    private readonly host: PlayerHost,
  ) {}

  get timeS(): number {
    return this.times.get(this.frame) ?? this.frame / this.view.frame_rate_hz;
  }

  private get last(): number {
    return Math.max(0, this.view.n_frames - 1);
  }

  play(rate: number): void {
    if (this.frame >= this.last) this.frame = 0;
    this.rate = rate;
    this.begun = { at: performance.now(), frame: this.frame };
    if (this.playing) return;
    this.playing = true;
    this.tick();
  }

  pause(): void {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.handle);
    this.host.moved(this.timeS, false);
    this.refresh();
  }

  seek(timeS: number): void {
    const guess = Math.round(timeS * this.view.frame_rate_hz);
    // Where the frames do not come evenly, one nearby may be nearer.
    const near = [...this.times].filter(([frame]) => Math.abs(frame - guess) < 50).map(([frame, time]) => [Math.abs(time - timeS), frame] as const);
    const best = near.sort((a, b) => a[0] - b[0])[0];
    this.goTo(best && best[0] <= 0.51 / this.view.frame_rate_hz ? best[1] : guess);
  }

  step(frames: number): void {
    this.pause();
    this.goTo(this.frame + frames);
  }

  private goTo(frame: number): void {
    this.frame = Math.min(this.last, Math.max(0, frame));
    this.begun = { at: performance.now(), frame: this.frame };
    this.showNow();
    this.fetch();
    this.host.moved(this.timeS, this.playing);
  }

  /** The window has another size or zoom: the frame that stands still may be wanted sharper. */
  refresh(): void {
    if (!this.playing && !this.closed) this.fetch();
  }

  private tick = (): void => {
    if (!this.playing) return;
    const due = this.begun.frame + Math.floor(((performance.now() - this.begun.at) / 1000) * this.view.frame_rate_hz * this.rate);
    const target = Math.min(due, this.last);
    if (target !== this.frame) {
      // The newest that is at hand and due; the time goes on with what is seen.
      let found = target;
      while (found > this.frame && !this.bitmaps.has(found)) found--;
      if (found > this.frame) {
        this.frame = found;
        this.showNow();
        this.host.moved(this.timeS, true);
      } else if (target - this.frame > this.view.frame_rate_hz * this.rate) {
        // Nothing has come for a second: wait there rather than run away.
        this.begun = { at: performance.now(), frame: this.frame };
      }
    }
    this.fetch();
    if (this.frame >= this.last) this.pause();
    else this.handle = requestAnimationFrame(this.tick);
  };

  private showNow(): void {
    const bitmap = this.bitmaps.get(this.frame)?.bitmap;
    if (!bitmap || bitmap === this.shown) return;
    this.shown = bitmap;
    this.host.show(bitmap);
  }

  private fetch(): void {
    if (this.closed) return;
    const side = sideFor(this.host.side(), Math.max(this.view.width, this.view.height));
    const most = this.playing ? 2 : 1;
    while (this.asked.size < most * BATCH) {
      const has = (frame: number) => this.asked.has(frame) || (this.bitmaps.get(frame)?.side ?? 0) >= side;
      const speed = this.view.frame_rate_hz * this.rate;
      const from = this.playing ? this.frame + 1 + (this.bitmaps.has(this.frame + 1) ? 0 : Math.floor(this.delay * speed)) : this.frame;
      // Standing still only this frame and, once it is there, the next few are wanted.
      const next = nextBatch(from, this.playing ? Math.ceil(Math.max(3 * BATCH, speed)) : 4, this.view.n_frames, has);
      if (!next) return;
      if (!this.playing) next.n = Math.min(next.n, has(this.frame) ? 4 : 1);
      this.ask(next.first, next.n, side);
    }
  }

  private ask(first: number, n: number, side: number): void {
    const frames = Array.from({ length: n }, (_, i) => first + i);
    frames.forEach((frame) => this.asked.add(frame));
    const begun = performance.now();
    const done = () => frames.forEach((frame) => this.asked.delete(frame));
    this.source
      .frames(first, n, side)
      .then(async ({ first: given, times, pictures }) => {
        const bitmaps = await Promise.all(pictures.map((picture) => createImageBitmap(picture)));
        done();
        if (this.closed) return bitmaps.forEach((bitmap) => bitmap.close());
        this.delay = 0.7 * this.delay + (0.3 * (performance.now() - begun)) / 1000;
        bitmaps.forEach((bitmap, i) => {
          this.bitmaps.get(given + i)?.bitmap.close();
          this.bitmaps.set(given + i, { bitmap, side });
          if (times[i] !== undefined) this.times.set(given + i, times[i]);
        });
        this.forget();
        if (this.playing) return;
        const before = this.shown;
        this.showNow();
        // Its exact time is known only now.
        if (before !== this.shown) this.host.moved(this.timeS, false);
        this.fetch();
      })
      .catch((error: unknown) => {
        this.pause();
        this.host.failed(error instanceof Error ? error.message : "A frame cannot be shown: try again.");
        // Asked again after a while only, so that a broken file does not keep everybody busy.
        setTimeout(done, 2000);
      });
  }

  /** Frames furthest away go first. */
  private forget(): void {
    const each = [...this.bitmaps.values()][0]!.bitmap;
    const most = Math.max(4 * BATCH, Math.floor(KEPT_PX / (each.width * each.height)));
    const far = (frame: number) => (frame < this.frame ? 3 * (this.frame - frame) : frame - this.frame);
    const order = [...this.bitmaps.keys()].sort((a, b) => far(b) - far(a));
    for (const frame of order.slice(0, Math.max(0, order.length - most))) {
      const { bitmap } = this.bitmaps.get(frame)!;
      if (bitmap === this.shown) continue;
      bitmap.close();
      this.bitmaps.delete(frame);
    }
  }

  close(): void {
    this.playing = false;
    this.closed = true;
    cancelAnimationFrame(this.handle);
    for (const { bitmap } of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
  }
}
