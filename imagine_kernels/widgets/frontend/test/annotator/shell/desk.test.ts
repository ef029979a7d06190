import { beforeEach, describe, expect, it } from "vitest";
import { Desk } from "../../../src/annotator/desk";
import type { Edit } from "../../../src/annotator/protocol";
import { label, mark } from "./fakes";

class Queue {
  edits: Edit[] = [];
  add(edits: readonly Edit[]): void {
    this.edits.push(...edits);
  }
  of(id: string): readonly Edit[] {
    return this.edits.filter((edit) => edit.id === id);
  }
  ids(medium: string): readonly string[] {
    return this.edits.filter((edit) => edit.medium === medium).map(({ id }) => id);
  }
  /** The server has taken the first one. */
  saved(desk: Desk, version: number): void {
    const edit = this.edits.shift()!;
    desk.acknowledge(edit, version);
    desk.refresh([edit.id]);
  }
}

let queue: Queue;
let desk: Desk;
let n = 0;

beforeEach(() => {
  queue = new Queue();
  n = 0;
  desk = new Desk(queue, () => `k${++n}`);
  desk.open("a.jpg", [mark("m1"), mark("m2", { version: 2 }), mark("gone", { deleted: true })]);
});

const { version: _v, deleted: _d, ...fresh } = mark("new");

describe("marks", () => {
  it("shows those that are not deleted", () => {
    expect(desk.marks.map(({ id }) => id)).toEqual(["m1", "m2"]);
  });

  it("has a drawn one at once, and sends all of it", () => {
    desk.create("Rectangle", [fresh]);
    expect(desk.marks.map(({ id }) => id)).toContain("new");
    expect(queue.edits[0]).toMatchObject({ id: "new", base: 0, key: "k1", medium: "a.jpg", status: "validated", labels: fresh.labels });
    expect(queue.edits[0]).not.toHaveProperty("after");
  });

  it("bases an edit on the version that is known, and on the edit before while that is on its way", () => {
    desk.change("dubious", [{ id: "m2", parts: { status: "dubious" } }]);
    desk.change("again", [{ id: "m2", parts: { status: "discarded" } }]);
    expect(queue.edits).toEqual([
      { id: "m2", base: 2, key: "k1", status: "dubious" },
      { id: "m2", base: 2, after: "k1", key: "k2", status: "discarded" },
    ]);
    queue.saved(desk, 7);
    queue.saved(desk, 8);
    desk.change("back", [{ id: "m2", parts: { status: "validated" } }]);
    expect(queue.edits[0]).toMatchObject({ base: 8 });
    expect(queue.edits[0]).not.toHaveProperty("after");
  });

  it("sends nothing for what is so already", () => {
    const given = [{ ...label("Sponges"), given_at: "2030-01-01T00:00:00Z" }];
    expect(desk.change("same", [{ id: "m1", parts: { status: "validated", labels: given } }])).toBe(0);
    expect(queue.edits).toEqual([]);
    expect(desk.nextUndo).toBeNull();
  });

  it("keeps what is not saved when another medium is opened and this one again", () => {
    desk.create("Rectangle", [fresh]);
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.open("b.jpg", [mark("b1", { medium: "b.jpg" })]);
    expect(desk.marks.map(({ id }) => id)).toEqual(["b1"]);
    desk.open("a.jpg", [mark("m1"), mark("m2")]);
    expect(desk.marks.map(({ id, status }) => [id, status])).toEqual([["m1", "dubious"], ["m2", "validated"], ["new", "validated"]]);
  });
});

