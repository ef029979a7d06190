import { beforeEach, describe, expect, it } from "vitest";
import { Decisions, PAGE } from "../../../src/annotator/check/decisions";
import { COLORS, Drawer, comparisonStyles, doubtStyles } from "../../../src/annotator/check/drawing";
import type { Difference, Doubt, Figure } from "../../../src/annotator/check/protocol";
import { along, alternatives, countWords, endByDefault, figureWords, foundWords, inOrder, intervalWords, opinionWords, pairRows } from "../../../src/annotator/check/words";
import type { Edit, Mark } from "../../../src/annotator/protocol";
import { Refusal } from "../../../src/channel";
import { Server, mark } from "../shell/fakes";

const thing = (found: Difference["found"], first: string | null, second: string | null, labels = ["Biota > Sponge", "Biota > Coral"]): Difference => ({ found, first, second, first_label: first ? labels[0]! : "", second_label: second ? labels[1]! : "", overlap: first && second ? 0.8 : null });
const THINGS = [thing("same_label", "a1", "b1"), thing("only_second", null, "b3"), thing("other_label", "a2", "b2"), thing("only_first", "a4", null)];
const doubt = (n: number, people = ["anna", "ben"]): Doubt => ({
  medium: `${n}.png`,
  ids: Object.fromEntries(people.map((who) => [who, `${who}${n}`])),
  versions: Object.fromEntries(people.map((who) => [`${who}${n}`, 1])),
  labels: { anna: ["Biota", "Sponge"], ben: ["Biota", "Coral"] },
  looked: ["anna", "ben", "carla"],
  shape: { kind: "rectangle", keyframes: [[1, 2, 3, 4]], frames: [] },
  label: "Biota > Sponge",
  certainty: 0.4,
  reasons: ["the labels differ"],
});

describe("words", () => {
  it("of figures have a minus sign, and a dash where nothing can be told", () => {
    expect([figureWords(0.845), figureWords(-0.2), figureWords(-0.001), figureWords(null), figureWords(undefined)]).toEqual(["0.84", "−0.20", "0.00", "–", "–"]);
    expect(intervalWords({ low: -0.1, high: 0.9 })).toBe("−0.10 to 0.90");
    expect([intervalWords({ low: null, high: 0.9 }), intervalWords(undefined)]).toEqual(["", ""]);
    expect([along(-0.3), along(0.25), along(1.2)]).toEqual([0, 25, 100]);
  });

  it("put the figures of two people into one row", () => {
    const figure = (name: string, first = "", second = ""): Figure => ({ figure: name, first, second, value: 0.5, low: null, high: null });
    const rows = pairRows([figure("f1"), figure("f1", "anna", "ben"), figure("kappa", "anna", "ben"), figure("f1", "anna", "carla")]);
    expect(rows.map(({ first, second, figures }) => [first, second, figures.map((each) => each?.figure)])).toEqual([
      ["anna", "ben", ["f1", undefined, "kappa"]],
      ["anna", "carla", ["f1", undefined, undefined]],
    ]);
  });

  it("say what differs, and that comes first", () => {
    expect(inOrder(THINGS).map((each) => foundWords(each, "anna", "ben"))).toEqual(["other label: anna Sponge, ben Coral", "only anna", "only ben", "same"]);
    expect(countWords(THINGS, "anna", "ben")).toBe("1 the same, 1 with another label, 1 only anna, 1 only ben");
    expect(foundWords(thing("other_label", "a", "b", ["", "Coral"]), "anna", "ben")).toBe("other label: anna no label, ben Coral");
  });

  it("name those who looked and marked nothing", () => {
    expect(opinionWords(doubt(1))).toBe("anna: Sponge, ben: Coral; carla marked nothing");
    expect(opinionWords({ ...doubt(1), looked: ["anna", "ben"] })).toBe("anna: Sponge, ben: Coral");
  });

  it("let a session end in a week at six in the evening", () => {
    expect(endByDefault(new Date(2026, 11, 28, 9, 30))).toBe("2027-01-04T18:00");
  });
});

describe("drawing", () => {
  it("tells people apart by colour and what differs by line, and hides all others", () => {
    const styles = comparisonStyles(THINGS, "anna", "ben");
    expect([...styles].map(([id, { color, dashed }]) => [id, COLORS.indexOf(color), dashed])).toEqual([
      ["a1", 0, false],
      ["b1", 1, false],
      ["b3", 1, "dots"],
      ["a2", 0, true],
      ["b2", 1, true],
      ["a4", 0, "dots"],
    ]);
    const drawn = new Drawer().draw([mark("a1"), mark("other"), mark("b3")], styles);
    expect(drawn.map(({ id, title, locked }) => [id, title, locked])).toEqual([["a1", "Sponge, anna, both the same", true], ["b3", "Coral, ben, the other has nothing", true]]);
  });

  it("draws a mark anew only where it or its look has changed", () => {
    const drawer = new Drawer();
    const [one, other] = [mark("a1"), mark("b1")];
    const styles = comparisonStyles(THINGS, "anna", "ben");
    const before = drawer.draw([one, other], styles);
    const after = drawer.draw([one, { ...other, version: 9 }], styles);
    expect(after[0]).toBe(before[0]);
    expect(after[1]!.version).not.toBe(before[1]!.version);
    expect(drawer.draw([one], doubtStyles({ ...doubt(1), ids: { anna: "a1" } }))[0]!.version).not.toBe(before[0]!.version);
  });

  it("gives each alternative a line of its own", () => {
    expect([...doubtStyles(doubt(1)).values()].map(({ dashed, title }) => [dashed, title])).toEqual([[false, "1 Sponge, anna"], [true, "2 Coral, ben"]]);
  });
});

