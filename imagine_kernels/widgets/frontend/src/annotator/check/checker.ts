/** Quality in the project that is open: the figures, the comparison on the picture, what is in doubt. */

import { count } from "../../scales";
import { sentence } from "../../view";
import { chooseTool } from "../commands";
import { labelOf } from "../labels";
import { toggleLeaf } from "../grid/opening";
import { sayWhy } from "../marking";
import type { Page } from "../page";
import type { Changes, Mark } from "../protocol";
import type { Drawn } from "../surface";
import { Decisions, type Decision } from "./decisions";
import { Drawer, comparisonStyles, doubtStyles, type Styles } from "./drawing";
import type { BlindSession, ControlsShown, Difference, Quality } from "./protocol";
import { alternatives, inOrder } from "./words";

/** Figures of a large project take a while, ms. */
const PATIENCE_MS = 300_000;
/** What is compared is looked at anew when it has been quiet for so long, ms. */
const QUIET_MS = 600;
/** So much of the picture is seen around marks, in parts of their size: what is beside them tells what they are. */
const AROUND = 1;
const NONE: Styles = new Map();

/** Lies over the medium while two people are compared or doubts are decided. */
export interface Overlay {
  drawn(marks: readonly Mark[]): Drawn[];
  /** Do what a key says; false where it means nothing here. */
  run(action: string): boolean;
}

export interface Compared {
  medium: string;
  things: Difference[];
  looked: string[];
}

const kept = new WeakMap<Page, Checker>();

/** The one of the page. */
export function checkerOf(page: Page): Checker {
  if (!kept.has(page)) kept.set(page, new Checker(page));
  return kept.get(page)!;
}

export class Checker implements Overlay {
  session: number | null = null;
  /** Empty: everybody. */
  people: string[] = [];
  iou = 0.5;
  quality: Quality | null = null;
  sessions: BlindSession[] | null = null;
  controls: ControlsShown | null = null;
  /** What is on its way, and what went wrong with it, by verb. */
  readonly busy = new Set<string>();
  readonly trouble = new Map<string, string>();
  mode: "compare" | "decide" | null = null;
  pair: [string, string] = ["", ""];
  compared: Compared | null = null;
  readonly decisions: Decisions;
  private readonly drawer = new Drawer();
  private styles: Styles = NONE;
  private project: string | null = null;
  private asked = "";
  private round = 0;
  private timer = 0;

  constructor(private readonly page: Page) {
    this.decisions = new Decisions({ channel: page.channel, question: () => this.question, changed: () => page.tell() });
    page.subscribe(() => this.watch());
    page.channel.on<Changes>("changes", ({ project, marks }) => {
      if (project === this.project && this.mode === "compare" && marks.some(({ medium }) => medium === this.compared?.medium)) {
        window.clearTimeout(this.timer);
        this.timer = window.setTimeout(() => void this.look(), QUIET_MS);
      }
    });
    this.watch();
  }

  /** Whose marks, of which session, and from which overlap they are of the same thing. */
  get question() {
    return { session: this.session, people: this.people, iou: this.iou };
  }

  get mayReview(): boolean {
    const role = this.page.project?.role;
    return role === "review" || role === "own";
  }

  choose(change: Partial<Pick<Checker, "session" | "people" | "iou" | "pair">>): void {
    Object.assign(this, change);
    if (!("pair" in change)) {
      this.decisions.clear();
      void this.count();
    } else this.page.tell();
  }

  /** Everything that the page of quality shows. */
  async load(): Promise<void> {
    await Promise.all([this.count(), this.readSessions(), this.mayReview ? this.readControls() : Promise.resolve()]);
  }

  /** The figures, and what is in doubt. */
  async count(): Promise<void> {
    const round = ++this.round;
    this.page.progress = null;
    const quality = await this.ask<Quality>("quality", this.question);
    if (!quality || round !== this.round) return;
    this.quality = quality;
    const names = quality.people.map(({ name }) => name);
    const [first, second] = this.pair;
    if (!names.includes(first) || !names.includes(second) || first === second) this.pair = [names[0] ?? "", names[1] ?? ""];
    this.page.tell();
    // While one decides the list stays as it is.
    if (quality.figures.length && this.mode !== "decide") await this.attempt("doubts", () => this.decisions.load());
  }

  async readSessions(): Promise<void> {
    const found = await this.ask<{ sessions: BlindSession[] }>("blind", {});
    if (found) this.sessions = found.sessions;
    this.page.tell();
  }

  async begin(given: { name: string; people: string[]; media: string[] | null; ends: string; hides_earlier: boolean }): Promise<boolean> {
    const found = await this.ask<{ sessions: BlindSession[] }>("blind-begin", given);
    if (!found) return false;
    this.sessions = found.sessions;
    this.page.say(`The blind session ${given.name} runs`);
    return true;
  }

