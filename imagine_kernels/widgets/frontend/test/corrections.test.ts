import { describe, expect, it } from "vitest";
import { behind, fold, inForce, nextRedo, nextUndo } from "../src/corrections";
import type { Correction } from "../src/protocol";

function history(...steps: (Partial<Correction> | "undo" | "redo")[]): Correction[] {
  const rows: Correction[] = [];
  for (const step of steps) {
    const sequence = rows.length + 1;
    const empty = { sequence, object_ids: [], label: null, status: null, undoes: null };
    if (step === "undo" || step === "redo") {
      const target = step === "undo" ? nextUndo(rows) : nextRedo(rows);
      if (target) rows.push({ ...empty, undoes: target.sequence });
    } else rows.push({ ...empty, status: "validated", ...step });
  }
  return rows;
}

const a = { object_ids: ["a"], label: "Copepoda" };
const b = { object_ids: ["a", "b"], label: "Cladocera" };

describe("the history of corrections", () => {
  it("folds to the last label of each object", () => {
    expect(fold(history(a, b)).get("a")).toEqual({ label: "Cladocera", status: "validated" });
  });

  it("goes back by undo and forth by redo", () => {
    expect(fold(history(a, b, "undo")).get("a")?.label).toBe("Copepoda");
    expect(fold(history(a, b, "undo")).has("b")).toBe(false);
    expect(fold(history(a, b, "undo", "undo")).size).toBe(0);
    expect(fold(history(a, b, "undo", "undo", "redo")).get("a")?.label).toBe("Copepoda");
    expect(fold(history(a, b, "undo", "undo", "redo", "redo")).get("b")?.label).toBe("Cladocera");
  });

  it("has nothing to do again after a new correction", () => {
    const rows = history(a, "undo", b);
    expect(nextRedo(rows)).toBeNull();
    expect(fold(rows).get("a")?.label).toBe("Cladocera");
  });

  it("keeps the label where only the status changes", () => {
    expect(fold(history(a, { object_ids: ["a"], label: null, status: "dubious" })).get("a")).toEqual({ label: "Copepoda", status: "dubious" });
  });

  it("agrees with a plain stack of states, whatever the order of steps", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let round = 0; round < 200; round++) {
      const steps: (Partial<Correction> | "undo" | "redo")[] = [];
      const done: Partial<Correction>[] = [];
      const undone: Partial<Correction>[] = [];
      for (let i = 0; i < 25; i++) {
        const kind = random(4);
        if (kind === 0) {
          steps.push("undo");
          const last = done.pop();
          if (last) undone.push(last);
        } else if (kind === 1) {
          steps.push("redo");
          const last = undone.pop();
          if (last) done.push(last);
        } else {
          const step = { object_ids: [String(random(4))], label: `t${random(3)}` };
          steps.push(step);
          done.push(step);
          undone.length = 0;
        }
      }
      const expected = new Map(done.map((step) => [step.object_ids![0]!, step.label]));
      const got = new Map([...fold(history(...steps))].map(([id, state]) => [id, state.label]));
      expect(got).toEqual(expected);
    }
  });

  it("lists what is in force in the order in which it was made", () => {
    expect(inForce(history(a, b, "undo", a)).map((row) => row.sequence)).toEqual([1, 4]);
  });
});

describe("quantities", () => {
  it("are behind until they hold the last correction, whichever comes first", () => {
    expect(behind(null, [], [])).toBe(true);
    expect(behind({ sequence: 0 }, [], [])).toBe(false);
    expect(behind({ sequence: 0 }, [], ["on its way"])).toBe(true);
    // They hold it already, its confirmation is still on its way: then it comes.
    expect(behind({ sequence: 1 }, [], ["on its way"])).toBe(true);
    expect(behind({ sequence: 1 }, [{ sequence: 1 }], [])).toBe(false);
    expect(behind({ sequence: 1 }, [{ sequence: 1 }, { sequence: 2 }], [])).toBe(true);
  });
});
