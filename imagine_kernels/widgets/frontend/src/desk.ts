/** The state of the identify app: what is open, what was corrected, what is shown. Parts subscribe to it. */

import type { Channel } from "./channel";
import { behind, nextRedo, nextUndo } from "./corrections";
import type { Grid } from "./grid";
import type { Correction, Hello, ModelChoice, ModelFacts, Parts, ProblemRow, Progress, Quantities, Ready, RecentSession, Status } from "./protocol";
import { count } from "./scales";
import { Selection } from "./selection";
import { NO_FILTER, Table, type Filter, type Group } from "./table";
import { Thumbs } from "./thumbs";
import { sentence, sessionInAddress, type Dialog, type Screen, type View } from "./view";

/** Correction rows that the kernel has not confirmed yet count from here. */
const PENDING = 1e9;

export class Desk {
  screen: Screen = "loading";
  hello: Hello | null = null;
  progress: Progress | null = null;
  error: string | null = null;
  ready: Ready | null = null;
  table: Table | null = null;
  model: ModelFacts | null = null;
  models: ModelChoice[] = [];
  chosenModel: string | null = null;
  problems: ProblemRow[] = [];
  groups: Group[] = [];
  order: string[] = [];
  filter: Filter = NO_FILTER;
  view: View = { side: 104, trueSize: false, pxPerMm: 40, sort: "certainty", by: "taxon", selecting: false, tab: "vignettes", sidebar: innerWidth > 900 };
  dialog: Dialog = null;
  quantities: Quantities | null = null;
  measureError: string | null = null;
  saving = 0;
  unsaved: string | null = null;
  announcement = "";
  connection: "open" | "waiting" | "lost" = "open";
  toast: { text: string; kind: "good" | "bad" } | null = null;
  readonly selection = new Selection();
  readonly thumbs: Thumbs;
  grid: Grid | null = null;
  private recent: RecentSession[] = [];
  private confirmed: Correction[] = [];
  private pending: Correction[] = [];
  private chain: Promise<unknown> = Promise.resolve();
  private readonly subscribers = new Set<() => void>();
  private toastTimer = 0;

  constructor(readonly channel: Channel) {
    this.thumbs = new Thumbs(channel, (row) => this.grid?.arrived(row));
    channel.on<Progress>("progress", (progress) => {
      if (this.screen !== "sorting" || this.progress) {
        this.progress = progress;
        this.screen = "working";
        this.tell();
      }
    });
    channel.on<string>("failed", (sentence) => {
      this.progress = null;
      this.error = sentence;
      this.screen = this.hello ? "start" : "loading";
      this.tell();
    });
    channel.on<RecentSession[]>("recent", (recent) => {
      if (this.hello) this.hello = { ...this.hello, recent };
      else this.recent = recent;
      this.tell();
    });
    channel.on<null>("cancelled", () => {
      this.progress = null;
      this.screen = this.table ? "sorting" : "start";
      this.say("Stopped; nothing was changed", "good");
    });
    channel.on<Ready>("ready", (ready, buffers) => this.opened(ready, buffers));
    channel.on<Ready & Parts>("parts", (parts, buffers) => this.table?.grow(parts, buffers));
    channel.on<null>("places", (_, [unusual, clusters]) => {
      this.table?.place(unusual!, clusters!);
      this.tell();
    });
    channel.on<null>("sizes", (_, buffers) => this.sized(buffers[0]!));
    channel.on<Quantities>("quantities", (quantities) => {
      this.quantities = quantities;
      this.measureError = null;
      this.tell();
    });
    channel.on<string>("unmeasured", (sentence) => {
      this.measureError = sentence;
      this.tell();
    });
    channel.on<Correction[]>("corrections", (rows) => this.confirm(rows));
    channel.on<ModelChoice[]>("models", (models) => {
      this.models = models;
      this.tell();
    });
    channel.on<ModelFacts | null>("model", (model) => {
      this.model = model;
      this.tell();
    });
  }

