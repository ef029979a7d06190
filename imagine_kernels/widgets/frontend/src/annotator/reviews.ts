/** What a person has looked at all of, on its way to the server: kept in the browser until the server has it. */

import { NoAnswer } from "../channel";

/** Where it is kept; `localStorage`, but for tests. */
export type Drawer = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const AGAIN_MS = 5000;

interface Given {
  key: string;
  drawer: Drawer | null;
  /** Asks the server; rejects with `NoAnswer` where none came, with another error where it will not. */
  ask(media: string[], reviewed: boolean): Promise<void>;
  /** It will not be noted. */
  refused(media: string[], reviewed: boolean, error: unknown): void;
  changed(): void;
}

export class Reviews {
  /** Medium to whether it was looked at: what was said last counts. */
  readonly waiting: Map<string, boolean>;
  private online = true;
  private busy = false;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly given: Given) {
    this.waiting = new Map(held(given));
  }

  note(medium: string, reviewed: boolean): void {
    this.waiting.set(medium, reviewed);
    this.keep();
    this.flush();
  }

  connected(open: boolean): void {
    this.online = open;
    if (!open) this.busy = false;
    else this.flush();
  }

  flush(): void {
    if (this.closed || this.busy || !this.online || !this.waiting.size) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const [first] = this.waiting.values();
    void this.send([...this.waiting].filter(([, reviewed]) => reviewed === first).map(([medium]) => medium), first!);
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async send(media: string[], reviewed: boolean): Promise<void> {
    this.busy = true;
    try {
      await this.given.ask(media, reviewed);
    } catch (error) {
      this.busy = false;
      if (this.closed) return;
      if (error instanceof NoAnswer) {
        this.timer = setTimeout(() => this.flush(), AGAIN_MS);
        return;
      }
      this.forget(media, reviewed);
      this.given.refused(media, reviewed, error);
      return this.flush();
    }
    this.busy = false;
    this.forget(media, reviewed);
    this.flush();
  }

  /** Not what was said otherwise meanwhile. */
  private forget(media: readonly string[], reviewed: boolean): void {
    for (const medium of media) if (this.waiting.get(medium) === reviewed) this.waiting.delete(medium);
    this.keep();
  }

  private keep(): void {
    const { drawer, key } = this.given;
    try {
      if (this.waiting.size) drawer?.setItem(key, JSON.stringify([...this.waiting]));
      else drawer?.removeItem(key);
    } catch {
      // Storage may be full or switched off; it then holds for this page.
    }
    this.given.changed();
  }
}

function held({ drawer, key }: Given): [string, boolean][] {
  try {
    return JSON.parse(drawer?.getItem(key) ?? "[]") as [string, boolean][];
  } catch {
    return [];
  }
}
