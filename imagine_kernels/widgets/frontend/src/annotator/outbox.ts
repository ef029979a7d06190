/** Edits on their way to the server: in order, kept until it has them, sent again where no answer came, never lost. */

import { NoAnswer } from "../channel";
import type { Queue } from "./desk";
import { PARTS, partsOf, type Part } from "./marks";
import type { Conflict, Edit, Written } from "./protocol";
import type { Entry, Held, Shelf } from "./shelf";

/** Most edits in one question. */
export const BATCH = 200;
const WAIT_MS = [1000, 2000, 4000, 8000, 15_000];

export type OutboxState =
  | { kind: "saved" }
  | { kind: "saving"; n: number }
  | { kind: "offline"; n: number; kept: boolean }
  | { kind: "trouble"; n: number; kept: boolean; sentence: string };

export interface HeldEdit extends Held {
  id: string;
  edit: Edit;
}

interface Given {
  shelf: Shelf;
  /** Asks the server; rejects with `NoAnswer` where none came, with another error where it will not. */
  write(edits: Edit[]): Promise<Written>;
  /** Told for each edit that the server has now, before `changed`. */
  saved(edit: Edit, version: number): void;
  /** Something of those ids has come, gone, or is held. */
  changed(ids: string[]): void;
}

export class Outbox implements Queue {
  private entries: Entry[] = [];
  private order = 0;
  private sending = 0;
  private online = true;
  private kept = true;
  private failures = 0;
  private trouble = "";
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(private readonly given: Given) {
    this.kept = given.shelf.lasting;
  }

  /** Take up what an earlier page has left. */
  async begin(): Promise<number> {
    const found = await this.given.shelf.load().catch(() => []);
    const known = new Set(this.entries.map(({ key }) => key));
    this.entries = [...found.filter(({ key }) => !known.has(key)), ...this.entries];
    this.order = Math.max(this.order, ...found.map(({ order }) => order + 1));
    this.tell(found.map(({ edit }) => edit.id));
    this.flush();
    return found.length;
  }

  add(edits: readonly Edit[]): void {
    const put: Entry[] = [];
    for (const edit of edits) {
      const held = this.entries.find((entry) => entry.held && entry.edit.id === edit.id);
      if (held) {
        // It waits for a decision: what is done meanwhile joins it.
        held.edit = { ...held.edit, ...partsOf(edit) };
        put.push(held);
      } else {
        const entry = { key: edit.key, order: this.order++, edit, held: null };
        this.entries.push(entry);
        put.push(entry);
      }
    }
    this.keep(put, []);
    this.tell([]);
    this.later(0);
  }

  of(id: string): readonly Edit[] {
    return this.entries.filter(({ edit }) => edit.id === id).map(({ edit }) => edit);
  }

  ids(medium: string): readonly string[] {
    return this.entries.filter(({ edit }) => edit.medium === medium).map(({ edit }) => edit.id);
  }

  get held(): HeldEdit[] {
    return this.entries.filter((entry) => entry.held).map(({ edit, held }) => ({ id: edit.id, edit, ...held! }));
  }

  get waiting(): number {
    return this.entries.filter((entry) => !entry.held).length;
  }

  get state(): OutboxState {
    const n = this.waiting;
    if (!n) return { kind: "saved" };
    if (!this.online) return { kind: "offline", n, kept: this.kept };
    if (this.trouble) return { kind: "trouble", n, kept: this.kept, sentence: this.trouble };
    return { kind: "saving", n };
  }

  /** Whether closing the page would lose something. */
  get mayBeLost(): boolean {
    return !this.kept && this.entries.length > 0;
  }

  /** The connection has gone or come back. */
  connected(open: boolean): void {
    if (!open) {
      // Whatever is on its way may never be answered; its keys let it be sent again.
      this.sending++;
      this.online = false;
      this.busy = false;
      this.stopTimer();
    } else {
      this.online = true;
      this.failures = 0;
      this.flush();
    }
    this.tell([]);
  }

