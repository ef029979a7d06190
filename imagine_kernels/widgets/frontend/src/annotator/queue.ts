/** The media of the project, as far as they were asked for: page by page, never all at once. */

import type { MediaPage, MediumShown } from "./protocol";

export interface MediaFilter {
  filter: "all" | "todo" | "reviewed" | "mine";
  text: string;
  label: string[] | null;
}

export const ALL_MEDIA: MediaFilter = { filter: "all", text: "", label: null };
/** Media in a page. */
export const PAGE = 200;
/** Where the list is far behind what is looked at, it asks for more at once. */
const LARGE_PAGE = 2000;

export class MediaQueue {
  rows: MediumShown[] = [];
  total = 0;
  asked: MediaFilter = ALL_MEDIA;
  error = "";
  /** Where in `rows` a medium is. */
  private readonly places = new Map<string, number>();
  private next: string | null = null;
  private wanted = 0;
  private round = 0;
  private running: Promise<void> | null = null;

  constructor(
    private readonly ask: (given: MediaFilter & { after: string | null; limit: number }) => Promise<MediaPage>,
    private readonly changed: () => void,
    private readonly words: (error: unknown) => string,
  ) {}

  /** Begin again with another filter, or with the same to see what is new. */
  async show(filter: Partial<MediaFilter>, least = PAGE): Promise<void> {
    this.asked = { ...this.asked, ...filter };
    const round = ++this.round;
    this.error = "";
    try {
      const page = await this.ask({ ...this.asked, after: null, limit: Math.min(Math.max(PAGE, least), LARGE_PAGE) });
      if (round !== this.round) return;
      this.rows = [];
      this.places.clear();
      this.wanted = 0;
      this.append(page);
    } catch (error) {
      if (round === this.round) this.error = this.words(error);
    }
    this.changed();
  }

  /** See to it that the media up to that index are there. */
  async ensure(index: number): Promise<void> {
    this.wanted = Math.max(this.wanted, Math.min(index, this.total - 1));
    this.running ??= this.fill().finally(() => (this.running = null));
    await this.running;
  }

  indexOf(name: string): number {
    return this.places.get(name) ?? -1;
  }

  get(name: string): MediumShown | undefined {
    return this.rows[this.indexOf(name)];
  }

  /** The medium `step` places on; null where there is none. */
  async beside(name: string | null, step: number): Promise<MediumShown | null> {
    const at = name === null ? -1 : this.indexOf(name);
    const index = at < 0 ? 0 : at + step;
    if (index < 0 || index >= this.total) return null;
    await this.ensure(index);
    return this.rows[index] ?? null;
  }

  /** The next that nobody has looked at, among those that are known and then those that follow. */
  async nextToDo(name: string | null): Promise<MediumShown | null> {
    for (let i = name === null ? 0 : this.indexOf(name) + 1; i < this.total; i++) {
      await this.ensure(i);
      const row = this.rows[i];
      if (!row) return null;
      if (!Object.keys(row.reviewed_by).length) return row;
    }
    return null;
  }

  update(name: string, change: (row: MediumShown) => MediumShown): void {
    const at = this.indexOf(name);
    if (at >= 0) this.rows[at] = change(this.rows[at]!);
  }

  private async fill(): Promise<void> {
    const round = this.round;
    while (this.rows.length <= this.wanted && this.next !== null && round === this.round) {
      const missing = this.wanted - this.rows.length;
      try {
        const page = await this.ask({ ...this.asked, after: this.next, limit: missing > PAGE ? LARGE_PAGE : PAGE });
        if (round !== this.round) return;
        this.append(page);
      } catch (error) {
        this.error = this.words(error);
        this.wanted = 0;
        this.changed();
        return;
      }
      this.changed();
    }
  }

  private append(page: MediaPage): void {
    for (const row of page.media) {
      this.places.set(row.name, this.rows.length);
      this.rows.push(row);
    }
    this.total = Math.max(page.total, this.rows.length);
    this.next = page.media.length ? page.next : null;
    if (this.next === null) this.total = this.rows.length;
  }
}
