/** Small pictures, fetched in batches when they come near the window, and kept while there is room. */

import type { Channel } from "./channel";

const BATCH = 48;
const AT_ONCE = 3;
const KEPT = 3000;
/** A lost answer must not hold up the next pictures for ever. */
const PATIENCE_MS = 60_000;

export class Thumbs {
  private readonly urls = new Map<number, string | null>();
  private wanted: number[] = [];
  private readonly asked = new Set<number>();
  private running = 0;
  private scheduled = false;
  private generation = 0;

  /** `arrived` is told of each object whose picture can be shown now. */
  constructor(
    private readonly channel: Pick<Channel, "ask">,
    private readonly arrived: (row: number) => void,
  ) {}

  /** The address of the picture; undefined while it is not there, null where it cannot be read. */
  get(row: number): string | null | undefined {
    return this.urls.get(row);
  }

  /** What is near the window now, most urgent first; older wishes are dropped, as the reader has scrolled on. */
  want(rows: readonly number[]): void {
    this.wanted = rows.filter((row) => !this.urls.has(row) && !this.asked.has(row));
    if (this.wanted.length && !this.scheduled) {
      this.scheduled = true;
      setTimeout(() => {
        this.scheduled = false;
        this.pump();
      }, 20);
    }
  }

  clear(): void {
    for (const url of this.urls.values()) if (url) URL.revokeObjectURL(url);
    this.urls.clear();
    this.asked.clear();
    this.wanted = [];
    this.generation++;
  }

  private pump(): void {
    while (this.running < AT_ONCE && this.wanted.length) {
      const rows = this.wanted.splice(0, BATCH);
      for (const row of rows) this.asked.add(row);
      void this.fetch(rows);
    }
  }

  private async fetch(rows: number[]): Promise<void> {
    this.running++;
    const generation = this.generation;
    try {
      const { value, buffers } = await this.channel.ask<{ rows: (number | null)[]; type: string }>("thumbs", { rows }, [], PATIENCE_MS);
      if (generation !== this.generation) return;
      const sent = new Map(value.rows.map((row, i) => [row, buffers[i]!]));
      for (const row of rows) {
        const data = sent.get(row);
        this.urls.set(row, data ? URL.createObjectURL(new Blob([data as unknown as BlobPart], { type: value.type })) : null);
        this.arrived(row);
      }
      this.forget();
    } catch {
      // The kernel is busy or gone; the pictures are asked for again when the window next moves.
    } finally {
      for (const row of rows) this.asked.delete(row);
      this.running--;
      this.pump();
    }
  }

  private forget(): void {
    for (const [row, url] of this.urls) {
      if (this.urls.size <= KEPT) break;
      if (url) URL.revokeObjectURL(url);
      this.urls.delete(row);
    }
  }
}
