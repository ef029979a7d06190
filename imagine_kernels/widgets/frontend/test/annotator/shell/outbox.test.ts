import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NoAnswer } from "../../../src/channel";
import { Desk } from "../../../src/annotator/desk";
import { BATCH, Outbox } from "../../../src/annotator/outbox";
import type { Edit, Written } from "../../../src/annotator/protocol";
import { MemoryShelf } from "../../../src/annotator/shelf";
import { Server, label, mark } from "./fakes";

class LastingShelf extends MemoryShelf {
  override readonly lasting = true as unknown as false;
}

let server: Server;
let shelf: LastingShelf;
let batches: Edit[][];
/** What happens to the next questions: "lost" never arrive, "unanswered" are carried out but not answered. */
let fate: ("lost" | "unanswered" | Error)[];

function page(): { outbox: Outbox; desk: Desk } {
  let desk: Desk | null = null;
  const outbox = new Outbox({
    shelf,
    async write(edits): Promise<Written> {
      batches.push(structuredClone(edits));
      const next = fate.shift();
      if (next === "lost") throw new NoAnswer("no answer");
      if (next instanceof Error) throw next;
      const written = server.write(edits);
      if (next === "unanswered") throw new NoAnswer("no answer");
      for (const { theirs } of written.conflicts) if (theirs) desk!.fold([theirs]);
      return structuredClone(written);
    },
    saved: (edit, version) => desk!.acknowledge(edit, version),
    changed: (ids) => desk?.refresh(ids),
  });
  desk = new Desk(outbox);
  desk.open("a.jpg", [...server.marks.values()]);
  return { outbox, desk };
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server([mark("m1"), mark("m2", { version: 2 })]);
  shelf = new LastingShelf();
  batches = [];
  fate = [];
});

