/** The state of the annotator's page: what is open, what is chosen, what is being saved. Panels subscribe to it. */

import type { Channel } from "../channel";
import { count } from "../scales";
import type { Progress } from "../protocol";
import { sentence } from "../view";
import type { Bindings } from "./actions";
import type { Overlay } from "./check/checker";
import { Cell } from "./cell";
import { Desk } from "./desk";
import { Drawings } from "./drawings";
import { NO_HABITS, keepHabits, readHabits, type Habits } from "./habits";
import { firstWindow, follow, overlay, reviewsOf, sync } from "./following";
import type { Leaf } from "./grid/opening";
import { Helper } from "./help/helper";
import { LabelIndex } from "./labels";
import { Outbox, type OutboxState } from "./outbox";
import type { Changes, Edit, Hello, Mark, MediaPage, MediumShown, OpenedMedium, Project, Statistics, Tree, Written } from "./protocol";
import { MediaQueue } from "./queue";
import { BrowserShelf, type Shelf } from "./shelf";
import { Reviews } from "./reviews";
import { sourceOf } from "./source";
import type { Look, Surface, SurfaceEvents, Tool } from "./surface";
import { Telling } from "./telling";
import { titleOf } from "./words";

export type Tab = "labels" | "annotations" | "picture" | "history" | "people" | "help";
export type Dialog = { kind: "keys" | "held" | "export" | "import" | "find" | "add-media" | "read-labels" } | null;

export const NO_LOOK: Look = { brightness: 0, contrast: 0, gamma: 1, window: [0, 1], invert: false, colours: "" };
/** An answer to a write that takes longer is not waited for; the edits are sent again. */
const PATIENCE_MS = 20_000;

export class Page extends Telling {
  screen: "loading" | "start" | "opening" | "work" = "loading";
  hello: Hello | null = null;
  progress: Progress | null = null;
  error = "";
  project: Project | null = null;
  labels = new LabelIndex([]);
  statistics: Statistics | null = null;
  opened: OpenedMedium | null = null;
  /** What is being opened, and what went wrong with it. */
  opening: string | null = null;
  wanted: string | null = null;
  mediumError = "";
  /** A frame or a tile that could not be had. */
  failure = "";
  selection: string[] = [];
  label: string[] | null = null;
  /** `give` where it is not for the marks of the medium. */
  picker: { ids: string[]; filter: string; give?: (path: string[]) => void } | null = null;
  /** A whole page over the medium. */
  leaf: Leaf | null = null;
  /** People are compared, or doubts decided, on the picture: nothing else is drawn or changed. */
  checking: Overlay | null = null;
  readonly helper: Helper;
  tool: Tool = "select";
  look: Look = { ...NO_LOOK };
  opacity = 0.2;
  shapesShown = true;
  titles = false;
  brush = 24;
  rate = 1;
  band: [number, number] | null = null;
  tab: Tab = "labels";
  drawer: "media" | "panel" | null = null;
  dialog: Dialog = null;
  bindings: Bindings = {};
  habits: Habits = NO_HABITS;
  connection: "open" | "waiting" | "lost" = "open";
  outbox: Outbox | null = null;
  reviews: Reviews | null = null;
  desk: Desk;
  surface: Surface | null = null;
  readonly queue: MediaQueue;
  readonly clock = new Cell<{ time: number; playing: boolean }>({ time: 0, playing: false });
  readonly pointer = new Cell<{ x: number; y: number } | null>(null);
  readonly length = new Cell<Parameters<SurfaceEvents["measured"]>[0]>(null);
  readonly viewBox = new Cell<{ box: [number, number, number, number]; scale: number } | null>(null);
  private readonly drawings = new Drawings();
  private round = 0;
  private unsaid = "";
  private before: Element | null = null;
  private countTimer = 0;

  constructor(
    readonly channel: Channel,
    readonly makeSurface: () => Surface,
    private readonly openShelf: (project: string, person: string) => Promise<Shelf> = BrowserShelf.open,
  ) {
    super();
    this.queue = new MediaQueue(
      async (given) => (await channel.ask<MediaPage>("media", { ...given })).value,
      () => this.tell(),
      sentence,
    );
    this.desk = new Desk({ add() {}, of: () => [], ids: () => [] });
    this.helper = new Helper(this);
    channel.on<Progress>("progress", (progress) => {
      this.progress = progress;
      this.tell();
    });
    channel.on<Changes>("changes", (changes) => follow(this, changes));
    channel.on<{ added: number; problems: string[] }>("added", ({ added, problems }) => {
      this.say(problems[0] ?? `${count(added, "medium was", "media were")} added`, problems.length ? "bad" : "good");
      void sync(this);
    });
    channel.on<{ medium: string }>("tiles", ({ medium }) => medium === this.opened?.medium.name && this.surface?.reload());
  }

  get mayEdit(): boolean {
    return this.project !== null && this.project.role !== "view" && this.checking === null;
  }