describe("changes of others", () => {
  it("takes them in under what is pending here", () => {
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    const told = desk.fold([mark("m1", { version: 9, labels: [label("Corals", "berta")] }), mark("m9", { version: 10 }), mark("x", { medium: "b.jpg", version: 11 })]);
    expect(told).toEqual(["m1", "m9"]);
    expect(desk.get("m1")).toMatchObject({ status: "dubious", version: 9, labels: [{ path: ["Corals"] }] });
    expect(desk.get("x")).toBeUndefined();
  });

  it("passes over what is older than what is known, and says nothing of our own", () => {
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    queue.saved(desk, 20);
    expect(desk.fold([mark("m1", { version: 20, status: "dubious" })])).toEqual([]);
    expect(desk.fold([mark("m1", { version: 5, status: "discarded" })])).toEqual([]);
    expect(desk.get("m1")?.status).toBe("dubious");
  });

  it("does not go back when the answer comes after the news", () => {
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.fold([mark("m1", { version: 21, status: "discarded" })]);
    queue.saved(desk, 20);
    expect(desk.get("m1")).toMatchObject({ version: 21, status: "discarded" });
  });

  it("takes away what somebody has deleted", () => {
    expect(desk.fold([mark("m1", { version: 9, deleted: true })])).toEqual(["m1"]);
    expect(desk.marks.map(({ id }) => id)).toEqual(["m2"]);
  });
});

describe("undo and redo", () => {
  it("takes back a step of many edits at once, and does it again", () => {
    desk.change("both dubious", ["m1", "m2"].map((id) => ({ id, parts: { status: "dubious" as const } })));
    expect(desk.undo()).toMatchObject({ done: 2, left: [], step: { words: "both dubious" } });
    expect(desk.marks.map(({ status }) => status)).toEqual(["validated", "validated"]);
    expect(desk.redo()).toMatchObject({ done: 2 });
    expect(desk.marks.map(({ status }) => status)).toEqual(["dubious", "dubious"]);
    // Each is an edit of its own on top of the one before.
    expect(queue.of("m1").map(({ after }) => after)).toEqual([undefined, "k1", "k3"]);
  });

  it("has no limit", () => {
    let version = 20;
    for (let i = 0; i < 3000; i++) {
      desk.change(`${i}`, [{ id: "m1", parts: { attributes: { i } } }]);
      queue.saved(desk, version++);
    }
    for (let i = 0; i < 3000; i++) {
      desk.undo();
      queue.saved(desk, version++);
    }
    expect(desk.get("m1")?.attributes).toEqual({});
    expect(desk.undo()).toBeNull();
  });

  it("undoes drawing by deleting, and brings it back", () => {
    desk.create("Rectangle", [fresh]);
    desk.undo();
    expect(desk.get("new")?.deleted).toBe(true);
    expect(queue.edits[1]).toEqual({ id: "new", base: 0, after: "k1", key: "k2", deleted: true });
    desk.redo();
    expect(desk.get("new")?.deleted).toBe(false);
  });

  it("bases the undo on the newest version", () => {
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    queue.saved(desk, 20);
    desk.fold([mark("m1", { version: 25, status: "dubious", labels: [label("Corals", "berta")] })]);
    expect(desk.undo()).toMatchObject({ done: 1, left: [] });
    expect(queue.edits[0]).toEqual({ id: "m1", base: 25, key: "k2", status: "validated" });
    expect(desk.get("m1")?.labels[0]?.path).toEqual(["Corals"]);
  });

  it("leaves what somebody else has changed since, and says so", () => {
    desk.change("both", [
      { id: "m1", parts: { status: "dubious", labels: [label("Corals")] } },
      { id: "m2", parts: { status: "dubious" } },
    ]);
    queue.saved(desk, 20);
    queue.saved(desk, 21);
    desk.fold([mark("m1", { version: 25, status: "dubious", labels: [label("Crinoids", "berta")] })]);
    expect(desk.undo()).toMatchObject({ done: 2, left: [{ id: "m1", parts: ["labels"] }] });
    expect(desk.get("m1")).toMatchObject({ status: "validated", labels: [{ path: ["Crinoids"] }] });
    // What was left is not done again either.
    desk.redo();
    expect(desk.get("m1")).toMatchObject({ status: "dubious", labels: [{ path: ["Crinoids"] }] });
  });

  it("forgets what could be done again once something else is done", () => {
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.undo();
    desk.change("two", [{ id: "m2", parts: { status: "dubious" } }]);
    expect(desk.nextRedo).toBeNull();
    expect(desk.nextUndo?.words).toBe("two");
  });

  it("names the medium of a step, which may not be the one that is open", () => {
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.open("b.jpg", []);
    expect(desk.nextUndo?.medium).toBe("a.jpg");
  });
});
