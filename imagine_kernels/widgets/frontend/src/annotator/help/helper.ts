/** The help of models in the project that is open: which is in use, what it is doing, what it suggests. */

import { sentence } from "../../view";
import { addAndGive } from "../picker";
import { giveLabel } from "../marking";
import { sync } from "../following";
import type { Page } from "../page";
import type { Help, Helped, Mark, Needed, Proposed, Suggestion, Way } from "../protocol";
import { Suggester } from "./suggester";
import { THRESHOLDS, sent, type Thresholds } from "./thresholds";
import { helpedWords, worthwhile } from "./words";

/** So many are proposed at once. */
const PROPOSED = 30;
/** What is looked through for a proposal takes a while the first time, ms. */
const PATIENCE_MS = 300_000;

/** A shape to be named; a new one where it is moved. */
interface Wanted {
  id: string;
  shape: Mark["shape"];
}

export class Helper {
  help: Help | null = null;
  /** Why there is none. */
  trouble = "";
  /** A question is on its way whose answer changes `help`. */
  asking = false;
  thresholds: Thresholds = THRESHOLDS;
  done: Helped | null = null;
  way: Way = "mixed";
  target: string[] | null = null;
  proposed: Proposed[] | null = null;
  needed: Needed | null = null;
  looking = false;
  lookingTrouble = "";
  /** An offer that was turned down. */
  private declined = "";
  private readonly suggester: Suggester<Wanted>;
  private wanted: Wanted | null = null;
  private onDemand = "";
  private project: string | null = null;

  constructor(private readonly page: Page) {
    this.suggester = new Suggester(
      (of) => this.ask(of),
      () => page.tell(),
      sentence,
    );
    page.channel.on<Helped>("helped", (helped) => this.told(helped));
    page.subscribe(() => this.watch());
  }

  get ready(): boolean {
    return Boolean(this.help?.model);
  }

  get offer() {
    const offer = this.help?.offer ?? null;
    return offer && offer.model !== this.declined ? offer : null;
  }

  async load(): Promise<void> {
    await this.change("help", {});
  }

  use(model: string): Promise<void> {
    return this.change("use-model", { model });
  }

  keepOld(): void {
    this.declined = this.offer?.model ?? "";
    if (this.help?.model) void this.use(this.help.model);
    else this.page.tell();
  }

  async predict(): Promise<void> {
    const { help } = this;
    const classes = help?.models.find(({ name }) => name === help.model)?.classes ?? [];
    this.done = null;
    this.page.progress = null;
    if (await this.start("predict", { model: help!.model, ...sent(this.thresholds, classes) })) this.running("predict");
  }

  async stop(): Promise<void> {
    await this.start("stop-help", {});
  }

  retrain(given: { every?: number; now?: boolean }): Promise<void> {
    if (given.now) {
      this.done = null;
      this.page.progress = null;
    }
    return this.change("retrain", given);
  }

  /** What to label next. */
  async next(): Promise<void> {
    const { project } = this;
    this.looking = true;
    this.lookingTrouble = "";
    this.page.progress = null;
    this.page.tell();
    try {
      const given = { by: this.way, n: PROPOSED, ...(this.way === "quantity" ? { target: this.target ?? [] } : {}) };
      const { value } = await this.page.channel.ask<{ items: Proposed[]; needed: Needed | null }>("next", given, [], PATIENCE_MS);
      if (project !== this.project) return;
      this.proposed = value.items;
      this.needed = value.needed;
      this.page.announce(value.items.length ? `${value.items.length} proposed` : "Nothing is left to propose");
    } catch (error) {
      if (project === this.project) this.lookingTrouble = sentence(error);
    }
    this.looking = false;
    this.page.tell();
  }

  choose(change: Partial<Pick<Helper, "way" | "target" | "thresholds">>): void {
    if ("way" in change || "target" in change) this.proposed = this.needed = null;
    Object.assign(this, change);
    this.page.tell();
  }

  // Suggestions for the mark that is selected.

  suggestionsFor(ids: readonly string[]): { found: Suggestion[]; waiting: boolean; trouble: string } {
    const { of, found, waiting, trouble } = this.suggester;
    return of && ids.length === 1 && of.id === ids[0] ? { found, waiting, trouble } : { found: [], waiting: false, trouble: "" };
  }

