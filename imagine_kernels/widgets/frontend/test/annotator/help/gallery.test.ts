import { beforeEach, describe, expect, it } from "vitest";
import { Gallery, PAGE } from "../../../src/annotator/grid/gallery";
import type { GridItem, Mark } from "../../../src/annotator/protocol";
import { Refusal } from "../../../src/channel";
import { Kernel } from "./kernel";

let kernel: Kernel;
let gallery: Gallery;
let said: string[];

function begin(n: number): void {
  kernel = new Kernel(n);
  said = [];
  gallery = new Gallery({
    channel: kernel,
    changed: () => undefined,
    say: (text) => said.push(text),
    words: (error) => (error as Error).message,
    picture: (bytes) => `picture ${bytes.byteLength}`,
    drop: () => undefined,
  });
}

const shown = () => gallery.order.map((row) => gallery.cards.get(row)!.item);
const choose = (...places: number[]) => gallery.selection.set(places.map((place) => gallery.order[place]!));
const states = () => [...kernel.marks.values()].filter(({ deleted }) => !deleted).map(({ id, labels, status }) => [id, labels, status]);

describe("pages", () => {
  beforeEach(() => begin(250));

  it("come one after the other, as far as they are looked at", async () => {
    await gallery.show();
    expect([gallery.order.length, gallery.count, gallery.complete]).toEqual([PAGE, 250, false]);
    await gallery.ensure(120);
    expect(gallery.order.length).toBe(200);
    await gallery.ensure(10_000);
    expect([gallery.order.length, gallery.complete]).toEqual([250, true]);
    expect(kernel.asked("grid")).toHaveLength(3);
  });

  it("show nothing twice when the list has moved between them", async () => {
    await gallery.show();
    kernel.items.unshift(kernel.items.pop()!);
    await gallery.ensure(249);
    const ids = shown().map(({ id, medium }) => id ?? medium);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("of a choice that was changed meanwhile are passed over", async () => {
    const slow = kernel.hold("grid");
    const first = gallery.show();
    kernel.release("grid");
    await gallery.show({ path: ["Copepoda"] });
    slow();
    await first;
    expect(new Set(shown().map(({ path }) => path[0]))).toEqual(new Set(["Copepoda"]));
  });

  it("that cannot be had say why, and what was there is tried again on demand", async () => {
    kernel.fail("grid", new Refusal("The model cannot be read."));
    await gallery.show();
    expect(gallery.error).toBe("The model cannot be read.");
    await gallery.show();
    expect([gallery.error, gallery.order.length]).toEqual(["", PAGE]);
  });

  it("have no picture where the file is missing", async () => {
    await gallery.show();
    expect(gallery.at(0)!.url).toBe("");
    expect(gallery.at(1)!.url).toBe("picture 4");
  });
});

describe("a bulk change", () => {
  beforeEach(async () => {
    begin(30);
    await gallery.show();
  });

  it("of labels is taken back as one step, to what everybody had said", async () => {
    const before = structuredClone(states());
    choose(1, 2, 3, 4);
    await gallery.relabel(["Detritus"]);
    expect(shown().slice(1, 5).map(({ path, status }) => [path[0], status])).toEqual(Array(4).fill(["Detritus", "validated"]));
    expect(states()).not.toEqual(before);
    await gallery.undo();
    expect(states()).toEqual(before);
    expect(shown().slice(1, 5).map(({ path }) => path[0])).toEqual(["Cladocera", "Copepoda", "Cladocera", "Copepoda"]);
    expect(gallery.nextUndo).toBeNull();
    expect(kernel.asked("write")).toHaveLength(1);
  });

  it("can be done again and taken back again, after others on the same things", async () => {
    const before = structuredClone(states());
    choose(1, 2);
    await gallery.relabel(["Detritus"]);
    choose(1, 2);
    await gallery.judge("dubious");
    await gallery.undo();
    await gallery.undo();
    expect(states()).toEqual(before);
    await gallery.redo();
    expect(shown()[1]).toMatchObject({ path: ["Detritus"], status: "validated" });
    await gallery.redo();
    expect(shown()[1]).toMatchObject({ path: ["Detritus"], status: "dubious" });
    await gallery.undo();
    await gallery.undo();
    expect(states()).toEqual(before);
    expect(said.filter((each) => each.includes("somebody else"))).toEqual([]);
  });

  it("makes a mark where nothing was marked, and undo takes the mark away", async () => {
    const place = shown().findIndex(({ id }) => id === null);
    const medium = shown()[place]!.medium;
    choose(place);
    await gallery.relabel(["Copepoda"]);
    const made = shown()[place]!;
    expect(made.id).not.toBeNull();
    expect(kernel.marks.get(made.id!)).toMatchObject({ medium, deleted: false });
    await gallery.undo();
    expect(kernel.marks.get(made.id!)!.deleted).toBe(true);
    expect(shown()[place]).toMatchObject({ id: null, path: [], status: "" });
  });

  it("confirms and discards without touching the labels", async () => {
    choose(1, 2);
    const labels = kernel.marks.get(shown()[1]!.id!)!.labels;
    await gallery.judge("validated");
    expect(kernel.marks.get(shown()[1]!.id!)).toMatchObject({ status: "validated", labels });
    choose(1);
    await gallery.judge("discarded");
    expect(shown()[1]!.status).toBe("discarded");
    await gallery.undo();
    await gallery.undo();
    expect(shown()[1]!.status).toBe("predicted");
  });

  it("leaves out what has no label to confirm, and says so", async () => {
    const empty = shown().findIndex(({ id }) => id === null);
    choose(empty, 1);
    await gallery.judge("validated");
    expect(said.at(-1)).toBe("1 annotation validated; 1 without a label left out");
    choose(empty);
    await gallery.judge("validated");
    expect(said.at(-1)).toBe("Give it a label first");
  });

  it("takes those away that no longer belong to the label shown, and brings them back to their places", async () => {
    await gallery.show({ path: ["Copepoda"] });
    const before = shown().map(({ id }) => id);
    choose(1, 3);
    await gallery.relabel(["Detritus"]);
    expect(shown().map(({ id }) => id)).toEqual(before.filter((_, i) => i !== 1 && i !== 3));
    expect(gallery.count).toBe(before.length - 2);
    await gallery.undo();
    expect(shown().map(({ id }) => id)).toEqual(before);
    expect(gallery.selection.size).toBe(2);
  });

  it("leaves what somebody else has changed meanwhile, shows it, and does the rest", async () => {
    const theirs = shown()[2]!;
    kernel.changeBehind(theirs.id!, "Chaetognatha");
    choose(1, 2);
    await gallery.relabel(["Detritus"]);
    expect(shown()[1]!.path).toEqual(["Detritus"]);
    expect(shown()[2]!.path).toEqual(["Chaetognatha"]);
    expect(said.at(-1)).toContain("1 annotation changed by somebody else");
    await gallery.undo();
    expect(kernel.marks.get(theirs.id!)!.labels[0]!.path).toEqual(["Chaetognatha"]);
  });

  it("of more than fits into one question goes in several, as one step", async () => {
    begin(450);
    await gallery.show();
    await gallery.ensure(449);
    gallery.selection.set(gallery.order);
    await gallery.relabel(["Detritus"]);
    expect(kernel.asked("relabel").length).toBe(3);
    await gallery.undo();
    expect(shown().filter(({ path }) => path[0] === "Detritus")).toEqual([]);
  });

  it("that fails leaves everything as it was, and says why", async () => {
    const before: GridItem[] = structuredClone(shown());
    kernel.fail("relabel", new Refusal("You may only look at this project."));
    choose(1, 2);
    await gallery.relabel(["Detritus"]);
    expect(said).toEqual(["You may only look at this project."]);
    expect([shown(), gallery.nextUndo, gallery.busy]).toEqual([before, null, ""]);
  });

  it("is made one at a time", async () => {
    const slow = kernel.hold("relabel");
    choose(1);
    const first = gallery.relabel(["Detritus"]);
    choose(2);
    await gallery.judge("dubious");
    expect(said.at(-1)).toBe("The change before is still on its way");
    slow();
    await first;
    expect(shown()[2]!.status).toBe("predicted");
  });
});

describe("changes of others", () => {
  it("are taken in when they are newer", async () => {
    begin(30);
    await gallery.show();
    const { id, version } = shown()[1]!;
    const mark: Mark = { ...kernel.marks.get(id!)!, labels: [{ path: ["Detritus"], annotator: "bob", given_at: "", confidence: null }], status: "validated", version };
    gallery.fold([mark]);
    expect(shown()[1]!.path).toEqual(["Cladocera"]);
    gallery.fold([{ ...mark, version: version + 1 }]);
    expect(shown()[1]).toMatchObject({ path: ["Detritus"], status: "validated", own: 0.25 });
  });
});