  async end(session: BlindSession): Promise<void> {
    const found = await this.ask<{ sessions: BlindSession[] }>("blind-end", { number: session.number });
    if (!found) return;
    this.sessions = found.sessions;
    this.page.say(`The blind session ${session.name} is over`);
  }

  async readControls(given: { media: string[]; labels_of: string } | null = null): Promise<void> {
    const found = await this.ask<ControlsShown>("controls", given ?? {});
    if (found) this.controls = found;
    if (found && given) this.page.say(found.problems[0] ?? (found.controls ? `${count(found.controls.media.length, "medium is a control", "media are controls")}` : "There are no controls any more"), found.problems.length ? "bad" : "good");
    this.page.tell();
  }

  async plant(to: string, every: number): Promise<void> {
    const found = await this.ask<{ planted: number; problems: string[] }>("plant", { to, every });
    if (found) this.page.say([`${count(found.planted, "control was", "controls were")} planted for ${to}`, ...found.problems].join(". "), found.problems.length ? "bad" : "good");
  }

  async writeConsensus(): Promise<void> {
    const found = await this.ask<{ added: number }>("consensus", this.question);
    if (!found) return;
    this.page.say(found.added ? `${count(found.added, "annotation was", "annotations were")} added` : "Nothing was added: it is all in already");
    this.decisions.written += found.added;
    this.page.countSoon();
  }

  // Over the picture.

  compare(): void {
    this.mode = "compare";
    this.compared = null;
    this.asked = "";
    this.over();
    this.watch();
  }

  async decide(): Promise<void> {
    this.mode = "decide";
    this.over();
    if (!this.decisions.items.length) await this.attempt("doubts", () => this.decisions.load());
    await this.go(this.decisions.following(-1));
  }

  /** Back to all marks; with `quality` to the figures. */
  stop(quality = false): void {
    const { page } = this;
    this.mode = null;
    page.surface?.setStyle({ opacity: page.opacity });
    page.set({ checking: null, picker: null });
    page.show();
    if (quality) toggleLeaf(page, "quality");
    else {
      page.announce(page.opened?.medium.name ?? "");
      focus(".ika-tabs [aria-selected=true]");
    }
  }

  drawn(marks: readonly Mark[]): Drawn[] {
    return this.drawer.draw(marks, this.styles);
  }

  run(action: string): boolean {
    const { page, mode } = this;
    const alternative = /^label-(\d)$/.exec(action)?.[1];
    if (action === "escape" && (page.picker || page.drawer)) return false;
    if (action === "escape") this.stop();
    else if (action === "nudge-down" || action === "nudge-right" || action === "next-mark") void this.step(1);
    else if (action === "nudge-up" || action === "nudge-left" || action === "previous-mark") void this.step(-1);
    else if (mode === "compare" && (action === "undo" || action === "redo")) sayWhy(page);
    else if (mode !== "decide") return false;
    else if (alternative) void this.keep(Number(alternative));
    else if (action === "no-label") void this.keep(0);
    else if (action === "label") this.rename();
    else if (action === "undo") void this.undo();
    else if (action === "redo") void this.redo();
    else return false;
    return true;
  }

  /** The row of the list that is chosen. */
  get at(): number {
    if (this.mode === "decide") return this.decisions.at;
    const id = this.page.selection.at(-1);
    return id === undefined ? -1 : (this.compared?.things.findIndex(({ first, second }) => first === id || second === id) ?? -1);
  }

  async step(by: number): Promise<void> {
    const n = this.mode === "decide" ? this.decisions.items.length : this.compared?.things.length ?? 0;
    if (n) await this.go(Math.max(0, Math.min(n - 1, this.at + by)));
  }

  /** Show the thing in that row. */
  async go(row: number): Promise<void> {
    const { page, decisions } = this;
    if (this.mode === "compare") {
      const thing = this.compared?.things[row];
      if (thing) this.see([thing.first, thing.second]);
      return;
    }
    decisions.at = row;
    const doubt = decisions.items[row];
    this.styles = doubt ? doubtStyles(doubt) : NONE;
    void this.attempt("doubts", () => decisions.ensure(row));
    page.set({ picker: null });
    page.show();
    if (!doubt) return page.announce("All is decided");
    if (page.opened?.medium.name !== doubt.medium && !(await page.openMedium(doubt.medium))) return;
    if (decisions.items[decisions.at] !== doubt || this.mode !== "decide") return;
    page.show();
    this.see(Object.values(doubt.ids));
    page.announce(alternatives(doubt).map(({ person, path }, i) => `${i + 1} ${labelOf(path)}, ${person}`).join("; "));
  }

  /** Keep the alternative of that number, from 1; with 0 none. With a path it gets that label. */
  async keep(number: number, path?: string[]): Promise<void> {
    const { page, decisions } = this;
    const doubt = decisions.items[decisions.at];
    if (!doubt) return;
    const row = decisions.at;
    const chosen = number ? alternatives(doubt)[number - 1] : null;
    if (chosen === undefined) return page.say(`There is no mark ${number} here`, "bad");
    if (!this.mayReview) return page.say("Who decides needs the role “review”: ask an owner of the project", "bad");
    if (decisions.decided.has(doubt)) return page.say("This is decided: take it back first (Undo)", "bad");
    const done = await this.attempt("settle", () => decisions.settle(doubt, chosen, path));
    if (!done) return;
    this.wrote(done.words);
    if (this.mode === "decide" && decisions.at === row) await this.go(decisions.following(row));
  }