  /** Ask for this mark though it has a label. */
  askFor(id: string): void {
    this.onDemand = id;
    this.watch();
  }

  /** Give the selected mark the suggestion of that number, from 1. */
  take(number: number): void {
    const { page } = this;
    const ids = page.picker?.ids ?? page.selection;
    if (ids.length !== 1) return page.say("Select one annotation first", "bad");
    if (!this.ready) return page.say("No model is in use here: choose one under “Help”", "bad");
    const { found, waiting, trouble } = this.suggestionsFor(ids);
    const chosen = found[number - 1];
    if (chosen) return this.give(chosen.path, ids);
    if (waiting) return page.say("The model still looks at it");
    if (trouble) return page.say(trouble, "bad");
    if (found.length) return page.say(`The model has no suggestion ${number}`, "bad");
    this.askFor(ids[0]!);
  }

  give(path: string[], ids: readonly string[]): void {
    if (this.page.labels.get(path) || !this.page.labels.labels.length) giveLabel(this.page, path, ids);
    else void addAndGive(this.page, path, ids);
  }

  private async ask({ id, shape }: Wanted): Promise<Suggestion[]> {
    const { page } = this;
    const medium = page.desk.get(id)?.medium;
    if (!medium) return [];
    const given = { medium, shape, ...(page.desk.saved(id) ? { id } : {}), ...(shape.frames.length ? { time: page.clock.value.time } : {}) };
    return worthwhile((await page.channel.ask<{ labels: Suggestion[] }>("suggest", given, [], 30_000)).value.labels);
  }

  /** The page has changed: another project may be open, another mark selected. */
  private watch(): void {
    const { page } = this;
    if ((page.project?.uid ?? null) !== this.project) {
      this.project = page.project?.uid ?? null;
      this.help = this.done = this.proposed = this.needed = this.target = null;
      this.trouble = this.lookingTrouble = this.declined = "";
      this.looking = this.asking = false;
      page.leaf = null;
      if (this.project !== null) void this.load();
    }
    const mark = page.selection.length === 1 ? page.desk.get(page.selection[0]!) : undefined;
    if (this.onDemand !== mark?.id) this.onDemand = "";
    const open = mark && this.ready && page.mayEdit && (!mark.labels.length || mark.status === "predicted" || this.onDemand === mark.id);
    if (!open) this.wanted = null;
    else if (this.wanted?.id !== mark.id || this.wanted.shape !== mark.shape) this.wanted = { id: mark.id, shape: mark.shape };
    this.suggester.want(this.wanted);
  }

  private told(helped: Helped): void {
    this.help = helped.help;
    this.done = helped;
    this.page.progress = null;
    // Of a training the sentence says what came of it, of names given what was wrong.
    const trained = helped.what === "retrain";
    this.page.say((trained && (this.offer ? "A new model is ready: see “Help”" : helped.problems[0])) || helpedWords(helped), !trained && helped.problems.length ? "bad" : "good");
    if (helped.what === "predict" && helped.added) {
      void sync(this.page);
      this.page.countSoon();
    }
  }

  private running(what: Help["running"]): void {
    if (this.help) this.help = { ...this.help, running: what };
    this.page.tell();
  }

  /** Ask something whose answer is how things stand now. */
  private async change(verb: string, given: Record<string, unknown>): Promise<void> {
    const { project } = this;
    this.asking = true;
    this.page.tell();
    try {
      const { value } = await this.page.channel.ask<Help>(verb, given, [], PATIENCE_MS);
      if (project !== this.project) return;
      this.help = value;
      this.trouble = "";
    } catch (error) {
      if (project !== this.project) return;
      if (this.help) this.page.say(sentence(error), "bad");
      else this.trouble = sentence(error);
    }
    this.asking = false;
    this.page.tell();
  }

  private async start(verb: string, given: Record<string, unknown>): Promise<boolean> {
    try {
      await this.page.channel.ask(verb, given);
      return true;
    } catch (error) {
      this.page.say(sentence(error), "bad");
      return false;
    }
  }
}

/** Whether the kernel has no model to offer, or does not know the question. */
export function isUnknown(trouble: string): boolean {
  return trouble.includes("does not know");
}

