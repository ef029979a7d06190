import { expect, it } from "vitest";
import { Desk } from "../../../src/annotator/desk";
import { mark } from "../shell/fakes";

it("what a blind session hides from now on goes, and nothing that is newer, deleted or in another step", () => {
  const desk = new Desk({ add: () => undefined, of: () => [], ids: () => [] });
  desk.open("a.jpg", [mark("mine"), mark("theirs", { version: 4 }), mark("newer", { version: 9 }), mark("gone", { deleted: true })]);
  desk.hide([mark("mine")], 8);
  expect(desk.marks.map(({ id }) => id)).toEqual(["mine", "newer"]);
  expect([desk.get("theirs"), desk.get("gone")?.deleted]).toEqual([undefined, true]);
  // It is over: they come again.
  desk.fold([mark("theirs", { version: 4 })]);
  expect(desk.marks.map(({ id }) => id).sort()).toEqual(["mine", "newer", "theirs"]);
});
