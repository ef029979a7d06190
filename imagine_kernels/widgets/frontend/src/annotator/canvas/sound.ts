/** Plays a recording: pieces are fetched ahead and put one after the other; slower is lower. */
import type { SoundView } from "../protocol";
import type { Source } from "../surface";
import type { Player, PlayerHost } from "./video";
import { readWav, type Sound } from "./wav";

/** s of the recording in the first piece, so that it begins soon, and in the others. */
const FIRST_S = 2;
const PIECE_S = 10;
/** s of listening that are to be at hand. */
const AHEAD_S = 6;
/** Rates that every browser can hold in a buffer; others are told as one of these and played faster or slower. */
const LOWEST_HZ = 8000;
const HIGHEST_HZ = 96000;

export interface Span {
  from: number;
  to: number;
  band: [number, number] | null;
}

/** How a buffer has to be declared and played so that it runs `rate` times as fast as it was recorded. */
export function declared(sampleRate: number, rate: number): { bufferHz: number; playbackRate: number } {
  const bufferHz = Math.min(HIGHEST_HZ, Math.max(LOWEST_HZ, sampleRate));
  return { bufferHz, playbackRate: (rate * sampleRate) / bufferHz };
}

/** Time and band of a box in s and Hz; the whole band where it has no height, null where it has no width. */
export function spanOf([from, low, to, high]: readonly [number, number, number, number], sound: SoundView): Span | null {
  if (from === to) return null;
  const band: Span["band"] = high > low ? [Math.max(0, low), Math.min(sound.sample_rate_hz / 2, high)] : null;
  return { from: Math.max(0, from), to: Math.min(sound.duration_s, to), band };
}

export class SoundPlayer implements Player {
  timeS = 0;
  playing = false;
  private rate = 1;
  private context: AudioContext | null = null;
  private nodes: AudioBufferSourceNode[] = [];
  private span: Span = { from: 0, to: 0, band: null };
  /** The clock of the sound and the place in the recording, when playing began. */
  private begun: { clock: number; at: number } | null = null;
  private scheduledTo = 0;
  private asking = false;
  private run = 0;
  private handle = 0;

  constructor(
    private readonly view: SoundView,
    private readonly source: Source,
    private readonly host: Pick<PlayerHost, "moved" | "failed">,
  ) {}

  /** From where the cursor is, or the span given. */
  play(rate: number, span: Span | null = null): void {
    const from = span?.from ?? (this.timeS >= this.view.duration_s - 1e-3 ? 0 : this.timeS);
    this.stop();
    this.rate = Math.min(4, Math.max(0.1, rate));
    this.span = span ?? { from, to: this.view.duration_s, band: null };
    this.timeS = this.scheduledTo = from;
    this.context ??= new AudioContext();
    void this.context.resume();
    this.playing = true;
    this.run++;
    this.tick();
  }

  pause(): void {
    if (!this.playing) return;
    this.stop();
    this.host.moved(this.timeS, false);
  }

  seek(timeS: number): void {
    const { playing, rate } = this;
    this.stop();
    this.timeS = Math.min(this.view.duration_s, Math.max(0, timeS));
    if (playing) this.play(rate);
    this.host.moved(this.timeS, this.playing);
  }

  /** A column of the spectrogram is the step. */
  step(columns: number): void {
    this.pause();
    this.seek(this.timeS + columns * this.view.second_per_px);
  }

  private stop(): void {
    this.playing = false;
    this.run++;
    cancelAnimationFrame(this.handle);
    for (const node of this.nodes) node.stop();
    this.nodes = [];
    this.begun = null;
    this.asking = false;
  }

  private tick = (): void => {
    if (!this.playing) return;
    if (this.begun) {
      const at = this.begun.at + (this.context!.currentTime - this.begun.clock) * this.rate;
      this.timeS = Math.min(Math.max(at, this.begun.at), this.scheduledTo, this.span.to);
      if (this.timeS >= this.span.to - 1e-6) {
        this.pause();
        return;
      }
      // Nothing more at hand: begin anew where the next piece does.
      if (at > this.scheduledTo && !this.nodes.length) this.begun = null;
      this.host.moved(this.timeS, true);
    }
    void this.fetch();
    this.handle = requestAnimationFrame(this.tick);
  };

  private async fetch(): Promise<void> {
    if (this.asking || this.scheduledTo >= this.span.to - 1e-9) return;
    if ((this.scheduledTo - this.timeS) / this.rate > AHEAD_S) return;
    this.asking = true;
    const run = this.run;
    const from = this.scheduledTo;
    const to = Math.min(this.span.to, from + (this.begun ? PIECE_S : FIRST_S) * Math.max(this.rate, 0.5));
    try {
      const sound = readWav(await this.source.sound(from, to, this.span.band));
      if (run === this.run) this.schedule(sound, from, to);
    } catch (error) {
      if (run !== this.run) return;
      this.pause();
      this.host.failed(error instanceof Error ? error.message : "The sound cannot be played: try again.");
    } finally {
      if (run === this.run) this.asking = false;
    }
  }

  private schedule(sound: Sound, from: number, to: number): void {
    const context = this.context!;
    const { bufferHz, playbackRate } = declared(sound.sampleRate, this.rate);
    const length = sound.channels[0]?.length ?? 0;
    this.scheduledTo = to;
    this.begun ??= { clock: context.currentTime + 0.03, at: from };
    if (!length) return;
    const buffer = context.createBuffer(sound.channels.length, length, bufferHz);
    sound.channels.forEach((channel, i) => buffer.copyToChannel(channel, i));
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.playbackRate.value = playbackRate;
    node.connect(context.destination);
    const due = this.begun.clock + (from - this.begun.at) / this.rate;
    // Where it comes late, the clock is set so that nothing is left out.
    const start = Math.max(due, context.currentTime);
    if (start > due) this.begun = { clock: start, at: from };
    node.start(start);
    node.onended = () => (this.nodes = this.nodes.filter((each) => each !== node));
    this.nodes.push(node);
  }

  close(): void {
    this.stop();
    void this.context?.close();
    this.context = null;
  }
}
