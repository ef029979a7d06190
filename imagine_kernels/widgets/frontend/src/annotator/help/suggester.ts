/** Labels that the model suggests for one thing at a time: asked when it has been chosen for a moment, and never for what is chosen no longer. */

import type { Suggestion } from "../protocol";

/** So long a thing has to be chosen before the model is asked, ms. */
export const PAUSE_MS = 250;

export class Suggester<K> {
  /** For what the suggestions are. */
  of: K | null = null;
  found: Suggestion[] = [];
  trouble = "";
  private timer: ReturnType<typeof setTimeout> | null = null;
  private running = false;
  private answered = true;

  constructor(
    private readonly ask: (of: K) => Promise<Suggestion[]>,
    private readonly changed: () => void,
    private readonly words: (error: unknown) => string,
  ) {}

  get waiting(): boolean {
    return this.of !== null && !this.answered;
  }

  /** From now on it is this, or nothing. */
  want(of: K | null): void {
    if (of === this.of) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.of = of;
    this.found = [];
    this.trouble = "";
    this.answered = of === null;
    if (of !== null) this.timer = setTimeout(() => void this.run(), PAUSE_MS);
    this.changed();
  }

  /** One question at a time: what is chosen while one is on its way is asked for after it, if it is chosen still. */
  private async run(): Promise<void> {
    this.timer = null;
    if (this.running) return;
    this.running = true;
    while (this.of !== null && !this.answered && this.timer === null) {
      const of = this.of;
      let found: Suggestion[] = [];
      let trouble = "";
      try {
        found = (await this.ask(of)).slice(0, 3);
      } catch (error) {
        trouble = this.words(error);
      }
      if (of !== this.of) continue;
      this.found = found;
      this.trouble = trouble;
      this.answered = true;
      this.changed();
    }
    this.running = false;
  }
}