  subscribe(listener: () => void): () => void {
    this.subscribers.add(listener);
    return () => this.subscribers.delete(listener);
  }

  tell(): void {
    for (const listener of this.subscribers) listener();
  }

  /** Names of the label sets that hold the text and are in no class yet, for the chooser. */
  knownNames(text: string, most: number): { taxon: string; note: string; section: string }[] {
    const wanted = text.toLowerCase();
    const here = new Set(this.table!.taxa());
    return this.hello!.label_sets
      .flatMap(({ name, labels }) => labels.map((label) => ({ taxon: label.name, note: label.aphia_id && `AphiaID ${label.aphia_id}`, section: name })))
      .filter(({ taxon, note }) => !here.has(taxon) && (taxon.toLowerCase().includes(wanted) || note.endsWith(` ${wanted}`)))
      .slice(0, most);
  }

  get words() {
    return this.hello!.words;
  }

  get corrections(): Correction[] {
    return [...this.confirmed, ...this.pending];
  }

  get canUndo(): boolean {
    return nextUndo(this.corrections) !== null;
  }

  get canRedo(): boolean {
    return nextRedo(this.corrections) !== null;
  }

  /** First words with the kernel; a session named in the address is opened again. */
  async begin(): Promise<void> {
    try {
      const named = sessionInAddress();
      const { value } = await this.channel.ask<Hello>("hello", { session: named });
      // The list may have come before the answer.
      this.hello = { ...value, recent: this.recent };
      document.title = `${value.words.title} · Identify`;
      if (this.screen === "loading") this.screen = named ? "working" : "start";
      if (named && !this.progress) this.progress = { stage: "Opening what you had", done: 0, total: 0, left_s: null };
    } catch (error) {
      this.error = sentence(error);
    }
    this.tell();
  }

  async openSource(path: string | null, settings: Record<string, unknown>): Promise<void> {
    this.error = null;
    this.progress = { stage: "Opening", done: 0, total: 0, left_s: null };
    this.screen = "working";
    this.tell();
    try {
      await this.channel.ask("open", { path, settings, model: this.chosenModel });
    } catch (error) {
      this.fail(error);
    }
  }

  async reopen(session: string): Promise<void> {
    this.error = null;
    this.dialog = null;
    this.progress = { stage: "Opening what you had", done: 0, total: 0, left_s: null };
    this.screen = "working";
    this.tell();
    try {
      await this.channel.ask("reopen", { session });
    } catch (error) {
      this.fail(error);
    }
  }

  async cancel(): Promise<void> {
    try {
      await this.channel.ask("cancel");
    } catch (error) {
      this.fail(error);
    }
  }

  /** Back to the choice of a sample; the session stays in the list. */
  async leave(): Promise<void> {
    history.replaceState(null, "", location.pathname + location.search);
    this.table = this.ready = null;
    this.error = null;
    this.screen = "start";
    this.tell();
    const { value } = await this.channel.ask<Hello>("hello", { session: null });
    this.hello = { ...value, recent: this.hello?.recent ?? [] };
    this.tell();
  }

  private fail(error: unknown): void {
    this.error = sentence(error);
    this.progress = null;
    this.screen = "start";
    this.tell();
  }

  private opened(ready: Ready, buffers: DataView[]): void {
    this.thumbs.clear();
    this.selection.clear();
    this.selection.focus = null;
    this.ready = ready;
    this.table = new Table(ready, buffers);
    this.confirmed = ready.corrections;
    this.pending = [];
    this.problems = ready.problems;
    this.model = ready.model ?? this.model;
    this.order = this.table.orderByCount();
    this.filter = NO_FILTER;
    this.view = { ...this.view, by: "taxon", sort: "certainty" };
    this.quantities = null;
    this.progress = null;
    this.error = null;
    this.screen = "sorting";
    history.replaceState(null, "", `#session=${ready.session}`);
    this.regroup();
    this.announce(`${count(this.table.rows.length, this.words.unit, this.words.units)} in ${this.groups.length} groups`);
  }