describe("decisions", () => {
  let server: Server;
  let asked: { verb: string; given: Record<string, unknown> }[];
  let fails: Error | null;
  let decisions: Decisions;
  const all = 130;
  const state = (n: number) => ["anna", "ben"].map((who) => server.marks.get(`${who}${n}`)!.status);
  const chosen = (n: number, which: number) => alternatives(decisions.items[n]!)[which]!;

  beforeEach(async () => {
    server = new Server();
    asked = [];
    fails = null;
    const versions = new Map<string, number>();
    const doubts = Array.from({ length: all }, (_, n) => doubt(n));
    for (const each of doubts) {
      for (const [who, id] of Object.entries(each.ids)) {
        const made = mark(id, { medium: each.medium, labels: [{ path: each.labels[who]!, annotator: who, given_at: "", confidence: null }] });
        server.marks.set(id, made);
        each.versions[id] = made.version;
        versions.set(id, made.version);
      }
    }
    const put = (edits: Edit[]) => server.write(edits);
    const channel = {
      ask: async (verb: string, given: Record<string, unknown> = {}) => {
        asked.push({ verb, given });
        if (fails) throw fails;
        let value: unknown;
        if (verb === "doubts") {
          const begin = (given.after as number | null) ?? 0;
          const next = begin + PAGE < all ? begin + PAGE : null;
          value = { items: structuredClone(doubts.slice(begin, begin + PAGE)), count: all, next, sure: 7, written_before: 2 };
        } else if (verb === "write") value = await put(given.edits as Edit[]);
        else {
          const ids = given.ids as string[];
          const before = ids.map((id) => structuredClone(server.marks.get(id)!)) as Mark[];
          const known = given.versions as Record<string, number>;
          const edits = ids.map((id): Edit => ({ id, base: known[id]!, key: `${id}-${asked.length}`, status: id === given.keep ? "validated" : "discarded", attributes: { decided_by: "carla" } }));
          value = { ...(await put(edits)), before };
        }
        return { value, buffers: [] } as never;
      },
    };
    decisions = new Decisions({ channel: channel as never, question: () => ({ session: null, people: [], iou: 0.5 }), changed: () => undefined });
    await decisions.load();
  });

  it("come page by page, the first page with how many there are", async () => {
    expect([decisions.items.length, decisions.total, decisions.open, decisions.sure, decisions.written]).toEqual([PAGE, all, all, 7, 2]);
    await decisions.ensure(10);
    expect(decisions.items.length).toBe(PAGE);
    await Promise.all([decisions.ensure(60), decisions.ensure(99)]);
    expect(decisions.items.length).toBe(all);
    expect(asked.map(({ given }) => given.after)).toEqual([null, PAGE]);
  });

  it("keep one, discard the others, and go on to what is still open", async () => {
    const done = await decisions.settle(decisions.items[0]!, chosen(0, 1));
    expect(done.words).toBe("Kept: Coral, ben");
    expect(state(0)).toEqual(["discarded", "validated"]);
    expect([decisions.open, decisions.following(-1), decisions.following(0), decisions.following(99)]).toEqual([all - 1, 1, 1, 1]);
    expect((await decisions.settle(decisions.items[1]!, null)).words).toBe("Kept none of them");
    expect(state(1)).toEqual(["discarded", "discarded"]);
    expect((await decisions.settle(decisions.items[2]!, chosen(2, 0), ["Biota", "Ascidian"])).words).toBe("Kept: Ascidian, anna");
    expect(asked.at(-1)!.given.path).toEqual(["Biota", "Ascidian"]);
  });

  it("are taken back in one write, done again, and taken back once more", async () => {
    expect(await decisions.undo()).toBeNull();
    await decisions.settle(decisions.items[3]!, chosen(3, 0));
    for (let i = 0; i < 2; i++) {
      const writes = asked.filter(({ verb }) => verb === "write").length;
      expect((await decisions.undo())?.doubt).toBe(decisions.items[3]);
      expect(asked.filter(({ verb }) => verb === "write").length).toBe(writes + 1);
      expect(state(3)).toEqual(["validated", "validated"]);
      expect(server.marks.get("anna3")!.attributes).toEqual({});
      expect(decisions.open).toBe(all);
      expect((await decisions.redo())?.doubt).toBe(decisions.items[3]);
      expect(state(3)).toEqual(["validated", "discarded"]);
    }
    expect(await decisions.redo()).toBeNull();
  });

  it("that were made before the list was read anew can still be taken back", async () => {
    await decisions.settle(decisions.items[5]!, chosen(5, 0));
    await decisions.load();
    const step = await decisions.undo();
    expect(state(5)).toEqual(["validated", "validated"]);
    expect(decisions.rowOf(step!.doubt)).toBe(5);
    decisions.forget();
    expect([await decisions.undo(), await decisions.redo(), decisions.items.length]).toEqual([null, null, 0]);
  });

  it("that are refused, or meet somebody else’s, leave everything as it is", async () => {
    fails = new Refusal("Somebody has changed one of these marks.");
    await expect(decisions.settle(decisions.items[0]!, chosen(0, 0))).rejects.toThrow("Somebody has changed");
    fails = null;
    expect([decisions.open, decisions.nextUndo]).toEqual([all, null]);
    await decisions.settle(decisions.items[0]!, chosen(0, 0));
    const theirs = server.marks.get("anna0")!;
    await server.write([{ id: "anna0", base: theirs.version, key: "theirs", status: "dubious" }]);
    await expect(decisions.undo()).rejects.toThrow();
    expect(decisions.nextUndo).not.toBeNull();
  });
});
