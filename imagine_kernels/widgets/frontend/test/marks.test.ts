import { describe, expect, it } from "vitest";
import { mark, splitLabel } from "../src/marks";

const marks = [{ name: "girdle view", key: "i" }, { name: "fragment", key: "b" }];

function deskOf(label: string[], chosen: number[]) {
  const made: [string, number[]][] = [];
  const desk = {
    hello: { marks }, table: { label }, words: { unit: "valve", units: "valves" }, said: "",
    targets: () => chosen,
    say(text: string) { desk.said = text; },
    correct(change: { label?: string }, rows: number[]) { made.push([change.label!, rows]); },
  };
  return { desk: desk as any, made };
}

describe("marks behind a taxon", () => {
  it("are told from the taxon, whatever their case", () => {
    expect(splitLabel("Navicula cari (Girdle view)", marks)).toEqual(["Navicula cari", "girdle view"]);
    expect(splitLabel("Navicula (sp. 1)", marks)).toEqual(["Navicula (sp. 1)", ""]);
  });

  it("take the place of one another, one step for each taxon", () => {
    const { desk, made } = deskOf(["Navicula", "Nitzschia (girdle view)", "Navicula", "Navicula (fragment)"], [0, 1, 2, 3]);
    mark(desk, marks[1]!);
    expect(made).toEqual([["Navicula (fragment)", [0, 2]], ["Nitzschia (fragment)", [1]]]);
    expect(desk.said).toBe("4 valves marked as fragment");
  });

  it("go where all have it", () => {
    const { desk, made } = deskOf(["Navicula (fragment)", "Nitzschia (fragment)"], [0, 1]);
    mark(desk, marks[1]!);
    expect(made).toEqual([["Navicula", [0]], ["Nitzschia", [1]]]);
    expect(desk.said).toBe("2 valves no longer marked as fragment");
  });
});