  private sized(buffer: DataView): void {
    if (!this.table) return;
    this.table.sizes = new Uint16Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer);
    this.regroup();
  }

  /** Sort everything into its groups again and show it. */
  regroup(): void {
    if (!this.table) return;
    this.groups = this.table.groups(this.filter, this.order, this.view.sort, this.view.by);
    this.grid?.show(this.groups, this.view);
    this.tell();
  }

  setFilter(change: Partial<Filter>): void {
    const before = this.grid?.layout.order ?? [];
    this.filter = { ...this.filter, ...change };
    this.regroup();
    this.selection.settle(before, this.shownRows());
    this.grid?.refresh();
    this.tell();
  }

  setView(change: Partial<View>): void {
    this.view = { ...this.view, ...change };
    this.regroup();
  }

  shownRows(): number[] {
    return this.groups.flatMap((group) => group.rows);
  }

  targets(): number[] {
    return this.selection.targets(this.grid?.layout.order ?? this.shownRows());
  }

  open(dialog: Dialog): void {
    this.dialog = dialog;
    this.tell();
    if (dialog === null) this.grid?.element.focus({ preventScroll: true });
  }

  /** Move the chosen ones, or the given ones, to a taxon, or give them a status; saved before it counts as saved. */
  correct(change: { label?: string; status?: Status }, given?: readonly number[]): void {
    const { table } = this;
    const rows = given ?? this.targets();
    if (!table || !rows.length) {
      this.say(`Select a ${this.words.unit} first`, "bad");
      return;
    }
    const label = change.label ?? null;
    const status = change.status ?? "validated";
    const ids = rows.map((row) => table.ids[row]!);
    const what = count(rows.length, this.words.unit, this.words.units);
    const done =
      label !== null ? `${what} moved to ${label}` : status === "validated" ? `${what} validated` : status === "dubious" ? `${what} marked dubious` : `${what} discarded`;
    // Where others go than the one that the keyboard is on, the reader stays there.
    const next = given && this.selection.focus !== null && !given.includes(this.selection.focus) ? null : this.after(rows);
    this.pending.push({ sequence: PENDING + this.pending.length, object_ids: ids, label, status, undoes: null });
    this.takeOver();
    this.selection.clear();
    if (next !== null) {
      this.selection.goTo(next);
      this.grid?.reveal(next);
    }
    this.say(done, "good");
    this.save("correct", { object_ids: ids, label, status });
  }

  undo(): void {
    const row = nextUndo(this.corrections);
    if (!row) return this.say("Nothing to undo", "bad");
    this.takeBack("undo", row, `Undone: ${this.name(row)}`);
  }

  redo(): void {
    const row = nextRedo(this.corrections);
    if (!row) return this.say("Nothing to redo", "bad");
    const was = this.corrections.find((each) => each.sequence === row.undoes);
    this.takeBack("redo", row, `Done again: ${was ? this.name(was) : ""}`);
  }

  private takeBack(verb: "undo" | "redo", row: Correction, text: string): void {
    // A row that is still on its way has no number of its own yet, so the kernel is asked in the order of the keys.
    this.pending.push({ sequence: PENDING + this.pending.length, object_ids: [], label: null, status: null, undoes: row.sequence });
    this.takeOver();
    const subject = row.undoes === null ? row : this.corrections.find((each) => each.sequence === row.undoes);
    const first = subject?.object_ids[0];
    const at = first === undefined ? -1 : this.table!.ids.indexOf(first);
    if (at >= 0) {
      this.selection.clear();
      this.selection.goTo(at);
      this.grid?.reveal(at);
    }
    this.say(text, "good");
    this.save(verb, {});
  }

  private name(row: Correction): string {
    const what = count(row.object_ids.length, this.words.unit, this.words.units);
    if (row.parts) return row.parts.length ? `${row.object_ids[0]} divided into ${row.parts.length} parts` : `${row.object_ids[0]} joined`;
    return row.label !== null ? `${what} to ${row.label}` : `${what} ${row.status}`;
  }

  /** What the keyboard goes to when `rows` have left their places: the next one of the same group. */
  private after(rows: readonly number[]): number | null {
    const leaving = new Set(rows);
    const order = this.grid?.layout.order ?? [];
    const last = rows.reduce((most, row) => Math.max(most, this.grid?.layout.placeOf.get(row)?.index ?? -1), -1);
    const group = this.groups.find((each) => each.rows.includes(rows[0]!));
    const same = new Set(group?.rows);
    return (
      order.slice(last + 1).find((row) => same.has(row) && !leaving.has(row)) ??
      order.slice(0, last + 1).findLast((row) => same.has(row) && !leaving.has(row)) ??
      order.find((row) => !leaving.has(row)) ??
      null
    );
  }

  /** Whether the quantities are still behind the corrections. */
  get measuring(): boolean {
    return this.table !== null && this.measureError === null && behind(this.quantities, this.confirmed, this.pending);
  }

  private takeOver(): void {
    this.table!.apply(this.corrections);
    this.regroup();
  }

  /** What the kernel does before the page shows it, after all that is on its way; the rows that it wrote. Rejects where it was not done. */
  perform(verb: string, given: Record<string, unknown>): Promise<Correction[]> {
    this.saving++;
    this.tell();
    const done = this.chain
      .then(() => this.channel.ask<Correction[]>(verb, { ...given, after: this.confirmed.at(-1)?.sequence ?? 0 }))
      .finally(() => this.saving--)
      .then(({ value }) => {
        this.unsaved = null;
        this.confirm(value);
        return value;
      });
    this.chain = done.catch(() => this.tell());
    return done;
  }

  private save(verb: string, given: Record<string, unknown>): void {
    this.saving++;
    this.tell();
    this.chain = this.chain
      .then(() => this.channel.ask<Correction[]>(verb, { ...given, after: this.confirmed.at(-1)?.sequence ?? 0 }))
      .then(({ value }) => {
        this.saving--;
        this.unsaved = null;
        this.pending.shift();
        this.confirm(value);
      })
      .catch((error: unknown) => {
        this.saving--;
        // What could not be saved is taken back on the page too, so that the page never shows more than the disk holds.
        this.pending.shift();
        this.unsaved = sentence(error);
        this.takeOver();
        this.say(this.unsaved, "bad");
      });
  }

  /** Rows that the kernel has written, by this page or by another one on the same session. */
  private confirm(rows: readonly Correction[]): void {
    const known = new Set(this.confirmed.map((row) => row.sequence));
    const fresh = rows.filter((row) => !known.has(row.sequence));
    if (fresh.length) this.confirmed = [...this.confirmed, ...fresh].sort((a, b) => a.sequence - b.sequence);
    // Pending undos named pending rows; once none are on their way everything has its real number.
    if (!this.pending.length && this.table!.apply(this.corrections)) this.regroup();
    this.tell();
  }

  /** Ask whether another page has corrected something. */
  async sync(): Promise<void> {
    if (this.screen !== "sorting" || this.saving || document.hidden) return;
    try {
      const { value } = await this.channel.ask<Correction[]>("sync", { after: this.confirmed.at(-1)?.sequence ?? 0 });
      if (value.length && !this.saving) this.confirm(value);
    } catch {
      // The next round asks again.
    }
  }

  say(text: string, kind: "good" | "bad"): void {
    this.toast = { text, kind };
    this.announce(text);
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => {
      this.toast = null;
      this.tell();
    }, kind === "bad" ? 6000 : 2500);
    this.tell();
  }

  announce(text: string): void {
    this.announcement = text;
    this.tell();
  }
}
