/** All annotations of the project that fit a filter, fetched page by page. */

import type { Mark, Status } from "../protocol";

export interface Filter {
  label: string[] | null;
  status: Status | "";
  author: string;
  /** Days, as the browser writes them: 2026-11-23. */
  since: string;
  until: string;
  /** In percent; "" where it does not matter. */
  least: string;
  most: string;
  medium: string;
}

export const NO_FILTER: Filter = { label: null, status: "", author: "", since: "", until: "", least: "", most: "", medium: "" };
export const PAGE = 200;

type Place = [number, number];

export interface MarksPage {
  marks: Mark[];
  next: Place | null;
  /** Only with the first page. */
  count: number | null;
}

export class Listing {
  filter: Filter = NO_FILTER;
  rows: Mark[] = [];
  count = 0;
  error = "";
  loading = false;
  /** Those whose labels were seen: people and models. */
  readonly authors = new Set<string>();
  private next: Place | null = null;
  private round = 0;
  private filling: Promise<void> | null = null;
  private wanted = 0;

  constructor(
    readonly ask: (given: Record<string, unknown>) => Promise<MarksPage>,
    private readonly changed: () => void,
    private readonly words: (error: unknown) => string,
  ) {}

  async show(change: Partial<Filter> = {}): Promise<void> {
    this.filter = { ...this.filter, ...change };
    const round = ++this.round;
    this.rows = [];
    this.next = null;
    this.count = this.wanted = 0;
    this.loading = true;
    this.changed();
    await this.fetch(round, null);
    if (round !== this.round) return;
    this.loading = false;
    this.changed();
  }

  async ensure(index: number): Promise<void> {
    this.wanted = Math.max(this.wanted, index);
    this.filling ??= this.fill().finally(() => (this.filling = null));
    await this.filling;
  }

  get filtered(): boolean {
    return (Object.keys(NO_FILTER) as (keyof Filter)[]).some((name) => (this.filter[name] ?? "") !== (NO_FILTER[name] ?? ""));
  }

  private async fill(): Promise<void> {
    const round = this.round;
    while (this.rows.length <= this.wanted && this.next !== null && !this.error && round === this.round) await this.fetch(round, this.next);
  }

  private async fetch(round: number, after: Place | null): Promise<void> {
    this.error = "";
    try {
      const page = await this.ask({ ...asked(this.filter), after, limit: PAGE });
      if (round !== this.round) return;
      this.rows = [...this.rows, ...page.marks];
      for (const { labels } of page.marks) if (labels[0]?.annotator) this.authors.add(labels[0].annotator);
      this.next = page.marks.length ? page.next : null;
      if (page.count !== null) this.count = page.count;
      if (this.next === null) this.count = this.rows.length;
    } catch (error) {
      if (round !== this.round) return;
      this.error = this.words(error);
    }
    this.changed();
  }
}

/** The filter as the kernel has it: from the begin of the first day to the end of the last, in UTC. */
export function asked(filter: Filter): Record<string, unknown> {
  const { label, status, author, since, until, least, most, medium } = filter;
  const [low, high] = [part(least), part(most)];
  return {
    ...(label ? { label } : {}),
    ...(status ? { statuses: [status] } : {}),
    ...(author ? { authors: [author] } : {}),
    ...(since ? { since: `${since}T00:00:00.000+00:00` } : {}),
    ...(until ? { until: `${until}T23:59:59.999+00:00` } : {}),
    ...(low !== null || high !== null ? { confidence: [low ?? 0, high ?? 1] } : {}),
    ...(medium.trim() ? { medium: medium.trim() } : {}),
  };
}

function part(percent: string): number | null {
  const value = Number(percent);
  return percent.trim() === "" || !Number.isFinite(value) ? null : Math.max(0, Math.min(100, value)) / 100;
}
