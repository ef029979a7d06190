import { describe, expect, it } from "vitest";
import { Channel, Refusal, type Port } from "../src/channel";
import type { Ready } from "../src/protocol";
import { DISCARDED, NO_FILTER, Table, taxonName } from "../src/table";
import { Thumbs } from "../src/thumbs";
import { download, upload } from "../src/transfer";

const ready: Ready = {
  session: "s", name: "n", source: "/s", layout: "l", ids: ["a", "b", "c", "d"], classes: ["Copepoda", "detritus"], samples: ["st1", "st2"],
  sorts: ["area"], proposals: [{ rule: "size", name: "Size", sentence: "Too small." }, { rule: "bubble", name: "Bubble", sentence: "" }], corrections: [], problems: [], model: null, seconds: null,
};
const view = (values: ArrayBufferView) => new DataView(values.buffer as ArrayBuffer);
const buffers = () => [
  view(new Float32Array([0.9, 0.1, 0.6, 0.4, 0.2, 0.8, 0.7, 0.3])),
  view(new Uint16Array([0, 0, 1, 1])),
  view(new Uint16Array([100, 50, 200, 20, 10, 10, 300, 300])),
  view(new Float32Array([0.01, 0.01, 0.01, NaN])),
  view(new Uint16Array([0, 0, 1, 0])),
  view(new Uint8Array([0, 0, 0, 0])),
  view(new Float32Array([5, 50, 500, NaN])),
  view(new Uint8Array([2, 0, 1, 2])),
];

describe("the table", () => {
  it("groups by taxon, the least certain first", () => {
    const table = new Table(ready, buffers());
    expect(table.groups(NO_FILTER, table.orderByCount())).toEqual([
      { taxon: "Copepoda", rows: [1, 3, 0], total: 3 },
      { taxon: "detritus", rows: [2], total: 1 },
    ]);
  });

  it("says sizes in the unit of the instrument", () => {
    const sized = (mm: number[]) => new Table(ready, buffers().map((buffer, i) => (i === 3 ? view(new Float32Array(mm)) : buffer)));
    const unit = (mm: number[]) => [sized(mm).sizeUnit, sized(mm).size(0)];
    expect(unit([0.01, 0.01, 0.01, NaN])).toEqual(["mm", expect.closeTo(1, 5)]);
    expect(unit([0.0005, NaN, 0.0005, 0.0005])).toEqual(["µm", expect.closeTo(50, 5)]);
    expect(unit([NaN, NaN, 0, NaN])).toEqual(["px", 100]);
  });

  it("follows corrections, also to a taxon that the model does not know", () => {
    const table = new Table(ready, buffers());
    const row = { object_ids: ["a"], label: "Cladocera", status: "validated" as const, undoes: null };
    table.apply([{ ...row, sequence: 1 }, { ...row, sequence: 2, object_ids: ["b"], label: null, status: "discarded" }]);
    expect(table.groups(NO_FILTER, ["Copepoda"]).map((group) => group.taxon)).toEqual(["Copepoda", "Cladocera", "detritus", DISCARDED]);
    expect(table.counts()).toEqual(new Map([["Cladocera", 1], ["Copepoda", 1], ["detritus", 1]]));
    expect(table.probability[0]).toBe(0);
    expect(table.matches(0, { ...NO_FILTER, minProbability: 0.5 })).toBe(true);
    table.apply([]);
    expect(table.label[0]).toBe("Copepoda");
  });

  it("groups what is alike, most unusual first, and puts first what is like one", () => {
    const table = new Table(ready, buffers());
    expect(table.groups(NO_FILTER, [], "certainty", "cluster").map((group) => group.taxon)).toEqual(["Copepoda", "detritus"]);
    table.place(view(new Float32Array([1, 3, 0.5, 2])), view(new Uint16Array([0, 0, 1, 0])));
    const found = table.groups(NO_FILTER, [], "unusual", "cluster");
    expect(found.map((group) => [taxonName(group.taxon), group.rows, group.total])).toEqual([["Alike, group 1", [1, 3, 0], 3], ["Alike, group 2", [2], 1]]);
    table.liken(view(new Uint32Array([2, 3, 0, 1])));
    const row = { sequence: 1, object_ids: ["a"], label: null, status: "discarded" as const, undoes: null };
    table.apply([row]);
    expect(table.groups(NO_FILTER, [], "size", "similar").map((group) => [taxonName(group.taxon), group.rows])).toEqual([["Like c", [2, 3, 1]]]);
    expect(table.groups({ ...NO_FILTER, taxa: new Set(["nothing"]) }, [], "size", "similar")).toEqual([]);
  });

  it("shows what is proposed for removal by rule, until a person has judged it", () => {
    const table = new Table(ready, buffers());
    const shown = (filter = NO_FILTER) => table.groups(filter, [], "certainty", "proposal").map((group) => [taxonName(group.taxon), group.rows, group.total]);
    expect(shown()).toEqual([["Proposed for removal: size", [2], 1], ["Proposed for removal: bubble", [3, 0], 2]]);
    expect(shown({ ...NO_FILTER, rules: new Set(["bubble"]) })).toEqual([["Proposed for removal: bubble", [3, 0], 2]]);
    const row = { sequence: 1, object_ids: ["a"], label: null, status: "validated" as const, undoes: null };
    table.apply([row, { ...row, sequence: 2, object_ids: ["d"], status: "discarded" }]);
    expect(shown()).toEqual([["Proposed for removal: size", [2], 1]]);
    expect(table.proposal(0)).toBeNull();
    table.apply([row, { ...row, sequence: 2, object_ids: [], undoes: 1, status: null }]);
    expect(table.proposal(0)?.rule).toBe("bubble");
  });

  it("filters by taxon, status, sample, probability, size and text", () => {
    const table = new Table(ready, buffers());
    const shown = (change: object) => table.groups({ ...NO_FILTER, ...change }, []).flatMap((group) => group.rows);
    expect(shown({ taxa: new Set(["detritus"]) })).toEqual([2]);
    expect(shown({ statuses: new Set(["validated"]) })).toEqual([]);
    expect(shown({ samples: new Set(["st2"]) }).sort()).toEqual([2, 3]);
    expect(shown({ maxProbability: 0.65 })).toEqual([1]);
    expect(shown({ minSize: 1.5 }).sort()).toEqual([1, 3]);
    expect(shown({ text: "DETR" })).toEqual([2]);
  });

  it("sorts by size and by columns, unknown values last", () => {
    const table = new Table(ready, buffers());
    expect(table.groups(NO_FILTER, [], "size")[0]!.rows).toEqual([3, 1, 0]);
    expect(table.groups(NO_FILTER, [], "area")[0]!.rows).toEqual([1, 0, 3]);
  });

  it("suggests by mean probability", () => {
    const table = new Table(ready, buffers());
    expect(table.suggestionsFor([0, 2], 1)[0]).toMatchObject({ taxon: "Copepoda" });
    expect(table.suggestions(2, 1)[0]).toMatchObject({ taxon: "detritus" });
  });
});

