/** The marks of the medium that is open: as the server has them, with what is on its way there on top; and the steps to undo. */

import { PARTS, applied, partsOf, samePart, type Part, type Parts } from "./marks";
import type { Edit, Mark } from "./protocol";

/** Where edits go, and what of them is not saved yet. */
export interface Queue {
  add(edits: readonly Edit[]): void;
  of(id: string): readonly Edit[];
  ids(medium: string): readonly string[];
}

export interface Change {
  id: string;
  before: Parts;
  after: Parts;
}

/** What was done in one go. */
export interface Step {
  words: string;
  medium: string;
  changes: Change[];
}

export interface TakenBack {
  step: Step;
  /** How many marks were set back. */
  done: number;
  /** What somebody else has changed since, and was left as it is. */
  left: { id: string; parts: Part[] }[];
}

export class Desk {
  medium = "";
  private readonly stored = new Map<string, Mark>();
  private readonly shown = new Map<string, Mark>();
  private done: Step[] = [];
  private undone: Step[] = [];

  constructor(
    private readonly queue: Queue,
    private readonly newKey: () => string = () => crypto.randomUUID(),
  ) {}

  /** Take up the marks of a medium; the steps of before stay. */
  open(medium: string, marks: readonly Mark[]): void {
    this.medium = medium;
    this.stored.clear();
    this.shown.clear();
    for (const mark of marks) this.stored.set(mark.id, mark);
    this.refresh([...this.stored.keys(), ...this.queue.ids(medium)]);
  }

  /** All that are not deleted. */
  get marks(): Mark[] {
    return [...this.shown.values()].filter((mark) => !mark.deleted && mark.medium === this.medium);
  }

  get(id: string): Mark | undefined {
    return this.shown.get(id);
  }

  /** As the server has it. */
  saved(id: string): Mark | undefined {
    return this.stored.get(id);
  }

  get nextUndo(): Step | null {
    return this.done.at(-1) ?? null;
  }

  get nextRedo(): Step | null {
    return this.undone.at(-1) ?? null;
  }

  /** Forget the steps: another project is opened. */
  forget(): void {
    this.done = [];
    this.undone = [];
  }

  /** Make marks; each is there at once. */
  create(words: string, marks: readonly Omit<Mark, "version" | "deleted">[]): void {
    const edits = marks.map((mark): Edit => ({ id: mark.id, base: 0, key: this.newKey(), ...partsOf(mark as Mark) }));
    const changes = marks.map(({ id }): Change => ({ id, before: { deleted: true }, after: { deleted: false } }));
    this.write(edits);
    this.remember({ words, medium: marks[0]?.medium ?? this.medium, changes });
  }

  /** Change parts of marks in one step; what is so already is left out. Gives how many have changed. */
  change(words: string, wanted: readonly { id: string; parts: Parts }[]): number {
    const changes: Change[] = [];
    for (const { id, parts } of wanted) {
      const mark = this.shown.get(id);
      if (!mark) continue;
      const names = PARTS.filter((name) => parts[name] !== undefined && !samePart(name, mark, parts));
      if (names.length) changes.push({ id, before: partsOf(mark, names), after: partsOf(parts, names) });
    }
    if (changes.length) {
      this.write(changes.map(({ id, after }) => this.edit(id, after)));
      this.remember({ words, medium: this.medium, changes });
    }
    return changes.length;
  }

  /** Take back the last step; its medium must be open. */
  undo(): TakenBack | null {
    const step = this.done.pop();
    if (!step) return null;
    const taken = this.setBack(step, "after", "before");
    if (taken.step.changes.length) this.undone.push(taken.step);
    return taken;
  }

  redo(): TakenBack | null {
    const step = this.undone.pop();
    if (!step) return null;
    const taken = this.setBack(step, "before", "after");
    if (taken.step.changes.length) this.done.push(taken.step);
    return taken;
  }

  /** An edit of ours is saved: from now on the server has it. */
  acknowledge(edit: Edit, version: number): void {
    const mark = this.stored.get(edit.id);
    if (mark && mark.version >= version) return;
    if (!mark && (edit.medium === undefined || edit.medium !== this.medium)) return;
    this.stored.set(edit.id, { ...applied(mark, edit), version });
  }

  /** Take in marks as the server has them now; gives the ids of those that look different. */
  fold(marks: readonly Mark[]): string[] {
    const fresh = marks.filter((mark) => {
      const known = this.stored.get(mark.id);
      return known ? mark.version > known.version : mark.medium === this.medium;
    });
    for (const mark of fresh) this.stored.set(mark.id, mark);
    const before = new Map(fresh.map(({ id }) => [id, this.shown.get(id)]));
    this.refresh(fresh.map(({ id }) => id));
    return fresh.map(({ id }) => id).filter((id) => {
      const [was, is] = [before.get(id), this.shown.get(id)];
      return !was || !is || PARTS.some((part) => !samePart(part, was, is));
    });
  }

  /** Of what was known when the server stood at `head`, only these may still be seen: a blind session hides the others. */
  hide(marks: readonly Mark[], head: number): void {
    const seen = new Set(marks.map(({ id }) => id));
    for (const [id, mark] of this.stored) {
      if (mark.deleted || mark.version > head || seen.has(id)) continue;
      this.stored.delete(id);
      this.refresh([id]);
    }
  }

  /** Put together anew what is shown of those marks. */
  refresh(ids: Iterable<string>): void {
    for (const id of new Set(ids)) {
      const stored = this.stored.get(id);
      const edits = this.queue.of(id);
      // An edit of a mark of another medium, whose rest is not known here.
      if (!stored && edits[0]?.medium !== this.medium) {
        this.shown.delete(id);
        continue;
      }
      this.shown.set(id, edits.reduce<Mark | undefined>(applied, stored)!);
    }
  }

  private setBack(step: Step, from: "before" | "after", to: "before" | "after"): TakenBack {
    const left: TakenBack["left"] = [];
    const changes: Change[] = [];
    for (const change of step.changes) {
      const mark = this.shown.get(change.id);
      const names = Object.keys(change[to]) as Part[];
      const others = names.filter((name) => !mark || !samePart(name, mark, change[from]));
      const free = names.filter((name) => !others.includes(name));
      if (others.length) left.push({ id: change.id, parts: others });
      if (free.length) changes.push({ id: change.id, before: partsOf(change.before, free), after: partsOf(change.after, free) });
    }
    this.write(changes.map((change) => this.edit(change.id, change[to])));
    return { step: { ...step, changes }, done: changes.length, left };
  }

  private edit(id: string, parts: Parts): Edit {
    const waiting = this.queue.of(id).at(-1);
    const base = { id, base: this.stored.get(id)?.version ?? 0, key: this.newKey(), ...parts };
    return waiting ? { ...base, after: waiting.key } : base;
  }

  private write(edits: readonly Edit[]): void {
    // On top of what is shown: what waits below it need not be put together again.
    for (const edit of edits) this.shown.set(edit.id, applied(this.shown.get(edit.id), edit));
    this.queue.add(edits);
  }

  private remember(step: Step): void {
    this.done.push(step);
    this.undone = [];
  }
}