  async undo(): Promise<void> {
    const done = await this.attempt("settle", () => this.decisions.undo());
    await this.back(done, "Undone");
  }

  async redo(): Promise<void> {
    const done = await this.attempt("settle", () => this.decisions.redo());
    await this.back(done, "Done again");
  }

  /** Ask for the label under which the selected alternative is kept. */
  private rename(): void {
    const { page, decisions } = this;
    const doubt = decisions.items[decisions.at];
    if (!doubt) return;
    const number = Math.max(1, 1 + alternatives(doubt).findIndex(({ id }) => page.selection.length === 1 && id === page.selection[0]));
    page.set({ picker: { ids: [], filter: "", give: (path) => void this.keep(number, path) } });
  }

  private async back(done: Decision | null | undefined, words: string): Promise<void> {
    if (done === null) this.page.say(words === "Undone" ? "Nothing to undo" : "Nothing to do again", "bad");
    if (!done) return;
    this.wrote(`${words}: ${done.words}`);
    if (this.mode !== "decide") return;
    // What was decided before the list was made anew is not in it.
    if (this.decisions.rowOf(done.doubt) < 0) await this.attempt("doubts", () => this.decisions.load());
    await this.go(this.decisions.rowOf(done.doubt));
  }

  private wrote(words: string): void {
    this.page.say(words);
    this.page.countSoon();
  }

  private see(ids: readonly (string | null)[]): void {
    const { page } = this;
    const there = ids.filter((id): id is string => id !== null && page.desk.get(id)?.deleted === false);
    page.select(this.mode === "compare" ? there : []);
    const shapes = there.map((id) => page.desk.get(id)!.shape);
    if (page.opened?.view.kind === "video" && shapes[0]?.frames.length) page.surface?.seek(shapes[0].frames[0]!);
    const drawn = there.filter((_, i) => shapes[i]!.kind !== "whole");
    if (drawn.length) page.surface?.zoomTo(drawn, AROUND);
  }

  private over(): void {
    const { page } = this;
    this.styles = NONE;
    chooseTool(page, "select");
    page.shapesShown = true;
    page.surface?.setStyle({ opacity: 0, shown: true });
    page.set({ leaf: null, picker: null, drawer: null, checking: this });
    page.select([]);
    page.show();
    focus(".ikc-panel .ika-list, [data-act=check-end]");
  }

  /** Compare the medium that is open. */
  private async look(): Promise<void> {
    const { page } = this;
    const medium = page.opened?.medium.name;
    if (!medium || this.mode !== "compare") return;
    const [first, second] = this.pair;
    this.asked = medium;
    const found = await this.ask<Omit<Compared, "medium">>("compare", { medium, first, second, session: this.session, iou: this.iou });
    if (this.mode !== "compare" || this.asked !== medium) return;
    this.compared = found && { medium, things: inOrder(found.things), looked: found.looked };
    this.styles = found ? comparisonStyles(found.things, first, second) : NONE;
    page.show();
  }

  /** The page has changed: another project may be open, or another medium. */
  private watch(): void {
    const { page } = this;
    const project = page.project?.uid ?? null;
    if (project !== this.project) {
      this.project = project;
      this.session = this.quality = this.sessions = this.controls = this.compared = this.mode = null;
      this.people = [];
      this.pair = ["", ""];
      this.round++;
      this.trouble.clear();
      this.decisions.forget();
      page.checking = null;
    }
    const medium = page.opened?.medium.name;
    if (this.mode === "compare" && medium && !page.opening && this.asked !== medium) {
      this.styles = NONE;
      this.compared = null;
      void this.look();
    }
  }

  private async ask<T>(verb: string, given: Record<string, unknown>): Promise<T | null> {
    return (await this.attempt(verb, async () => (await this.page.channel.ask<T>(verb, given, [], PATIENCE_MS)).value)) ?? null;
  }

  /** Undefined where it did not work, or another project is open meanwhile; why is kept. */
  private async attempt<T>(verb: string, does: () => Promise<T>): Promise<T | undefined> {
    const { project } = this;
    this.busy.add(verb);
    this.trouble.delete(verb);
    this.page.tell();
    try {
      const value = await does();
      return project === this.project ? value : undefined;
    } catch (error) {
      if (project === this.project) this.trouble.set(verb, sentence(error));
      if (verb === "settle") this.page.say(sentence(error), "bad");
      return undefined;
    } finally {
      this.busy.delete(verb);
      this.page.tell();
    }
  }
}

/** The keyboard goes there. */
function focus(where: string): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(where)?.focus());
}
