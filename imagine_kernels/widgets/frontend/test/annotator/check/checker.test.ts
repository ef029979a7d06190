import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkerOf, type Checker } from "../../../src/annotator/check/checker";
import type { Doubt, Quality } from "../../../src/annotator/check/protocol";
import { run } from "../../../src/annotator/commands";
import { Page } from "../../../src/annotator/page";
import type { Mark, OpenedMedium, Project } from "../../../src/annotator/protocol";
import { Refusal, type Channel } from "../../../src/channel";
import { mark } from "../shell/fakes";

const FIGURE = { figure: "f1", first: "", second: "", value: 0.8, low: 0.7, high: 0.9 };
const QUALITY: Quality = { people: ["anna", "ben", "carla"].map((name) => ({ name, marks: 3, media: 2 })), media: 2, things: 4, figures: [FIGURE], problems: [] };
const doubt = (n: number): Doubt => ({ medium: "a.jpg", ids: { anna: `a${n}`, ben: `b${n}` }, versions: { [`a${n}`]: 1, [`b${n}`]: 1 }, labels: { anna: ["Sponge"], ben: ["Coral"] }, looked: ["anna", "ben"], shape: mark("x").shape, label: "Sponge", certainty: 0.4, reasons: ["the labels differ"] });
const THINGS = [
  { found: "same_label", first: "a1", second: "b1", first_label: "Sponge", second_label: "Sponge", overlap: 0.9 },
  { found: "only_second", first: null, second: "b2", first_label: "", second_label: "Coral", overlap: null },
];

let asked: { verb: string; given: Record<string, unknown> }[];
let answers: Record<string, unknown>;
let page: Page;
let checker: Checker;

const settle = () => vi.advanceTimersByTimeAsync(0);
const verbs = () => asked.map(({ verb }) => verb);
const opened = (name: string) => ({ medium: { name }, view: { kind: "picture" } }) as OpenedMedium;

function open(role: Project["role"] = "review", uid = "p"): void {
  page.project = { uid, name: "", description: "", role, person: "dora", tree: null, head: 0, media: 3, reviewed: 0, statuses: {} as Project["statuses"], labels: [], people: [], models: [] };
  page.opened = opened("a.jpg");
  page.desk.open("a.jpg", [mark("a1"), mark("b1"), mark("b2"), mark("other")]);
  page.tell();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("document", { activeElement: null, querySelector: () => null });
  vi.stubGlobal("requestAnimationFrame", () => 0);
  asked = [];
  const written = (ids: string[]) => ({ saved: ids.map((id) => ({ id, key: id, version: 5 })), conflicts: [], refused: [], head: 9 });
  answers = {
    quality: QUALITY,
    blind: { sessions: [] },
    controls: { controls: null, scores: [], problems: [] },
    doubts: { items: [doubt(1), doubt(2)], count: 2, next: null, sure: 3, written_before: 0 },
    compare: { things: THINGS, looked: ["anna", "ben"] },
    settle: { ...written(["a1", "b1"]), before: [mark("a1"), mark("b1")] },
    write: written(["a1", "b1"]),
  };
  const channel = {
    ask: async (verb: string, given: Record<string, unknown> = {}) => {
      asked.push({ verb, given });
      if (answers[verb] instanceof Error) throw answers[verb];
      if (!(verb in answers)) throw new Refusal(`The page asked for '${verb}', which this version does not know: reload the page.`);
      return { value: structuredClone(answers[verb]), buffers: [] };
    },
    on: () => () => undefined,
  };
  page = new Page(channel as unknown as Channel, () => null as never);
  checker = checkerOf(page);
  open();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the figures", () => {
  it("come with what is in doubt, and two people to compare", async () => {
    await checker.load();
    expect([checker.pair, checker.decisions.total, checker.sessions, checker.controls?.controls]).toEqual([["anna", "ben"], 2, [], null]);
    checker.choose({ pair: ["ben", "carla"] });
    checker.choose({ iou: 0.3 });
    await settle();
    expect(asked.findLast(({ verb }) => verb === "quality")!.given).toEqual({ session: null, people: [], iou: 0.3 });
    expect(checker.pair).toEqual(["ben", "carla"]);
  });

  it("are not asked for doubts where there are none, and controls not by who may not see them", async () => {
    answers.quality = { ...QUALITY, figures: [], problems: ["Agreement needs two people."] };
    open("annotate");
    await checker.load();
    expect(verbs().filter((verb) => verb !== "help").sort()).toEqual(["blind", "quality"]);
  });

  it("that cannot be had say why, and are gone with the project", async () => {
    answers.quality = new Refusal("The database is away.");
    await checker.load();
    expect([checker.trouble.get("quality"), checker.quality, checker.busy.size]).toEqual(["The database is away.", null, 0]);
    answers.quality = QUALITY;
    await checker.count();
    expect([checker.trouble.size, checker.quality?.things]).toEqual([0, 4]);
    open("review", "another");
    expect([checker.quality, checker.decisions.items, checker.pair]).toEqual([null, [], ["", ""]]);
  });
});