  /** The tree of labels belongs to the owners of the project. */
  get mayAddLabels(): boolean {
    return this.project?.role === "own";
  }

  get selected(): Mark[] {
    return this.selection.map((id) => this.desk.get(id)).filter((mark): mark is Mark => mark !== undefined && !mark.deleted);
  }

  /** First words with the kernel; what the address names is opened again. */
  async begin(): Promise<void> {
    try {
      await this.greet();
      const named = new URLSearchParams(location.hash.replace(/^#/, ""));
      const project = named.get("project");
      if (project) return await this.openProject(project, named.get("medium"));
      this.screen = "start";
    } catch (error) {
      this.error = sentence(error);
    }
    this.tell();
  }

  private async greet(): Promise<void> {
    this.hello = (await this.channel.ask<Hello>("hello")).value;
    this.bindings = this.hello.keys;
    document.title = this.hello.title;
  }

  async openProject(uid: string, medium: string | null = null): Promise<void> {
    this.error = "";
    this.screen = "opening";
    this.tell();
    try {
      const { value } = await this.channel.ask<Project>("open", { project: uid });
      await this.enter(value, medium);
    } catch (error) {
      this.error = sentence(error);
      this.screen = "start";
      this.tell();
    }
  }

  /** Make a project and go into it. */
  async create(given: Record<string, unknown>): Promise<void> {
    this.progress = null;
    const { value } = await this.channel.ask<Project & { problems?: string[] }>("create", given);
    await this.enter(value, null);
    if (value.problems?.[0]) this.say(value.problems[0], "bad");
  }

  private async enter(project: Project, medium: string | null): Promise<void> {
    this.outbox?.close();
    this.reviews?.close();
    this.project = project;
    this.progress = null;
    this.statistics = null;
    this.selection = [];
    this.label = null;
    this.setTree(project.tree);
    this.habits = readHabits(project);
    const outbox = new Outbox({
      shelf: await this.openShelf(project.uid, project.person),
      write: (edits) => this.write(edits),
      saved: (edit, version) => this.desk.acknowledge(edit, version),
      changed: (ids) => this.refresh(ids),
    });
    this.outbox = outbox;
    this.desk = new Desk(outbox);
    const found = await outbox.begin();
    outbox.connected(this.connection === "open");
    this.reviews = reviewsOf(this, project);
    this.screen = "work";
    this.tell();
    if (found) this.say(`${found === 1 ? "One change" : `${found} changes`} kept in this browser from your last visit are being sent`, "good");
    await this.queue.show({ filter: "all", text: "", label: null });
    overlay(this);
    this.reviews.connected(this.connection === "open");
    if (medium ?? this.queue.rows[0]) await this.openMedium(medium ?? this.queue.rows[0]!.name);
  }

  /** Back to the projects. */
  async leave(): Promise<void> {
    this.outbox?.flush();
    history.replaceState(null, "", location.pathname + location.search);
    this.surface?.close();
    this.surface = null;
    this.project = this.opened = this.opening = null;
    this.screen = "start";
    this.outbox?.close();
    this.reviews?.close();
    this.outbox = this.reviews = null;
    this.dialog = this.drawer = this.picker = null;
    this.tell();
    try {
      await this.channel.ask("close");
      await this.greet();
    } catch (error) {
      this.error = sentence(error);
    }
    this.tell();
  }

  setTree(tree: Tree | null): void {
    if (this.project) this.project = { ...this.project, tree };
    this.labels = new LabelIndex(tree?.labels ?? []);
    this.show();
  }

  async openMedium(name: string): Promise<boolean> {
    const round = ++this.round;
    this.opening = this.wanted = name;
    this.mediumError = this.failure = "";
    this.picker = null;
    this.tell();
    try {
      const { value } = await this.channel.ask<OpenedMedium>("medium", { name });
      if (round !== this.round) return false;
      const before = this.opened;
      this.opened = value;
      this.selection = [];
      this.clock.set({ time: 0, playing: false });
      this.viewBox.set(null);
      this.desk.open(name, value.marks);
      history.replaceState(null, "", `#${new URLSearchParams({ project: this.project!.uid, medium: name })}`);
      this.tell();
      const window = await firstWindow(this, value, before);
      if (round !== this.round) return false;
      this.look = { ...this.look, window };
      if (this.surface && value.medium.here) {
        this.surface.setLook({ window });
        await this.surface.open(value.view, sourceOf(this, name), value.medium.pixel_size_m);
        if (round !== this.round) return false;
        this.surface.setLook(this.look);
      }
      this.opening = null;
      this.show();
      this.announce(`${name}, ${this.desk.marks.length} annotations`);
      return true;
    } catch (error) {
      if (round !== this.round) return false;
      this.opening = this.opened = null;
      this.mediumError = sentence(error);
      // Keys must not change what cannot be seen.
      this.desk.open("", []);
      this.surface?.show([]);
      this.show();
      return false;
    }
  }

  /** The surface is in the page. */
  async mount(surface: Surface): Promise<void> {
    this.surface = surface;
    surface.setStyle({ opacity: this.opacity, shown: this.shapesShown, titles: this.titles });
    surface.setBrush(this.brush);
    surface.setTool(this.tool);
    if (this.opened && !this.opening) await this.openMedium(this.opened.medium.name);
  }

  private async write(edits: Edit[]): Promise<Written> {
    const { value } = await this.channel.ask<Written>("write", { edits }, [], PATIENCE_MS);
    this.desk.fold(value.conflicts.flatMap(({ theirs }) => (theirs ? [theirs] : [])));
    return value;
  }

  /** How what is done reaches the server: the edits, and what was looked at. */
  get saving(): OutboxState {
    const state = this.outbox?.state ?? { kind: "saved" };
    const n = this.reviews?.waiting.size ?? 0;
    if (!n) return state;
    if (state.kind !== "saved") return { ...state, n: state.n + n };
    return this.connection === "open" ? { kind: "saving", n } : { kind: "offline", n, kept: true };
  }

  /** Figures follow when it is quiet for a moment. */
  countSoon(media = false): void {
    window.clearTimeout(this.countTimer);
    this.countTimer = window.setTimeout(() => void this.count(media), 700);
  }

  async count(media = false): Promise<void> {
    if (!this.project) return;
    try {
      const { value } = await this.channel.ask<Statistics>("statistics");
      this.statistics = value;
      if (this.project) this.project = { ...this.project, labels: value.labels };
      if (media && this.queue.rows.length <= 1000) await this.queue.show({}, this.queue.rows.length);
    } catch {
      // Figures are asked for again with the next change.
    }
    this.tell();
  }

  private refresh(ids: readonly string[]): void {
    if (this.unsaid && this.outbox?.state.kind === "saved") {
      this.announcement = this.outbox.held.length ? `${this.unsaid}, waits for your decision` : `${this.unsaid}, saved`;
      this.unsaid = "";
    }
    this.desk.refresh(ids);
    this.show();
  }

  /** Put the marks on the surface, and what follows from them into the lists. */
  show(): void {
    const { surface, opened } = this;
    this.selection = this.selection.filter((id) => this.desk.get(id)?.deleted === false);
    if (opened && opened.medium.name === this.desk.medium) {
      const counts: MediumShown["counts"] = {};
      for (const { status } of this.desk.marks) counts[status] = (counts[status] ?? 0) + 1;
      this.queue.update(opened.medium.name, (row) => ({ ...row, counts }));
    }
    if (surface?.view && opened && !opened.medium.here) surface.show([]);
    else if (surface?.view && opened && !this.opening) {
      const { marks } = this.desk;
      surface.show(this.checking?.drawn(marks) ?? marks.map((mark) => this.drawings.of(mark, this.labels, !this.mayEdit)));
      surface.select(this.selection);
    }
    this.tell();
  }

  select(ids: readonly string[], from: "surface" | "list" = "list"): void {
    this.selection = [...ids];
    if (this.picker && !this.picker.ids.every((id) => ids.includes(id))) this.picker = null;
    if (from === "list") this.surface?.select(this.selection);
    const [first, ...rest] = this.selected;
    if (first) this.announcement = rest.length ? `${rest.length + 1} selected` : titleOf(first);
    this.tell();
  }

  open(dialog: Dialog): void {
    if (dialog && !this.dialog) this.before = document.activeElement;
    this.dialog = dialog;
    this.tell();
    // The keyboard goes back to where it was.
    if (!dialog) (this.before as HTMLElement | null)?.focus?.({ preventScroll: true });
  }

  set(change: Partial<Pick<Page, "tab" | "drawer" | "label" | "picker" | "tool" | "rate" | "band" | "failure" | "leaf" | "checking">>): void {
    Object.assign(this, change);
    if ("label" in change) this.surface?.setStyle({ color: this.labels.colorOf(this.label ?? undefined) });
    this.tell();
  }

  setLook(change: Partial<Look>): void {
    this.look = { ...this.look, ...change };
    this.surface?.setLook(change);
    this.tell();
  }

  setHabits(habits: Habits): void {
    this.habits = habits;
    if (this.project) keepHabits(this.project, habits);
    this.tell();
  }

  setBindings(bindings: Bindings): void {
    this.bindings = bindings;
    this.tell();
    this.channel.ask("keys", { keys: bindings }).catch((error: unknown) => this.say(`The keys hold for this page only: ${sentence(error)}`, "bad"));
  }

  setConnection(connection: Page["connection"]): void {
    const back = this.connection !== "open" && connection === "open";
    this.connection = connection;
    this.outbox?.connected(connection === "open");
    this.reviews?.connected(connection === "open");
    this.tell();
    // What was asked for while nobody answered never comes.
    if (back && this.opening) void this.openMedium(this.opening);
    if (back) void sync(this);
  }

  /** Say what was done, and once more with "saved" when the server has it. */
  done(words: string): void {
    this.unsaid = words;
    this.announce(this.connection === "open" ? words : `${words}, kept here`);
  }
}