class Wire implements Port {
  sent: { content: any; buffers: any[] }[] = [];
  listeners = new Set<(message: unknown, buffers: DataView[]) => void>();
  send(content: unknown, _callbacks?: unknown, given: any[] = []) {
    this.sent.push({ content, buffers: given });
  }
  on(_: "msg:custom", listener: (message: unknown, buffers: DataView[]) => void) {
    this.listeners.add(listener);
  }
  off(_: "msg:custom", listener: (message: unknown, buffers: DataView[]) => void) {
    this.listeners.delete(listener);
  }
  say(message: unknown, given: DataView[] = []) {
    for (const listener of this.listeners) listener(message, given);
  }
}

describe("the channel", () => {
  it("matches answers to questions, whatever their order", async () => {
    const wire = new Wire();
    const channel = new Channel(wire);
    const [one, two] = [channel.ask("one"), channel.ask("two")];
    wire.say({ id: wire.sent[1]!.content.id, value: 2 });
    wire.say({ id: wire.sent[0]!.content.id, value: 1 });
    expect((await one).value).toBe(1);
    expect((await two).value).toBe(2);
  });

  it("rejects with the sentence of the kernel", async () => {
    const wire = new Wire();
    const asked = new Channel(wire).ask("x");
    wire.say({ id: 1, error: "There is no such folder: choose another one." });
    await expect(asked).rejects.toThrow(new Refusal("There is no such folder: choose another one."));
  });

  it("gives up a question with patience when no answer comes", async () => {
    await expect(new Channel(new Wire()).ask("x", {}, [], 5)).rejects.toThrow("The server did not answer in time: try again.");
  });

  it("passes events on until the listener is taken off", () => {
    const wire = new Wire();
    const got: unknown[] = [];
    const off = new Channel(wire).on("progress", (value) => got.push(value));
    wire.say({ event: "progress", value: 1 });
    off();
    wire.say({ event: "progress", value: 2 });
    expect(got).toEqual([1]);
  });
});

describe("files", () => {
  it("go up in order, in parts of a megabyte", async () => {
    const parts: number[] = [];
    const ask = async (verb: string, given: any, data: ArrayBuffer[] = []) => {
      if (verb === "upload-part") parts.push(given.at, data[0]!.byteLength);
      return { value: verb === "upload-begin" ? { token: "t" } : { path: "/u/x.zip" }, buffers: [] } as any;
    };
    const path = await upload({ ask }, new File([new Uint8Array(2_500_000)], "x.zip"), () => undefined);
    expect(path).toBe("/u/x.zip");
    expect(parts).toEqual([0, 1_000_000, 1_000_000, 1_000_000, 2_000_000, 500_000]);
  });

  it("come down whole", async () => {
    const data = new Uint8Array(1_200_000).map((_, i) => i % 251);
    const ask = async (_: string, given: any) => ({ value: null, buffers: [new DataView(data.buffer, given.at, given.size)] }) as any;
    const blob = await download({ ask }, { token: "t", name: "x", size: data.length, type: "x" }, () => undefined);
    expect(Buffer.compare(Buffer.from(await blob.arrayBuffer()), Buffer.from(data))).toBe(0);
  });

  it("ask for small pictures in batches, each once", async () => {
    const asked: number[][] = [];
    const arrived: number[] = [];
    const ask = async (_: string, given: any) => {
      asked.push(given.rows);
      return { value: { rows: given.rows.filter((row: number) => row !== 3), type: "image/webp" }, buffers: given.rows.map(() => new DataView(new ArrayBuffer(1))) } as any;
    };
    const thumbs = new Thumbs({ ask }, (row) => arrived.push(row));
    const rows = Array.from({ length: 60 }, (_, i) => i);
    thumbs.want(rows);
    await new Promise((resolve) => setTimeout(resolve, 60));
    thumbs.want(rows);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(asked.map((each) => each.length)).toEqual([48, 12]);
    expect(arrived.sort((a, b) => a - b)).toEqual(rows);
    expect(thumbs.get(3)).toBeNull();
  });
});
