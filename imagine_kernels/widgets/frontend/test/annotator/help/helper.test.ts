import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isUnknown } from "../../../src/annotator/help/helper";
import { PAUSE_MS } from "../../../src/annotator/help/suggester";
import { Page } from "../../../src/annotator/page";
import type { Help, Helped, Mark, Project } from "../../../src/annotator/protocol";
import { Refusal, type Channel } from "../../../src/channel";
import { mark } from "../shell/fakes";

const HELP: Help = { models: [{ name: "starter", words: "", classes: ["Copepoda", "Cladocera"], starter: true }], model: "starter", corrections: 3, every: 50, running: "", offer: null };
const OFFER = { model: "newer", better: true, now: 0.7, new: 0.8, gain: 0.1, low: 0.01, high: 0.2, items: 40, media: 40, words: "" };

let asked: { verb: string; given: Record<string, unknown> }[];
let listeners: Map<string, (value: never) => void>;
let answers: Record<string, unknown>;
let page: Page;

function open(role: Project["role"] = "annotate", uid = "p"): void {
  page.project = { uid, name: "", description: "", role, person: "anna", tree: null, head: 0, media: 3, reviewed: 0, statuses: {} as Project["statuses"], labels: [], people: [], models: [] };
  page.tell();
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const verbs = () => asked.map(({ verb }) => verb);
const select = (one: Mark) => {
  page.desk.open(one.medium, [one]);
  page.select([one.id]);
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("document", { activeElement: null });
  asked = [];
  listeners = new Map();
  answers = { help: HELP, suggest: { labels: [{ path: ["Copepoda"], probability: 0.8 }, { path: ["Cladocera"], probability: 0.19 }, { path: ["Ostracoda"], probability: 0.001 }] } };
  const channel = {
    ask: async (verb: string, given: Record<string, unknown> = {}) => {
      asked.push({ verb, given });
      if (!(verb in answers)) throw new Refusal(`The page asked for '${verb}', which this version does not know: reload the page.`);
      if (answers[verb] instanceof Error) throw answers[verb];
      return { value: await answers[verb], buffers: [] };
    },
    on: (event: string, listener: (value: never) => void) => {
      listeners.set(event, listener);
      return () => undefined;
    },
  };
  page = new Page(channel as unknown as Channel, () => null as never);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("where no model helps", () => {
  it("because the kernel does not know the question, nothing is asked of it", async () => {
    delete answers.help;
    open();
    await settle();
    expect([page.helper.help, isUnknown(page.helper.trouble)]).toEqual([null, true]);
    select(mark("a", { labels: [] }));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(verbs()).toEqual(["help"]);
  });

  it("for another reason, that is said and can be tried again", async () => {
    answers.help = new Refusal("The disk is full.");
    open();
    await settle();
    expect([page.helper.trouble, isUnknown(page.helper.trouble)]).toEqual(["The disk is full.", false]);
    answers.help = HELP;
    await page.helper.load();
    expect([page.helper.trouble, page.helper.ready]).toEqual(["", true]);
  });
});

describe("a selected mark", () => {
  it("without label gets suggestions, and one of them by its number", async () => {
    open();
    await settle();
    select(mark("a", { labels: [] }));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(page.helper.suggestionsFor(["a"]).found.map(({ path }) => path[0])).toEqual(["Copepoda", "Cladocera"]);
    expect(page.helper.suggestionsFor(["b"]).found).toEqual([]);
    page.helper.take(2);
    expect(page.desk.get("a")!.labels[0]).toMatchObject({ path: ["Cladocera"], annotator: "anna" });
    // It has its label now: the suggestions go.
    expect(page.helper.suggestionsFor(["a"]).found).toEqual([]);
  });

  it("with a label is asked for only on demand", async () => {
    open();
    await settle();
    select(mark("a"));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(verbs()).toEqual(["help"]);
    page.helper.take(1);
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(verbs()).toEqual(["help", "suggest"]);
    expect(page.helper.suggestionsFor(["a"]).found).toHaveLength(2);
    page.select([]);
    page.select(["a"]);
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(verbs()).toEqual(["help", "suggest"]);
  });

  it("is not asked for where the person may only look", async () => {
    open("view");
    await settle();
    select(mark("a", { labels: [] }));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(verbs()).toEqual(["help"]);
  });
});

describe("what runs in the background", () => {
  it("is shown as running until it is told to be done", async () => {
    answers.predict = {};
    open();
    await settle();
    await page.helper.predict();
    expect(asked.at(-1)).toEqual({ verb: "predict", given: { model: "starter", threshold: 0.5, thresholds: {} } });
    expect(page.helper.help!.running).toBe("predict");
    listeners.get("helped")!({ what: "predict", added: 0, left_out: 4, problems: [], help: HELP } satisfies Helped as never);
    expect([page.helper.help!.running, page.helper.done!.left_out]).toEqual(["", 4]);
  });

  it("that cannot begin says why and does not run", async () => {
    answers.predict = new Refusal("A new model is being trained: wait until that is done.");
    open();
    await settle();
    await page.helper.predict();
    expect([page.helper.help!.running, page.toast?.text]).toEqual(["", "A new model is being trained: wait until that is done."]);
  });
});

describe("an offer", () => {
  it("is taken by using its model, and gone when it is turned down", async () => {
    answers.help = { ...HELP, offer: OFFER };
    answers["use-model"] = { ...HELP, offer: OFFER };
    open();
    await settle();
    expect(page.helper.offer?.model).toBe("newer");
    page.helper.keepOld();
    await settle();
    expect(asked.at(-1)).toEqual({ verb: "use-model", given: { model: "starter" } });
    expect(page.helper.offer).toBeNull();
  });

  it("that comes late from the project before is not shown in this one", async () => {
    let late = (_: Help) => undefined as void;
    answers.help = new Promise<Help>((resolve) => (late = resolve));
    open();
    answers.help = HELP;
    open("annotate", "q");
    await settle();
    late({ ...HELP, offer: OFFER });
    await settle();
    expect(page.helper.help).toEqual(HELP);
  });

  it("of one project is not shown in another", async () => {
    answers.help = { ...HELP, offer: OFFER };
    open();
    await settle();
    answers.help = HELP;
    open("annotate", "q");
    expect(page.helper.help).toBeNull();
    await settle();
    expect(page.helper.offer).toBeNull();
  });
});
