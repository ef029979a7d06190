/** Things side by side, to be judged many at a time: fetched page by page, relabelled in bulk, taken back in one step. */

import type { Channel } from "../../channel";
import { Selection } from "../../selection";
import { pathKey, labelOf } from "../labels";
import type { GridItem, GridOrder, GridPage, Mark, Status } from "../protocol";
import { annotations, STATUS_WORDS } from "../words";
import { Bulk, type Change, type Outcome, type Row } from "./bulk";

/** Things in a page. */
export const PAGE = 100;
/** To put the likely mistakes first, the model looks at all of them once, ms. */
const PATIENCE_MS = 600_000;

export interface Card {
  item: GridItem;
  /** Address of its picture; "" where the file is missing. */
  url: string;
}

export interface Asked {
  /** null is every label, [] what has none. */
  path: string[] | null;
  order: GridOrder;
  status: Status | "";
}

interface Step {
  words: string;
  relabelled: boolean;
  changes: Change[];
  /** How it is done once more. */
  again: () => Promise<Outcome>;
  order: number[];
}

interface Given {
  channel: Pick<Channel, "ask">;
  changed(): void;
  /** Said at the foot and to screen readers. */
  say(text: string, kind: "good" | "bad"): void;
  words(error: unknown): string;
  picture?(bytes: DataView): string;
  drop?(url: string): void;
}

export class Gallery {
  asked: Asked = { path: null, order: "mistakes", status: "" };
  /** By row; a row is a number of its own that stays while the order changes. */
  readonly cards = new Map<number, Card>();
  private readonly known = new Set<string>();
  order: number[] = [];
  count = 0;
  error = "";
  loading = false;
  /** A change is on its way: the next one waits for it. */
  busy = "";
  readonly selection = new Selection();
  private done: Step[] = [];
  private undone: Step[] = [];
  private next: number | null = null;
  private round = 0;
  private row = 0;
  private filling: Promise<void> | null = null;
  private wanted = 0;
  private readonly bulk: Bulk;

  constructor(private readonly given: Given) {
    this.bulk = new Bulk(given.channel);
  }

  /** Begin again with another choice, or with the same to see what is new. */
  async show(change: Partial<Asked> = {}): Promise<void> {
    this.asked = { ...this.asked, ...change };
    const round = ++this.round;
    this.clear();
    this.loading = true;
    this.given.changed();
    await this.fetch(round, 0);
    if (round !== this.round) return;
    this.loading = false;
    this.given.changed();
  }

  /** Forget everything, pictures too. */
  clear(): void {
    const drop = this.given.drop ?? URL.revokeObjectURL;
    for (const { url } of this.cards.values()) if (url) drop(url);
    this.cards.clear();
    this.known.clear();
    this.order = [];
    this.count = 0;
    this.next = null;
    this.wanted = 0;
    this.error = "";
    this.done = [];
    this.undone = [];
    this.selection.clear();
    this.selection.focus = null;
  }

  /** See to it that the place is there. */
  async ensure(place: number): Promise<void> {
    this.wanted = Math.max(this.wanted, place);
    this.filling ??= this.fill().finally(() => (this.filling = null));
    await this.filling;
  }

  get complete(): boolean {
    return this.next === null;
  }

  at(place: number): Card | undefined {
    return this.cards.get(this.order[place]!);
  }

  /** What a command acts on. */
  get targets(): number[] {
    return this.selection.targets(this.order);
  }

  get nextUndo(): string | null {
    return this.done.at(-1)?.words ?? null;
  }

  get nextRedo(): string | null {
    return this.undone.at(-1)?.words ?? null;
  }

  /** Give the label to all that are chosen; a person has said so. */
  relabel(path: string[]): Promise<void> {
    const rows = this.targets;
    return this.carryOut(`${annotations(rows.length)}, ${labelOf(path)}`, true, rows, () => this.bulk.relabel(this.items(rows), path));
  }

  /** Say of all that are chosen how sure it is. */
  judge(status: Status): Promise<void> {
    const all = this.targets;
    const rows = this.items(all).filter(({ id, path }) => id !== null && (status === "discarded" || path.length > 0)).map(({ row }) => row);
    const left = all.length - rows.length;
    if (all.length && !rows.length) {
      this.given.say(status === "discarded" ? "Nothing is marked there, so there is nothing to discard" : "Give it a label first", "bad");
      return Promise.resolve();
    }
    const words = `${annotations(rows.length)} ${STATUS_WORDS[status]}${left ? `; ${left} without a label left out` : ""}`;
    return this.carryOut(words, false, rows, () => this.bulk.judge(this.items(rows), status));
  }

  async undo(): Promise<void> {
    const step = this.done.at(-1);
    if (!step || this.busy) return;
    await this.work("Undoing", async () => {
      const outcome = await this.bulk.takeBack(step.changes.map((change) => this.now(change)), step.relabelled);
      this.done.pop();
      this.apply(outcome);
      if (outcome.changes.length) this.undone.push(step);
      // Each stands again where it was.
      const back = new Set([...this.order, ...outcome.changes.map(({ row }) => row)]);
      this.order = [...new Set([...step.order.filter((row) => back.has(row)), ...this.order])];
      this.count = Math.max(this.count, this.order.length);
      this.selection.set(outcome.changes.map(({ row }) => row));
      this.tellOf(`Undone: ${step.words}`, outcome);
    });
  }

