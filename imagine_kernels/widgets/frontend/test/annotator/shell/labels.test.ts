import { describe, expect, it } from "vitest";
import { NO_HABITS, digitOf, favourite, onDigit, used } from "../../../src/annotator/habits";
import { LabelIndex, UNNAMED, pathKey } from "../../../src/annotator/labels";
import type { Label } from "../../../src/annotator/protocol";

const label = (path: string[], more: Partial<Label> = {}): Label => ({ path, aphia_id: null, rank: "", color: "", key: "", synonyms: [], ...more });
const labels = [
  label(["Biota"]),
  label(["Biota", "Porifera"], { aphia_id: 558, synonyms: ["Sponges", "Schwämme"], color: "#e69f00", key: "1" }),
  label(["Biota", "Porifera", "Geodia barretti"], { aphia_id: 134034 }),
  label(["Biota", "Cnidaria"], { aphia_id: 1267, synonyms: ["Korallen"], key: "2" }),
  label(["Litter", "Geodetic buoy"]),
];
const index = new LabelIndex(labels);
const names = (text: string) => index.search(text).map(({ path }) => path.at(-1));

describe("searching", () => {
  it("finds names, synonyms and AphiaIDs, without regard to case and accents", () => {
    expect(names("PORI")[0]).toBe("Porifera");
    expect(names("schwamme")).toEqual(["Porifera"]);
    expect(names("134034")).toEqual(["Geodia barretti"]);
  });

  it("puts whole names before beginnings, and those before names above", () => {
    expect(names("porifera")).toEqual(["Porifera", "Geodia barretti"]);
    expect(names("geod")).toEqual(["Geodia barretti", "Geodetic buoy"]);
    expect(names("bar")).toEqual(["Geodia barretti"]);
    expect(names("porifera geo")).toEqual(["Geodia barretti"]);
  });

  it("gives all where nothing is typed, and nothing where nothing fits", () => {
    expect(names("  ")).toHaveLength(labels.length);
    expect(names("xyz")).toEqual([]);
  });

  it("finds one of twenty thousand", () => {
    const many = new LabelIndex(Array.from({ length: 20_000 }, (_, i) => label(["Biota", `Genus${i % 900}`, `Genus${i % 900} species${i}`], { aphia_id: i })));
    expect(many.search("species1999")[0]!.path[2]).toMatch(/species1999/);
  });
});

describe("the tree", () => {
  it("has parents before children, also where a parent is not a label itself", () => {
    expect(index.rows().map(({ label: { path }, depth }) => [path.at(-1), depth])).toEqual([["Biota", 0], ["Porifera", 1], ["Geodia barretti", 2], ["Cnidaria", 1], ["Geodetic buoy", 0]]);
  });

  it("leaves out what is folded", () => {
    expect(index.rows(new Set([pathKey(["Biota", "Porifera"])])).map(({ label: { path } }) => path.at(-1))).not.toContain("Geodia barretti");
  });

  it("has a colour for each label, its own where it has one, also where it is not in the tree", () => {
    expect(index.colorOf(["Biota", "Porifera"])).toBe("#e69f00");
    expect(index.colorOf(["Elsewhere"])).toMatch(/^#[0-9a-f]{6}$/);
    expect(index.colorOf(["Elsewhere"])).toBe(index.colorOf(["Elsewhere"]));
    expect(index.colorOf(undefined)).toBe(UNNAMED);
  });
});

describe("habits", () => {
  it("has what was used last first, each once", () => {
    const habits = [["a"], ["b"], ["a"]].reduce(used, NO_HABITS);
    expect(habits.recent).toEqual([["a"], ["b"]]);
  });

  it("takes the keys of the tree until the person has others", () => {
    expect(onDigit(NO_HABITS, labels, "1")).toEqual(["Biota", "Porifera"]);
    const habits = favourite(NO_HABITS, "1", ["Biota", "Cnidaria"]);
    expect(onDigit(habits, labels, "1")).toEqual(["Biota", "Cnidaria"]);
    // A label has one digit.
    expect(onDigit(habits, labels, "2")).toBeNull();
    expect(digitOf(habits, labels, ["Biota", "Cnidaria"])).toBe("1");
    expect(digitOf(habits, labels, ["Biota", "Porifera"])).toBeNull();
    expect(onDigit(favourite(habits, "1", null), labels, "1")).toEqual(["Biota", "Porifera"]);
  });
});