describe("a comparison", () => {
  beforeEach(async () => {
    await checker.load();
    checker.compare();
    await settle();
  });

  it("draws the marks of the two and hides all others; nothing can be changed until it ends", () => {
    expect(page.checking!.drawn(page.desk.marks).map(({ id }) => id)).toEqual(["a1", "b1", "b2"]);
    expect([page.mayEdit, checker.compared?.things.map(({ found }) => found)]).toEqual([false, ["only_second", "same_label"]]);
    for (const action of ["discarded", "undo", "copy-on", "delete"]) {
      page.toast = null;
      run(page, action);
      expect(page.toast!.text).toContain("end that first");
    }
    expect(verbs().includes("write")).toBe(false);
    expect(run(page, "escape")).toBe(true);
    expect([page.checking, page.mayEdit, checker.mode]).toEqual([null, true, null]);
  });

  it("goes through the things by key, and knows the one whose mark is clicked", () => {
    run(page, "nudge-down");
    expect([checker.at, page.selection]).toEqual([0, ["b2"]]);
    run(page, "next-mark");
    expect([checker.at, page.selection]).toEqual([1, ["a1", "b1"]]);
    run(page, "nudge-down");
    run(page, "nudge-up");
    expect(checker.at).toBe(0);
    page.select(["b1"], "surface");
    expect(checker.at).toBe(1);
  });

  it("is made anew for the next medium", async () => {
    page.opened = opened("b.jpg");
    page.tell();
    await settle();
    expect(asked.filter(({ verb }) => verb === "compare").map(({ given }) => given.medium)).toEqual(["a.jpg", "b.jpg"]);
    expect(checker.compared?.medium).toBe("b.jpg");
  });

  it("that is refused says why", async () => {
    answers.compare = new Refusal("You take part in the blind session Week 3.");
    page.opened = opened("b.jpg");
    page.tell();
    await settle();
    expect([checker.compared, checker.trouble.get("compare"), page.checking!.drawn(page.desk.marks as Mark[])]).toEqual([null, "You take part in the blind session Week 3.", []]);
  });
});

describe("a decision", () => {
  beforeEach(async () => {
    await checker.load();
    await checker.decide();
  });

  it("keeps the mark of that number, goes on, and is taken back and done again by key", async () => {
    expect(checker.at).toBe(0);
    run(page, "label-2");
    await settle();
    expect(asked.findLast(({ verb }) => verb === "settle")!.given).toEqual({ medium: "a.jpg", ids: ["a1", "b1"], keep: "b1", versions: { a1: 1, b1: 1 } });
    expect([checker.at, checker.decisions.open]).toEqual([1, 1]);
    run(page, "undo");
    await settle();
    expect([checker.at, checker.decisions.open]).toEqual([0, 2]);
    run(page, "redo");
    await settle();
    expect(checker.decisions.open).toBe(1);
  });

  it("with 0 keeps none; a number that is not there does nothing", async () => {
    run(page, "label-3");
    await settle();
    expect([page.toast?.text, verbs().includes("settle")]).toEqual(["There is no mark 3 here", false]);
    run(page, "no-label");
    await settle();
    expect(asked.findLast(({ verb }) => verb === "settle")!.given.keep).toBeNull();
  });

  it("may be under another label", async () => {
    run(page, "label");
    page.picker!.give!(["Ascidian"]);
    await settle();
    expect(asked.findLast(({ verb }) => verb === "settle")!.given).toMatchObject({ keep: "a1", path: ["Ascidian"] });
  });

  it("is for those who review", async () => {
    open("annotate");
    run(page, "label-1");
    await settle();
    expect([page.toast?.text.includes("review"), verbs().includes("settle")]).toEqual([true, false]);
  });

  it("that is refused stays open", async () => {
    answers.settle = new Refusal("Somebody has changed one of these marks.");
    run(page, "label-1");
    await settle();
    expect([page.toast?.text, checker.at, checker.decisions.open]).toEqual(["Somebody has changed one of these marks.", 0, 2]);
  });
});