afterEach(() => vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(60_000);
const { version: _v, deleted: _d, ...fresh } = mark("new");

describe("sending", () => {
  it("sends a chain of edits in order and in one go", async () => {
    const { outbox, desk } = page();
    desk.create("Rectangle", [fresh]);
    desk.change("label", [{ id: "new", parts: { labels: [label("Corals")] } }]);
    desk.change("dubious", [{ id: "new", parts: { status: "dubious" } }]);
    expect(outbox.state).toEqual({ kind: "saving", n: 3 });
    await settle();
    expect(batches).toHaveLength(1);
    expect(outbox.state).toEqual({ kind: "saved" });
    expect(server.marks.get("new")).toMatchObject({ status: "dubious", labels: [{ path: ["Corals"] }] });
    expect(desk.get("new")?.version).toBe(server.marks.get("new")!.version);
    expect(shelf.entries.size).toBe(0);
  });

  it("sends many in several questions, one after the other", async () => {
    const { outbox, desk } = page();
    desk.create("many", Array.from({ length: BATCH * 2 + 5 }, (_, i) => ({ ...fresh, id: `n${i}` })));
    await settle();
    expect(batches.map(({ length }) => length)).toEqual([BATCH, BATCH, 5]);
    expect(outbox.state.kind).toBe("saved");
  });

  it("bases what was waiting on the version that the edit before it was given", async () => {
    const { desk } = page();
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    await vi.advanceTimersByTimeAsync(0);
    desk.change("two", [{ id: "m1", parts: { status: "discarded" } }]);
    await settle();
    expect(batches[1]![0]).toMatchObject({ base: 11 });
    expect(server.marks.get("m1")!.status).toBe("discarded");
  });
});

describe("a connection that drops", () => {
  it("keeps what is done, and sends it when the connection is back", async () => {
    const { outbox, desk } = page();
    outbox.connected(false);
    desk.create("Rectangle", [fresh]);
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    await settle();
    expect(batches).toEqual([]);
    expect(outbox.state).toEqual({ kind: "offline", n: 2, kept: true });
    expect(shelf.entries.size).toBe(2);
    outbox.connected(true);
    await settle();
    expect(outbox.state.kind).toBe("saved");
    expect(server.marks.get("new")).toBeDefined();
  });

  it("sends again what was not answered, and nothing is done twice", async () => {
    fate = ["lost", "unanswered"];
    const { outbox, desk } = page();
    desk.create("Rectangle", [fresh]);
    desk.change("dubious", [{ id: "new", parts: { status: "dubious" } }]);
    await vi.advanceTimersByTimeAsync(10);
    expect(outbox.state).toMatchObject({ kind: "trouble", n: 2 });
    await settle();
    expect(batches).toHaveLength(3);
    expect(batches[2]!.map(({ key }) => key)).toEqual(batches[0]!.map(({ key }) => key));
    expect(server.carried).toBe(2);
    expect(outbox.state.kind).toBe("saved");
  });

  it("passes over the answer to a question of before the connection dropped", async () => {
    const { outbox, desk } = page();
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    await vi.advanceTimersByTimeAsync(0);
    outbox.connected(false);
    outbox.connected(true);
    await settle();
    expect(outbox.state.kind).toBe("saved");
    expect(server.carried).toBe(1);
  });
});

describe("a page that is loaded anew", () => {
  it("sends what the page before has left, and shows it", async () => {
    fate = ["unanswered"];
    const first = page();
    first.desk.create("Rectangle", [fresh]);
    await vi.advanceTimersByTimeAsync(1);
    first.desk.change("dubious", [{ id: "new", parts: { status: "dubious" } }]);
    first.outbox.close();
    expect(server.carried).toBe(1);
    const second = page();
    expect(await second.outbox.begin()).toBe(2);
    expect(second.desk.get("new")?.status).toBe("dubious");
    await settle();
    expect(server.carried).toBe(2);
    expect(server.marks.get("new")).toMatchObject({ status: "dubious" });
    expect(shelf.entries.size).toBe(0);
  });

  it("comes back with conflicts that were not decided", async () => {
    const first = page();
    server.other("m1", { status: "discarded" });
    first.desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    await settle();
    first.outbox.close();
    const second = page();
    await second.outbox.begin();
    await settle();
    expect(second.outbox.held).toMatchObject([{ id: "m1", kind: "conflict", conflict: { parts: ["status"] } }]);
    second.outbox.settle("m1", ["status"]);
    await settle();
    expect(server.marks.get("m1")!.status).toBe("dubious");
  });

  it("says so where the browser keeps nothing", async () => {
    shelf = new MemoryShelf() as LastingShelf;
    const { outbox, desk } = page();
    outbox.connected(false);
    desk.create("Rectangle", [fresh]);
    expect(outbox.state).toEqual({ kind: "offline", n: 1, kept: false });
    expect(outbox.mayBeLost).toBe(true);
  });

  it("says so where the browser can keep no more", async () => {
    shelf.put = () => Promise.reject(new Error("quota"));
    const { outbox, desk } = page();
    outbox.connected(false);
    desk.create("Rectangle", [fresh]);
    await settle();
    expect(outbox.mayBeLost).toBe(true);
  });
});

describe("conflicts", () => {
  it("goes on top of theirs where they have changed other parts", async () => {
    const { outbox, desk } = page();
    server.other("m1", { labels: [label("Corals", "berta")] });
    desk.change("dubious", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.change("track", [{ id: "m1", parts: { track: "t" } }]);
    await settle();
    expect(outbox.held).toEqual([]);
    expect(server.marks.get("m1")).toMatchObject({ status: "dubious", track: "t", labels: [{ path: ["Corals"] }] });
  });

  async function conflict() {
    const made = page();
    server.other("m1", { labels: [label("Corals", "berta")], status: "discarded" });
    made.desk.change("label", [{ id: "m1", parts: { labels: [label("Crinoids")], status: "dubious", track: "t" } }]);
    await settle();
    return made;
  }

  it("holds it, shows ours, and lets others through", async () => {
    const { outbox, desk } = await conflict();
    expect(outbox.held).toMatchObject([{ id: "m1", conflict: { parts: ["labels", "status"], theirs: { status: "discarded" } } }]);
    expect(outbox.state.kind).toBe("saved");
    expect(desk.get("m1")?.status).toBe("dubious");
    desk.change("other", [{ id: "m2", parts: { status: "dubious" } }]);
    await settle();
    expect(server.marks.get("m2")!.status).toBe("dubious");
    expect(server.marks.get("m1")!.status).toBe("discarded");
  });

  it("keeps theirs, and still what is not in dispute", async () => {
    const { outbox, desk } = await conflict();
    outbox.settle("m1", []);
    await settle();
    expect(server.marks.get("m1")).toMatchObject({ status: "discarded", track: "t", labels: [{ path: ["Corals"] }] });
    expect(desk.get("m1")).toMatchObject({ status: "discarded" });
    expect(outbox.held).toEqual([]);
  });

  it("keeps mine", async () => {
    const { outbox } = await conflict();
    outbox.settle("m1", ["labels", "status"]);
    await settle();
    expect(server.marks.get("m1")).toMatchObject({ status: "dubious", labels: [{ path: ["Crinoids"] }] });
  });

  it("keeps of each part what was chosen", async () => {
    const { outbox } = await conflict();
    outbox.settle("m1", ["status"]);
    await settle();
    expect(server.marks.get("m1")).toMatchObject({ status: "dubious", labels: [{ path: ["Corals"] }] });
  });

  it("joins to it what is done to the mark meanwhile", async () => {
    const { outbox, desk } = await conflict();
    desk.change("again", [{ id: "m1", parts: { labels: [label("Hydroids")] } }]);
    await settle();
    expect(outbox.held).toHaveLength(1);
    outbox.settle("m1", ["labels"]);
    await settle();
    expect(server.marks.get("m1")!.labels[0]!.path).toEqual(["Hydroids"]);
  });

  it("holds all edits of a mark as one, also those that follow", async () => {
    const { outbox, desk } = page();
    server.other("m1", { status: "discarded" });
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.change("two", [{ id: "m1", parts: { track: "t" } }]);
    await settle();
    expect(outbox.held).toHaveLength(1);
    expect(outbox.held[0]!.edit).toMatchObject({ status: "dubious", track: "t" });
    expect(shelf.entries.size).toBe(1);
  });

  it("asks before it changes what somebody has deleted", async () => {
    const { outbox, desk } = page();
    server.other("m1", { deleted: true });
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    await settle();
    expect(outbox.held[0]!.conflict!.parts).toEqual(["deleted"]);
    outbox.settle("m1", ["deleted"]);
    await settle();
    expect(server.marks.get("m1")).toMatchObject({ deleted: false, status: "dubious" });
  });

  it("leaves it deleted where that is decided", async () => {
    const { outbox, desk } = page();
    server.other("m1", { deleted: true });
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    await settle();
    outbox.settle("m1", []);
    await settle();
    expect(server.marks.get("m1")).toMatchObject({ deleted: true, status: "validated" });
    expect(desk.marks.map(({ id }) => id)).toEqual(["m2"]);
  });
});

describe("what is refused", () => {
  it("is held with its reason, and goes through once it is corrected", async () => {
    const { outbox, desk } = page();
    desk.create("Rectangle", [{ ...fresh, labels: [label("Unknown")] }]);
    desk.change("dubious", [{ id: "new", parts: { status: "dubious" } }]);
    await settle();
    expect(outbox.held).toMatchObject([{ id: "new", kind: "refused", sentence: expect.stringContaining("not in the label tree") }]);
    expect(desk.get("new")).toBeDefined();
    desk.change("label", [{ id: "new", parts: { labels: [label("Corals")] } }]);
    outbox.retry("new");
    await settle();
    expect(server.marks.get("new")).toMatchObject({ status: "dubious", labels: [{ path: ["Corals"] }] });
    expect(outbox.held).toEqual([]);
  });

  it("is gone once it is given up", async () => {
    const { outbox, desk } = page();
    desk.create("Rectangle", [{ ...fresh, labels: [label("Unknown")] }]);
    await settle();
    outbox.drop("new");
    expect(desk.get("new")).toBeUndefined();
    expect(outbox.held).toEqual([]);
  });

  it("finds the one that the server cannot take among others", async () => {
    const { outbox, desk } = page();
    const broken = new Error("Something went wrong that was not foreseen.");
    fate = [broken, broken];
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.change("two", [{ id: "m2", parts: { status: "dubious" } }]);
    await settle();
    expect(outbox.held).toMatchObject([{ id: "m1", kind: "refused" }]);
    expect(server.marks.get("m2")!.status).toBe("dubious");
  });

  it("keeps everything and tries again where the server takes nothing at all", async () => {
    const full = new Error("The disk is full: free some space.");
    fate = Array.from({ length: 7 }, () => full);
    const { outbox, desk } = page();
    desk.change("one", [{ id: "m1", parts: { status: "dubious" } }]);
    desk.change("two", [{ id: "m2", parts: { status: "dubious" } }]);
    await vi.advanceTimersByTimeAsync(10);
    expect(outbox.state).toEqual({ kind: "trouble", n: 2, kept: true, sentence: full.message });
    expect(outbox.held).toEqual([]);
    await settle();
    expect(outbox.state.kind).toBe("saved");
  });
});