  async redo(): Promise<void> {
    const step = this.undone.at(-1);
    if (!step || this.busy) return;
    await this.work("Doing it again", async () => {
      const outcome = await step.again();
      this.undone.pop();
      this.apply(outcome);
      if (outcome.changes.length) this.done.push({ ...step, changes: outcome.changes });
      this.leave(outcome);
      this.tellOf(`Done again: ${step.words}`, outcome);
    });
  }

  /** Take in marks as they are now, whoever has changed them. */
  fold(marks: readonly Mark[]): void {
    const byId = new Map(marks.map((mark) => [mark.id, mark]));
    let different = false;
    for (const card of this.cards.values()) {
      const mark = card.item.id === null ? undefined : byId.get(card.item.id);
      if (!mark || mark.version <= card.item.version) continue;
      const now = { ...card.item, version: mark.version, path: mark.labels[0]?.path ?? [], status: mark.status };
      card.item = { ...now, own: ownOf(now, card.item) };
      different = true;
    }
    if (different) this.given.changed();
  }

  /** Where it still is as the change has made it, its version of now counts; where somebody else has changed it since, theirs stays. */
  private now(change: Change): Change {
    const item = this.cards.get(change.row)?.item;
    const same = item && item.id === change.after.id && item.status === change.after.status && pathKey(item.path) === pathKey(change.after.path);
    return same ? { ...change, after: { ...change.after, version: item.version } } : change;
  }

  /** As they are now: their versions count. */
  private items(rows: readonly number[]): Row[] {
    return rows.filter((row) => this.cards.has(row)).map((row) => ({ ...this.cards.get(row)!.item, row }));
  }

  private async carryOut(words: string, relabelled: boolean, rows: readonly number[], does: () => Promise<Outcome>): Promise<void> {
    if (!rows.length) return this.given.say("Choose at least one first", "bad");
    if (this.busy) return this.given.say("The change before is still on its way", "bad");
    await this.work("Saving", async () => {
      const order = this.order;
      const outcome = await does();
      this.apply(outcome);
      if (outcome.changes.length) {
        this.done.push({ words, relabelled, changes: outcome.changes, again: does, order });
        this.undone = [];
      }
      this.leave(outcome);
      this.tellOf(words, outcome);
    });
  }

  private async work(busy: string, does: () => Promise<void>): Promise<void> {
    this.busy = busy;
    this.given.changed();
    try {
      await does();
    } catch (error) {
      this.given.say(this.given.words(error), "bad");
    }
    this.busy = "";
    this.given.changed();
  }

  private apply(outcome: Outcome): void {
    for (const { row, after } of [...outcome.changes, ...outcome.others]) {
      const card = this.cards.get(row);
      if (card) card.item = { ...after, own: ownOf(after, card.item) };
    }
  }

  /** What no longer belongs to what is shown goes; the others move up. */
  private leave(outcome: Outcome): void {
    const before = this.order;
    const gone = new Set([...outcome.changes, ...outcome.others].filter(({ after }) => !this.belongs(after)).map(({ row }) => row));
    this.order = before.filter((row) => !gone.has(row));
    this.count = Math.max(this.order.length, this.count - gone.size);
    this.selection.settle(before, this.order);
    if (!gone.size) this.selection.clear();
  }

  private belongs({ path, status }: GridItem): boolean {
    const { path: wanted, status: only } = this.asked;
    if (only && status !== only) return false;
    if (wanted === null) return true;
    return wanted.length ? wanted.every((name, i) => path[i] === name) : !path.length;
  }

  private tellOf(words: string, { changes, others, refused }: Outcome): void {
    const said = [changes.length || !(others.length || refused.length) ? words : ""];
    if (others.length) said.push(`${annotations(others.length)} changed by somebody else meanwhile: it stays as they have it`);
    if (refused.length) said.push(refused.length > 1 ? `${refused.length} were not accepted: ${refused[0]}` : refused[0]!);
    this.given.say(said.filter(Boolean).join("; "), others.length || refused.length ? "bad" : "good");
  }

  private async fill(): Promise<void> {
    const round = this.round;
    while (this.order.length <= this.wanted && this.next !== null && !this.error && round === this.round) await this.fetch(round, this.next);
  }

  private async fetch(round: number, after: number): Promise<void> {
    const { path, order, status } = this.asked;
    try {
      const { value, buffers } = await this.given.channel.ask<GridPage>("grid", { path, order, ...(status ? { statuses: [status] } : {}), after: after || null, limit: PAGE }, [], PATIENCE_MS);
      if (round !== this.round) return;
      const picture = this.given.picture ?? pictureOf;
      value.items.forEach((item, i) => {
        // The list may have moved between two pages.
        const key = item.id ?? `medium ${item.medium}`;
        if (this.known.has(key)) return;
        this.known.add(key);
        const bytes = buffers[i];
        this.cards.set(this.row, { item, url: bytes?.byteLength ? picture(bytes) : "" });
        this.order.push(this.row++);
      });
      this.next = value.next;
      this.count = this.next === null ? this.order.length : Math.max(value.count, this.order.length);
    } catch (error) {
      if (round !== this.round) return;
      this.error = this.given.words(error);
    }
    this.given.changed();
  }
}

function pictureOf(bytes: DataView): string {
  return URL.createObjectURL(new Blob([bytes as unknown as BlobPart], { type: "image/webp" }));
}

/** What the model gives the label that it has now, as far as that was said before. */
function ownOf(now: GridItem, before: GridItem): number | null {
  if (pathKey(now.path) === pathKey(before.path)) return before.own;
  return before.suggestions.find((each) => pathKey(each.path) === pathKey(now.path))?.probability ?? null;
}