  /** Of a conflict: which of our parts to write over theirs; all others stay as theirs. */
  settle(id: string, mine: readonly Part[]): void {
    const entry = this.entries.find((each) => each.held?.kind === "conflict" && each.edit.id === id);
    if (!entry) return;
    const conflict = entry.held!.conflict!;
    const disputed = new Set(conflict.parts);
    const gone = conflict.theirs?.deleted && !mine.includes("deleted") && disputed.has("deleted");
    const names = gone ? [] : PARTS.filter((name) => entry.edit[name] !== undefined && (mine.includes(name) || !disputed.has(name)));
    const parts = partsOf(entry.edit, names);
    if (!gone && conflict.theirs?.deleted && parts.deleted === undefined && names.length) parts.deleted = false;
    this.replace(entry, names.length ? { id, base: conflict.theirs?.version ?? 0, key: crypto.randomUUID(), ...parts } : null);
  }

  /** Send what was refused once more, with what was corrected since. */
  retry(id: string): void {
    const entry = this.entries.find((each) => each.held?.kind === "refused" && each.edit.id === id);
    if (entry) this.replace(entry, { ...entry.edit, key: crypto.randomUUID() });
  }

  /** Give up what is held of a mark. */
  drop(id: string): void {
    const entry = this.entries.find((each) => each.held && each.edit.id === id);
    if (entry) this.replace(entry, null);
  }

  /** Send now what waits. */
  flush(): void {
    if (this.closed || !this.online || this.busy) return;
    const batch = this.entries.filter((entry) => !entry.held).slice(0, BATCH);
    if (!batch.length) return;
    this.stopTimer();
    void this.send(batch);
  }

  close(): void {
    this.closed = true;
    this.sending++;
    this.stopTimer();
    this.given.shelf.close();
  }

  private busy = false;

  private async send(batch: Entry[]): Promise<void> {
    const round = ++this.sending;
    this.busy = true;
    let through = 0;
    const refused: { entry: Entry; why: string }[] = [];
    try {
      through = await this.ask(batch, round);
    } catch (error) {
      if (round !== this.sending) return;
      if (error instanceof NoAnswer || batch.length === 1) return this.failed(error, round);
      // The server took none of them. Mark by mark it may take the others.
      for (const group of byMark(batch)) {
        try {
          through += await this.ask(group, round);
        } catch (problem) {
          if (round !== this.sending) return;
          if (problem instanceof NoAnswer) return this.failed(problem, round);
          refused.push({ entry: group[0]!, why: words(problem) });
        }
        if (round !== this.sending) return;
      }
      // Where none goes through, it is not the edits.
      if (!through) return this.failed(error, round);
      for (const { entry, why } of refused) this.hold(entry, { kind: "refused", sentence: why, conflict: null });
    }
    if (round !== this.sending) return;
    this.busy = false;
    if (!through) return this.failed(new Error("The server did not say what became of the last edits."), round);
    this.failures = 0;
    this.trouble = "";
    this.tell([]);
    this.flush();
  }

  /** One question; gives of how many edits it is known what became of them. */
  private async ask(batch: Entry[], round: number): Promise<number> {
    const written = await this.given.write(batch.map(({ edit }) => edit));
    if (round !== this.sending) return 0;
    return this.take(batch, written);
  }

