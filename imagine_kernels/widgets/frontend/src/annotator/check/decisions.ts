/** What is in doubt, page by page, and what was decided, so that it can be taken back. */

import type { Channel } from "../../channel";
import { labelOf } from "../labels";
import type { Edit, Mark, Written } from "../protocol";
import { alternatives, type Alternative } from "./words";
import type { Doubt, DoubtsPage, Settled } from "./protocol";

export const PAGE = 100;
const PATIENCE_MS = 300_000;

export interface Decision {
  doubt: Doubt;
  words: string;
  chosen: Alternative | null;
  path: string[] | undefined;
  before: Mark[];
}

interface Given {
  channel: Pick<Channel, "ask">;
  question: () => Record<string, unknown>;
  changed: () => void;
}

export class Decisions {
  items: Doubt[] = [];
  /** How many there are in all, beyond doubt, and in the project already. */
  total = 0;
  sure = 0;
  written = 0;
  at = -1;
  loaded = false;
  /** What was decided of each. */
  readonly decided = new Map<Doubt, string>();
  private done: Decision[] = [];
  private undone: Decision[] = [];
  private next: number | null = null;
  private round = 0;
  private filling: Promise<void> | null = null;

  constructor(private readonly given: Given) {}

  get open(): number {
    return this.total - this.decided.size;
  }

  get nextUndo(): Decision | null {
    return this.done.at(-1) ?? null;
  }

  /** Forget the list; what was decided can still be taken back. */
  clear(): void {
    this.round++;
    this.items = [];
    this.total = this.sure = this.written = 0;
    this.at = -1;
    this.loaded = false;
    this.next = null;
    this.decided.clear();
  }

  /** Forget everything: another project is open. */
  forget(): void {
    this.clear();
    this.done = [];
    this.undone = [];
  }

  /** Where the marks of a doubt are in the list now; -1 where they are not. */
  rowOf({ medium, ids }: Doubt): number {
    const wanted = Object.values(ids).sort().join();
    return this.items.findIndex((each) => each.medium === medium && Object.values(each.ids).sort().join() === wanted);
  }

  /** Look for doubts anew. */
  async load(): Promise<void> {
    this.clear();
    await this.fetch(null);
    this.loaded = true;
    this.given.changed();
  }

  /** See to it that some more than that many are there. */
  async ensure(row: number): Promise<void> {
    if (this.next === null || row + PAGE / 2 < this.items.length) return;
    this.filling ??= this.fetch(this.next).finally(() => (this.filling = null));
    await this.filling;
  }

  /** The next row after that which is not decided, from the begin where there is none below; -1 where all are. */
  following(row: number): number {
    const open = this.items.map((_, i) => i).filter((i) => !this.decided.has(this.items[i]!));
    return open.find((i) => i > row) ?? open[0] ?? -1;
  }

  async settle(doubt: Doubt, chosen: Alternative | null, path?: string[]): Promise<Decision> {
    const done = await this.carryOut(doubt, chosen, path);
    this.done.push(done);
    this.undone = [];
    return done;
  }

  /** Set the marks back to what they were; null where nothing was decided. */
  async undo(): Promise<Decision | null> {
    const step = this.done.at(-1);
    if (!step) return null;
    const { doubt } = step;
    const edits = step.before.map(({ id, status, labels, attributes }): Edit => ({ id, base: doubt.versions[id]!, key: crypto.randomUUID(), status, labels, attributes }));
    const { value } = await this.given.channel.ask<Written>("write", { edits }, [], PATIENCE_MS);
    this.take(doubt, value);
    this.done.pop();
    this.undone.push(step);
    this.decided.delete(doubt);
    return step;
  }

  async redo(): Promise<Decision | null> {
    const step = this.undone.at(-1);
    if (!step) return null;
    const again = await this.carryOut(step.doubt, step.chosen, step.path);
    this.undone.pop();
    this.done.push(again);
    return again;
  }

  private async carryOut(doubt: Doubt, chosen: Alternative | null, path: string[] | undefined): Promise<Decision> {
    const ids = alternatives(doubt).map(({ id }) => id);
    const given = { medium: doubt.medium, ids, keep: chosen?.id ?? null, versions: { ...doubt.versions }, ...(path ? { path } : {}) };
    const { value } = await this.given.channel.ask<Settled>("settle", given, [], PATIENCE_MS);
    this.take(doubt, value);
    const words = chosen ? `Kept: ${labelOf(path ?? chosen.path)}, ${chosen.person}` : "Kept none of them";
    this.decided.set(doubt, words);
    return { doubt, words, chosen, path, before: value.before };
  }

  private take(doubt: Doubt, written: Written): void {
    for (const { id, version } of written.saved) doubt.versions[id] = version;
    const wrong = written.conflicts[0]?.sentence ?? written.refused[0]?.why;
    if (wrong) throw new Error(wrong);
  }

  private async fetch(after: number | null): Promise<void> {
    const { round } = this;
    const { value } = await this.given.channel.ask<DoubtsPage>("doubts", { ...this.given.question(), after, limit: PAGE }, [], PATIENCE_MS);
    if (round !== this.round) return;
    this.items = [...this.items, ...value.items];
    this.next = value.next;
    [this.total, this.sure, this.written] = [value.count, value.sure, value.written_before];
    this.given.changed();
  }
}
