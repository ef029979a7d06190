/** Changes of many things at once, and how they are taken back to what they were before. */

import type { Channel } from "../../channel";
import type { Edit, GridItem, HistoryEvent, LabelGiven, Status, Written } from "../protocol";

/** Most things in one question. */
const AT_ONCE = 200;
/** So many histories are asked for at the same time. */
const HISTORIES = 4;
const PATIENCE_MS = 120_000;

export interface Row extends GridItem {
  row: number;
}

export interface Change {
  row: number;
  before: GridItem;
  after: GridItem;
}

export interface Outcome {
  changes: Change[];
  /** What somebody else has changed meanwhile, as it is now. */
  others: { row: number; after: GridItem }[];
  /** Why the rest was not accepted. */
  refused: string[];
}

export class Bulk {
  constructor(private readonly channel: Pick<Channel, "ask">) {}

  /** Give a label; a medium in which nothing is marked gets a mark of the whole. */
  async relabel(rows: readonly Row[], path: string[]): Promise<Outcome> {
    const outcome = empty();
    for (const part of parts(rows)) {
      const items = part.map(({ id, medium, version }) => ({ id, medium, version }));
      const { value } = await this.channel.ask<Written>("relabel", { items, path, status: "validated" }, [], PATIENCE_MS);
      const ids = idsIn(value, part);
      take(outcome, value, part.map((row, i) => ({ row: row.row, before: item(row), after: { ...item(row), id: ids[i]!, path, status: "validated" } })));
    }
    return outcome;
  }

  /** Change the status and leave the labels. */
  async judge(rows: readonly Row[], status: Status): Promise<Outcome> {
    const outcome = empty();
    for (const part of parts(rows)) {
      const value = await this.write(part.map(({ id, version }) => ({ id: id!, base: version, status })));
      take(outcome, value, part.map((row) => ({ row: row.row, before: item(row), after: { ...item(row), status } })));
    }
    return outcome;
  }

  /** Set back what `relabel` or `judge` has done; labels with all that was said of them, as the history has it. */
  async takeBack(changes: readonly Change[], relabelled: boolean): Promise<Outcome> {
    const outcome = empty();
    for (const part of parts(changes)) {
      const labels = relabelled ? await this.labelsBefore(part) : new Map<string, LabelGiven[]>();
      const lost = relabelled ? part.filter(({ before }) => before.id !== null && !labels.has(before.id)) : [];
      const kept = part.filter((change) => !lost.includes(change));
      const edits = kept.map(({ before, after }): Omit<Edit, "key"> => {
        const base = { id: after.id!, base: after.version };
        if (before.id === null) return { ...base, deleted: true };
        return { ...base, status: before.status as Status, ...(relabelled ? { labels: labels.get(before.id)! } : {}) };
      });
      if (edits.length) take(outcome, await this.write(edits), kept.map(({ row, before, after }) => ({ row, before: after, after: before })));
      outcome.refused.push(...lost.map(() => "Its history does not say what it was before: give it its label again."));
    }
    return outcome;
  }

  private async write(edits: Omit<Edit, "key">[]): Promise<Written> {
    return (await this.channel.ask<Written>("write", { edits: edits.map((each) => ({ ...each, key: crypto.randomUUID() })) }, [], PATIENCE_MS)).value;
  }

  private async labelsBefore(changes: readonly Change[]): Promise<Map<string, LabelGiven[]>> {
    const found = new Map<string, LabelGiven[]>();
    const waiting = changes.map(({ before }) => before).filter(({ id }) => id !== null);
    const worker = async () => {
      for (let before = waiting.pop(); before; before = waiting.pop()) {
        const { value } = await this.channel.ask<HistoryEvent[]>("history", { id: before.id }, [], PATIENCE_MS);
        const version = before.version;
        const then = value.findLast(({ mark }) => mark !== null && mark.version <= version)?.mark;
        if (then) found.set(before.id!, then.labels);
      }
    };
    await Promise.all(Array.from({ length: HISTORIES }, worker));
    return found;
  }
}

function empty(): Outcome {
  return { changes: [], others: [], refused: [] };
}

function* parts<T>(all: readonly T[]): Generator<T[]> {
  for (let begin = 0; begin < all.length; begin += AT_ONCE) yield all.slice(begin, begin + AT_ONCE);
}

function item({ row: _, ...rest }: Row): GridItem {
  return rest;
}

/** The id of each; of media in which nothing was marked, the new ones in the answer, which come in the order of the question. */
function idsIn(written: Written, rows: readonly Row[]): (string | null)[] {
  const known = new Set(rows.map(({ id }) => id));
  const made = written.saved.map(({ id }) => id).filter((id) => !known.has(id));
  const complete = made.length === rows.filter(({ id }) => id === null).length;
  return rows.map(({ id }) => id ?? (complete ? made.shift()! : null));
}

/** Sort out of an answer what became of each. */
function take(outcome: Outcome, written: Written, wanted: readonly Change[]): void {
  const saved = new Map(written.saved.map(({ id, version }) => [id, version]));
  const theirs = new Map(written.conflicts.map((conflict) => [conflict.id, conflict.theirs]));
  for (const { row, before, after } of wanted) {
    const id = after.id ?? before.id;
    const version = id === null ? undefined : saved.get(id);
    const mark = id === null ? undefined : theirs.get(id);
    // A mark that is deleted again is a medium without any, as before.
    if (version !== undefined) outcome.changes.push({ row, before, after: after.id === null ? after : { ...after, version } });
    else if (mark) outcome.others.push({ row, after: { ...before, version: mark.version, path: mark.labels[0]?.path ?? [], status: mark.status } });
  }
  outcome.refused.push(...written.refused.map(({ why }) => why));
}
