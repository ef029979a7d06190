import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { countsOf } from "../../../src/annotator/grid/counts";
import { layoutFor, lines, stepped, touched } from "../../../src/annotator/grid/layout";
import { Listing, NO_FILTER, asked, type MarksPage } from "../../../src/annotator/grid/listing";
import { PAUSE_MS, Suggester } from "../../../src/annotator/help/suggester";
import { THRESHOLDS, sent, thresholdOf, withAll, withOwn } from "../../../src/annotator/help/thresholds";
import { helpedWords, offerWords, signed, untilTraining } from "../../../src/annotator/help/words";
import type { Helped, Offer, Suggestion } from "../../../src/annotator/protocol";
import { mark } from "../shell/fakes";

const words = (error: unknown) => (error as Error).message;

describe("suggestions", () => {
  const answers = new Map<string, { resolve(found: Suggestion[]): void; reject(error: Error): void }>();
  let asks: string[];
  let suggester: Suggester<string>;
  const found = (name: string): Suggestion[] => [{ path: [name], probability: 0.9 }];
  const pause = () => vi.advanceTimersByTimeAsync(PAUSE_MS);
  const answer = async (of: string) => {
    answers.get(of)!.resolve(found(`for ${of}`));
    await vi.advanceTimersByTimeAsync(0);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    asks = [];
    answers.clear();
    suggester = new Suggester(
      (of) => {
        asks.push(of);
        return new Promise((resolve, reject) => answers.set(of, { resolve, reject }));
      },
      () => undefined,
      words,
    );
  });
  afterEach(() => vi.useRealTimers());

  it("are asked for when a mark has been selected for a moment, once", async () => {
    suggester.want("a");
    suggester.want("a");
    expect([asks, suggester.waiting]).toEqual([[], true]);
    await pause();
    await answer("a");
    expect([asks, suggester.found, suggester.waiting]).toEqual([["a"], found("for a"), false]);
  });

  it("are not asked for marks that one only passes by", async () => {
    for (const id of ["a", "b", "c"]) suggester.want(id);
    await pause();
    expect(asks).toEqual(["c"]);
  });

  it("that come late are never those of another mark", async () => {
    suggester.want("a");
    await pause();
    suggester.want("b");
    await pause();
    expect(asks).toEqual(["a"]);
    await answer("a");
    expect(suggester.found).toEqual([]);
    expect(asks).toEqual(["a", "b"]);
    await answer("b");
    expect(suggester.found).toEqual(found("for b"));
  });

  it("that come when nothing is selected are passed over", async () => {
    suggester.want("a");
    await pause();
    suggester.want(null);
    await answer("a");
    expect([suggester.found, suggester.waiting]).toEqual([[], false]);
    suggester.want("a");
    await pause();
    expect(asks).toEqual(["a", "a"]);
  });

  it("that fail say why, and the next ones come", async () => {
    suggester.want("a");
    await pause();
    answers.get("a")!.reject(new Error("The file is missing."));
    await vi.advanceTimersByTimeAsync(0);
    expect([suggester.trouble, suggester.waiting]).toEqual(["The file is missing.", false]);
    suggester.want("b");
    await pause();
    await answer("b");
    expect([suggester.trouble, suggester.found]).toEqual(["", found("for b")]);
  });
});

describe("thresholds", () => {
  it("of a label are that of all until it has its own", () => {
    const own = withOwn(THRESHOLDS, "Copepoda", 0.9);
    expect([thresholdOf(own, "Copepoda"), thresholdOf(own, "Cladocera")]).toEqual([0.9, 0.5]);
    expect(thresholdOf(withAll(own, 0.7), "Cladocera")).toBe(0.7);
    expect(thresholdOf(withOwn(own, "Copepoda", null), "Copepoda")).toBe(0.5);
  });

  it("that are the same as that of all are none of their own", () => {
    expect(withOwn(THRESHOLDS, "Copepoda", 0.5).own).toEqual({});
    expect(withAll(withOwn(THRESHOLDS, "Copepoda", 0.8), 0.8).own).toEqual({});
  });

  it("are sent only for labels of the model, between 0 and 1", () => {
    const own = withOwn(withOwn(THRESHOLDS, "Copepoda", 7), "Gone", 0.1);
    expect(sent(own, ["Copepoda", "Cladocera"])).toEqual({ threshold: 0.5, thresholds: { Copepoda: 1 } });
  });
});