  private take(batch: Entry[], written: Written): number {
    const byKey = new Map(batch.map((entry) => [entry.key, entry]));
    const gone: string[] = [];
    const put = new Set<Entry>();
    const touched = new Set<string>();
    for (const { key, version } of written.saved) {
      const entry = byKey.get(key);
      if (!entry) continue;
      gone.push(key);
      touched.add(entry.edit.id);
      this.given.saved(entry.edit, version);
      for (const each of this.entries) {
        if (each.edit.after !== key) continue;
        const { after: _, ...rest } = each.edit;
        each.edit = { ...rest, base: version };
        put.add(each);
      }
    }
    this.entries = this.entries.filter((entry) => !gone.includes(entry.key));
    let known = gone.length;
    const seen = new Set<string>();
    for (const conflict of written.conflicts) {
      const entry = byKey.get(conflict.key);
      // Those that follow the first of a mark are in conflict only because it is.
      if (!entry || seen.has(conflict.id)) continue;
      seen.add(conflict.id);
      known++;
      touched.add(conflict.id);
      if (this.rebased(entry, conflict)) put.add(entry);
      else this.hold(entry, { kind: "conflict", sentence: conflict.sentence, conflict: whole(conflict, entry.edit) });
    }
    for (const { key, id, why } of written.refused) {
      const entry = byKey.get(key);
      if (!entry || seen.has(id)) continue;
      seen.add(id);
      known++;
      touched.add(id);
      this.hold(entry, { kind: "refused", sentence: why, conflict: null });
    }
    this.keep([...put].filter((entry) => this.entries.includes(entry)), gone);
    this.tell([...touched]);
    return known;
  }

  /** Somebody else has changed other parts than we: ours goes on top of theirs. */
  private rebased(entry: Entry, conflict: Conflict): boolean {
    if (conflict.parts.length || !conflict.theirs || (conflict.theirs.deleted && entry.edit.deleted !== true)) return false;
    const { after: _, ...rest } = entry.edit;
    entry.edit = { ...rest, base: conflict.theirs.version };
    return true;
  }

  /** Set aside all edits of a mark, as one, until the person has decided. */
  private hold(first: Entry, held: Held): void {
    const all = this.entries.filter(({ edit }) => edit.id === first.edit.id);
    const edit = all.reduce((joined, each) => ({ ...joined, ...partsOf(each.edit) }), first.edit);
    const entry: Entry = { ...first, edit, held };
    const others = all.map(({ key }) => key).filter((key) => key !== first.key);
    this.entries = this.entries.filter(({ edit: each }) => each.id !== first.edit.id).concat(entry);
    this.keep([entry], others);
    this.tell([first.edit.id]);
  }

  private replace(entry: Entry, edit: Edit | null): void {
    const next: Entry | null = edit && { key: edit.key, order: this.order++, edit, held: null };
    this.entries = this.entries.filter((each) => each !== entry).concat(next ?? []);
    this.keep(next ? [next] : [], [entry.key]);
    this.tell([entry.edit.id]);
    this.later(0);
  }

  private failed(error: unknown, round: number): void {
    if (round !== this.sending) return;
    this.busy = false;
    const silent = error instanceof NoAnswer;
    this.trouble = silent ? "The server does not answer." : words(error);
    const wait = WAIT_MS[Math.min(this.failures++, WAIT_MS.length - 1)]!;
    this.tell([]);
    this.later(wait);
  }

  private keep(put: readonly Entry[], gone: readonly string[]): void {
    const { shelf } = this.given;
    const work = put.length ? shelf.put(put) : Promise.resolve();
    work
      .then(() => (gone.length ? shelf.remove(gone) : undefined))
      .catch(() => {
        this.kept = false;
        this.tell([]);
      });
  }

  private later(ms: number): void {
    if (this.closed || this.busy) return;
    this.stopTimer();
    this.timer = setTimeout(() => this.flush(), ms);
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private tell(ids: string[]): void {
    if (!this.closed) this.given.changed([...new Set(ids)]);
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function byMark(batch: readonly Entry[]): Entry[][] {
  const groups = new Map<string, Entry[]>();
  for (const entry of batch) groups.set(entry.edit.id, [...(groups.get(entry.edit.id) ?? []), entry]);
  return [...groups.values()];
}

/** That it was deleted is in dispute too where the other one has changed something else. */
function whole(conflict: Conflict, edit: Edit): Conflict {
  const deleted = conflict.theirs?.deleted && edit.deleted !== true && !conflict.parts.includes("deleted");
  return deleted ? { ...conflict, parts: [...conflict.parts, "deleted"] } : conflict;
}
