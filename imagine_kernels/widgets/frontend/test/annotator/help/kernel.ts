/** A kernel in memory that answers the questions of the grid with the rules of the store. */

import { samePart, PARTS } from "../../../src/annotator/marks";
import type { GridItem, HistoryEvent, Mark } from "../../../src/annotator/protocol";
import type { Answer, Channel } from "../../../src/channel";
import { Server, mark } from "../shell/fakes";

const CLASSES = ["Copepoda", "Cladocera"];

interface Thing {
  medium: string;
  id: string | null;
}

/** Every tenth medium has no mark; all others were named by a model. */
export class Kernel implements Pick<Channel, "ask"> {
  readonly server = new Server();
  readonly items: Thing[] = [];
  readonly questions: { verb: string; given: Record<string, unknown> }[] = [];
  private readonly past = new Map<string, Mark[]>();
  private readonly held = new Map<string, Promise<void>>();
  private readonly failing = new Map<string, Error>();

  constructor(n: number) {
    for (let i = 0; i < n; i++) {
      const medium = `${i}.jpg`;
      if (i % 10 === 5) {
        this.items.push({ medium, id: null });
        continue;
      }
      const path = [CLASSES[i % 2]!];
      const made = mark(`m${i}`, { medium, status: "predicted", labels: [{ path, annotator: "model:starter@1", given_at: "2026-01-01T00:00:00Z", confidence: 0.6 }] });
      this.server.marks.set(made.id, made);
      this.past.set(made.id, [made]);
      this.items.push({ medium, id: made.id });
    }
  }

  get marks(): Map<string, Mark> {
    return this.server.marks;
  }

  asked(verb: string) {
    return this.questions.filter((each) => each.verb === verb);
  }

  /** The next questions of that verb wait; gives what lets them go on. */
  hold(verb: string): () => void {
    let go = () => undefined as void;
    this.held.set(verb, new Promise((resolve) => (go = resolve)));
    return go;
  }

  release(verb: string): void {
    this.held.delete(verb);
  }

  fail(verb: string, error: Error): void {
    this.failing.set(verb, error);
  }

  changeBehind(id: string, name: string): void {
    const held = this.marks.get(id)!;
    this.write([{ id, base: held.version, key: `behind-${id}`, labels: [{ path: [name], annotator: "bob", given_at: "2026-01-02T00:00:00Z", confidence: null }], status: "validated" }]);
  }

  async ask<T>(verb: string, given: Record<string, unknown> = {}): Promise<Answer<T>> {
    this.questions.push({ verb, given: structuredClone(given) });
    const [wait, error] = [this.held.get(verb), this.failing.get(verb)];
    await (wait ?? Promise.resolve());
    if (error) {
      this.failing.delete(verb);
      throw error;
    }
    const answers: Record<string, () => { value: unknown; buffers?: DataView[] }> = {
      grid: () => this.grid(given as never),
      relabel: () => ({ value: this.relabel(given as never) }),
      write: () => ({ value: this.write(given.edits as never) }),
      history: () => ({ value: (this.past.get(given.id as string) ?? []).map((each): HistoryEvent => ({ sequence: each.version, author: "", time: "", kind: "", words: "", mark: each })) }),
    };
    const { value, buffers } = answers[verb]!();
    return { value: structuredClone(value) as T, buffers: buffers ?? [] };
  }

  private grid({ path, after, limit }: { path: string[] | null; after: number | null; limit: number }) {
    const all = this.items.map(({ medium, id }): GridItem => {
      const held = id === null ? undefined : this.marks.get(id);
      return {
        medium,
        id,
        version: held?.version ?? 0,
        path: held?.labels[0]?.path ?? [],
        status: held?.status ?? "",
        own: held ? 0.6 : null,
        suggestions: [{ path: ["Copepoda"], probability: 0.5 }, { path: ["Detritus"], probability: 0.25 }],
      };
    });
    const fit = all.filter((each) => path === null || path.every((name, i) => each.path[i] === name));
    const begin = after ?? 0;
    const items = fit.slice(begin, begin + limit);
    return { value: { items, count: fit.length, next: begin + limit < fit.length ? begin + limit : null }, buffers: items.map((_, i) => new DataView(new ArrayBuffer(i % 50 ? 4 : 0))) };
  }

  private relabel({ items, path, status }: { items: { id: string | null; medium: string; version: number }[]; path: string[]; status: Mark["status"] }) {
    return this.write(
      items.map(({ id, medium, version }, i) => {
        const own = { path, annotator: "anna", given_at: "2026-01-03T00:00:00Z", confidence: null };
        const labels = [own, ...(id === null ? [] : this.marks.get(id)!.labels.filter(({ annotator }) => annotator !== "anna"))];
        const fresh = id ?? `new ${medium} ${this.questions.length}`;
        if (id === null) this.items.find((each) => each.medium === medium)!.id = fresh;
        return { id: fresh, base: version, key: `${this.questions.length} ${i}`, labels, status, ...(id === null ? { medium, shape: { kind: "whole" as const, keyframes: [[]], frames: [] } } : {}) };
      }),
    );
  }

  private write(edits: Parameters<Server["write"]>[0]) {
    const before = new Map(this.marks);
    const written = this.server.write(edits);
    for (const { id } of written.saved) {
      const [was, is] = [before.get(id), this.marks.get(id)!];
      if (!was || was.version !== is.version || PARTS.some((part) => !samePart(part, was, is))) this.past.set(id, [...(this.past.get(id) ?? []), structuredClone(is)]);
      if (is.deleted) this.items.find((each) => each.id === id)!.id = null;
    }
    return written;
  }
}