describe("what is said", () => {
  const offer: Offer = { model: "b", better: true, now: 0.791, new: 0.842, gain: 0.051, low: 0.012, high: 0.09, items: 120, media: 60, words: "" };

  it("of an offer has its interval", () => {
    expect(offerWords(offer)).toBe("The new model is right in 84.2 % of 120 held-out items, the one in use in 79.1 %: +5.1 points (95 % +1.2 to +9.0).");
    expect(offerWords({ ...offer, better: false, low: -0.004 })).toContain("(95 % −0.4 to +9.0). That may be chance");
    expect([signed(0), signed(-0.0001)]).toEqual(["0.0", "0.0"]);
  });

  it("of a run says what was left out", () => {
    const helped = { what: "predict", added: 40, left_out: 12, problems: [] } as unknown as Helped;
    expect(helpedWords(helped)).toBe("40 things were named; 12 were left out, because the model is less sure than the threshold.");
    expect(helpedWords({ ...helped, added: 0, left_out: 1 })).toBe("Nothing was named; 1 was left out, because the model is less sure than the threshold.");
    expect(untilTraining({ corrections: 12, every: 50 })).toBe("12 of 50 corrections until the next training");
    expect(untilTraining({ corrections: 61, every: 50 })).toBe("61 corrections since the last training: the next one is due");
    expect(untilTraining({ corrections: 1, every: 0 })).toContain("only when you say so");
  });
});

describe("the grid", () => {
  const layout = layoutFor(600, 10);

  it("has as many columns as fit, and one at least", () => {
    expect([layout.columns, layout.width, lines(layout)]).toEqual([4, 150, 3]);
    expect(layoutFor(90, 3).columns).toBe(1);
  });

  it("finds what a rubber band touches", () => {
    expect(touched(layout, 160, 10, 310, 190)).toEqual([1, 2, 5, 6]);
    expect(touched(layout, -50, 400, 5000, 9000)).toEqual([8, 9]);
    expect(touched(layout, 320, 400, 590, 450)).toEqual([]);
  });

  it.each([
    [0, "ArrowRight", 1], [0, "ArrowLeft", 0], [9, "ArrowRight", 9], [1, "ArrowDown", 5], [6, "ArrowDown", 9], [8, "ArrowDown", 8],
    [2, "ArrowUp", 2], [6, "ArrowUp", 2], [5, "Home", 0], [5, "End", 9], [1, "PageDown", 9], [9, "PageUp", 1], [3, "PageUp", 0], [-1, "ArrowDown", 0], [4, "a", null],
  ] as const)("from %i with %s goes to %s", (from, key, to) => expect(stepped(layout, from, key, 3)).toBe(to));

  it("counts what lies under a label too", () => {
    const counts = countsOf([
      { path: ["Copepoda"], counts: { validated: 2 } },
      { path: ["Copepoda", "Calanus"], counts: { validated: 3, dubious: 1 } },
      { path: [], counts: { predicted: 5 } },
    ]);
    expect([counts.all, counts.unnamed, [...counts.of.values()]]).toEqual([11, 5, [6, 4]]);
  });
});

describe("the list of all annotations", () => {
  const page = (from: number, n: number, total: number): MarksPage => ({
    marks: Array.from({ length: n }, (_, i) => mark(`m${from + i}`)),
    next: from + n < total ? [from + n, 0] : null,
    count: from ? null : total,
  });

  it("comes page by page and keeps the number of the first", async () => {
    const questions: Record<string, unknown>[] = [];
    const listing = new Listing(async (given) => {
      questions.push(given);
      const from = (given.after as [number, number] | null)?.[0] ?? 0;
      return page(from, 200, 600);
    }, () => undefined, words);
    await listing.show();
    expect([listing.rows.length, listing.count]).toEqual([200, 600]);
    await listing.ensure(599);
    expect([listing.rows.length, questions.length]).toEqual([600, 3]);
    expect([...listing.authors]).toEqual(["anna"]);
  });

  it("of a filter that was changed meanwhile is passed over", async () => {
    let release = () => undefined as void;
    const first = new Promise<void>((resolve) => (release = resolve));
    const listing = new Listing(async (given) => {
      if (!given.statuses) await first;
      return given.statuses ? page(0, 1, 1) : page(0, 5, 5);
    }, () => undefined, words);
    const slow = listing.show();
    await listing.show({ status: "dubious" });
    release();
    await slow;
    expect([listing.count, listing.filtered]).toEqual([1, true]);
  });

  it("is asked for with whole days, parts of one, and only what matters", () => {
    expect(asked(NO_FILTER)).toEqual({});
    expect(asked({ ...NO_FILTER, until: "2026-02-01", most: "40", author: "bob" })).toEqual({ until: "2026-02-01T23:59:59.999+00:00", confidence: [0, 0.4], authors: ["bob"] });
    expect(asked({ ...NO_FILTER, least: "0" })).toEqual({ confidence: [0, 1] });
  });
});
