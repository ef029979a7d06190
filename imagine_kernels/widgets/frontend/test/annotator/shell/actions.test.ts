import { describe, expect, it } from "vitest";
import { ACTIONS, actionFor, caps, clash, keyName, keyOf, rebound, reset } from "../../../src/annotator/actions";

const press = (key: string, code: string, more: Partial<Record<"ctrlKey" | "metaKey" | "altKey" | "shiftKey", boolean>> = {}) =>
  keyName({ key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

describe("the table", () => {
  it("has no name and no key twice", () => {
    expect(new Set(ACTIONS.map(({ name }) => name)).size).toBe(ACTIONS.length);
    expect(new Set(ACTIONS.map(({ key }) => key)).size).toBe(ACTIONS.length);
  });

  it("has words for each", () => {
    for (const { words } of ACTIONS) expect(words).toMatch(/^[A-Z].{3,}/);
  });
});

describe("keys", () => {
  it.each([
    ["a", press("a", "KeyA"), "A"],
    ["Shift S", press("S", "KeyS", { shiftKey: true }), "Shift+S"],
    ["? of an English keyboard", press("?", "Slash", { shiftKey: true }), "?"],
    ["? of a German keyboard", press("?", "Minus", { shiftKey: true }), "?"],
    ["+ of an English keyboard", press("+", "Equal", { shiftKey: true }), "+"],
    ["+ of a Swiss keyboard", press("+", "Digit1", { shiftKey: true }), "+"],
    ["1", press("1", "Digit1"), "1"],
    ["1 of a French keyboard", press("1", "Digit1", { shiftKey: true }), "1"],
    ["Shift 1", press("!", "Digit1", { shiftKey: true }), "Shift+1"],
    ["Alt 1 of a Mac", press("¡", "Digit1", { altKey: true }), "Alt+1"],
    ["Shift .", press(">", "Period", { shiftKey: true }), "Shift+."],
    ["Shift . of a German keyboard", press(":", "Period", { shiftKey: true }), "Shift+."],
    [". of a French keyboard", press(".", "Comma", { shiftKey: true }), "."],
    ["Ctrl Shift Z", press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }), "Ctrl+Shift+Z"],
    ["Cmd Z", press("z", "KeyZ", { metaKey: true }), "Ctrl+Z"],
    ["Space", press(" ", "Space"), "Space"],
    ["Shift arrow", press("ArrowLeft", "ArrowLeft", { shiftKey: true }), "Shift+ArrowLeft"],
    ["Tab", press("Tab", "Tab"), ""],
    ["Shift alone", press("Shift", "ShiftLeft", { shiftKey: true }), ""],
  ])("reads %s", (_, found, wanted) => expect(found).toBe(wanted));

  it("shows caps", () => {
    expect(caps("Ctrl+Shift+Z")).toEqual(["Ctrl", "Shift", "Z"]);
    expect(caps("+")).toEqual(["+"]);
    expect(caps("Ctrl++")).toEqual(["Ctrl", "+"]);
    expect(caps("Shift+ArrowLeft")).toEqual(["Shift", "←"]);
    expect(caps("")).toEqual([]);
  });
});

describe("other keys", () => {
  it("are found under the new key and no longer under the old", () => {
    const changed = rebound({}, "tool-point", "Ctrl+P");
    expect(actionFor("Ctrl+P", changed)?.name).toBe("tool-point");
    expect(actionFor("A", changed)).toBeNull();
  });

  it("say who has the key, and take it from there", () => {
    expect(clash("tool-point", "S", {})?.name).toBe("tool-rectangle");
    expect(clash("tool-point", "A", {})).toBeNull();
    const changed = rebound({}, "tool-point", "S");
    expect(actionFor("S", changed)?.name).toBe("tool-point");
    expect(keyOf("tool-rectangle", changed)).toBe("");
  });

  it("go back one by one, and leave nothing behind", () => {
    const changed = rebound({}, "tool-point", "S");
    const back = reset(changed, "tool-rectangle");
    expect(actionFor("S", back)?.name).toBe("tool-rectangle");
    expect(keyOf("tool-point", back)).toBe("");
    expect(reset(back, "tool-point")).toEqual({});
  });

  it("pass over actions that are no more", () => {
    expect(rebound({ gone: "Q" }, "tool-point", "Shift+B")).toEqual({ "tool-point": "Shift+B" });
  });
});
