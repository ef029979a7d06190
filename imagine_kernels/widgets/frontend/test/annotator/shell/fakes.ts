/** A server in memory with the rules of `imagine_kernels.annotation.saving`, and marks to begin with. */

import { applied, partsOf, samePart, PARTS } from "../../../src/annotator/marks";
import type { Edit, LabelGiven, Mark, Written } from "../../../src/annotator/protocol";

export function label(name: string, annotator = "anna"): LabelGiven {
  return { path: [name], annotator, given_at: "2026-01-01T00:00:00Z", confidence: null };
}

export function mark(id: string, more: Partial<Mark> = {}): Mark {
  return {
    id,
    medium: "a.jpg",
    shape: { kind: "rectangle", keyframes: [[0, 0, 10, 10]], frames: [] },
    labels: [label("Sponges")],
    status: "validated",
    track: "",
    attributes: {},
    version: 1,
    deleted: false,
    ...more,
  };
}

export class Server {
  readonly marks = new Map<string, Mark>();
  private readonly done = new Map<string, number>();
  private readonly past = new Map<string, Mark>();
  private version = 10;
  /** How many edits were really carried out. */
  carried = 0;

  constructor(marks: readonly Mark[] = []) {
    for (const each of marks) this.keep(each);
  }

  private keep(each: Mark): void {
    this.marks.set(each.id, each);
    this.past.set(`${each.id} ${each.version}`, each);
  }

  write(edits: readonly Edit[]): Written {
    const written: Written = { saved: [], conflicts: [], refused: [], head: this.version };
    for (const edit of structuredClone(edits) as Edit[]) {
      const { id, key } = edit;
      const before = this.done.get(key);
      const held = this.marks.get(id);
      if (before !== undefined) {
        written.saved.push({ id, key, version: before });
      } else if (edit.labels?.some(({ path }) => path[0] === "Unknown")) {
        written.refused.push({ id, key, why: "The label Unknown is not in the label tree: choose another." });
      } else if (!held && (edit.base || edit.after)) {
        written.refused.push({ id, key, why: `There is no annotation ${id}.` });
      } else {
        const base = edit.after ? (this.done.get(edit.after) ?? 0) : edit.base;
        if (held && base !== held.version) {
          const based = this.past.get(`${id} ${base}`) ?? null;
          const ours = applied(based ?? held, edit);
          const parts = PARTS.filter((part) => (!based || !samePart(part, based, held)) && !samePart(part, held, ours) && (!based || !samePart(part, based, ours)));
          written.conflicts.push({ id, key, parts, base: based, theirs: held, ours, sentence: "Somebody else has changed it meanwhile." });
        } else {
          this.carried++;
          const next = { ...applied(held, edit), version: ++this.version };
          this.keep(next);
          this.done.set(key, next.version);
          written.saved.push({ id, key, version: next.version });
        }
      }
    }
    written.head = this.version;
    return written;
  }

  /** Somebody else changes a mark. */
  other(id: string, change: Partial<Mark>): Mark {
    const held = this.marks.get(id)!;
    const next = { ...held, ...partsOf(change as Mark), version: ++this.version };
    this.keep(next);
    return next;
  }
}
