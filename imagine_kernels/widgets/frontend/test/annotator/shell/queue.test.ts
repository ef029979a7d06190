import { describe, expect, it } from "vitest";
import type { MediaPage, MediumShown } from "../../../src/annotator/protocol";
import { MediaQueue } from "../../../src/annotator/queue";

const medium = (i: number, reviewed = false): MediumShown => ({
  name: `${i}.jpg`, kind: "picture", width: 1, height: 1, duration_s: null, frame_rate_hz: null, sample_rate_hz: null, pixel_size_m: null,
  taken_at: "", counts: {}, reviewed_by: reviewed ? { anna: "now" } : {}, assigned_to: [], here: true, note: "",
});

function queueOf(n: number, reviewed: (i: number) => boolean = () => false) {
  const asked: { after: string | null; limit: number }[] = [];
  const queue = new MediaQueue(
    async (given): Promise<MediaPage> => {
      asked.push({ after: given.after, limit: given.limit });
      if (given.text === "break") throw new Error("The database is away: try again.");
      const from = given.after === null ? 0 : Number(given.after);
      const to = Math.min(from + given.limit, n);
      return { media: Array.from({ length: to - from }, (_, i) => medium(from + i, reviewed(from + i))), total: n, next: to < n ? String(to) : null };
    },
    () => {},
    (error) => (error as Error).message,
  );
  return { queue, asked };
}

describe("the queue", () => {
  it("fetches what is looked at, and not more", async () => {
    const { queue, asked } = queueOf(100_000);
    await queue.show({});
    expect([queue.total, queue.rows.length]).toEqual([100_000, 200]);
    await queue.ensure(150);
    expect(asked).toHaveLength(1);
    await queue.ensure(210);
    expect(queue.rows.length).toBe(400);
  });

  it("reaches the end of 100 000 in few questions", async () => {
    const { queue, asked } = queueOf(100_000);
    await queue.show({});
    await queue.ensure(99_999);
    expect(queue.rows).toHaveLength(100_000);
    expect(asked.length).toBeLessThan(60);
    expect(queue.indexOf("99999.jpg")).toBe(99_999);
  });

  it("goes to the next and the one before, over the end of a page", async () => {
    const { queue } = queueOf(500);
    await queue.show({});
    expect((await queue.beside("199.jpg", 1))?.name).toBe("200.jpg");
    expect(await queue.beside("0.jpg", -1)).toBeNull();
    expect(await queue.beside("499.jpg", 1)).toEqual(expect.objectContaining({ name: "0.jpg" })); // not known yet: begin at the first
    await queue.ensure(499);
    expect(await queue.beside("499.jpg", 1)).toBeNull();
  });

  it("finds the next that is to do", async () => {
    const { queue } = queueOf(500, (i) => i < 450);
    await queue.show({});
    expect((await queue.nextToDo("3.jpg"))?.name).toBe("450.jpg");
    const done = queueOf(300, () => true).queue;
    await done.show({});
    expect(await done.nextToDo("0.jpg")).toBeNull();
  });

  it("passes over the answer to a filter that is no longer asked for", async () => {
    let release: (() => void)[] = [];
    const queue = new MediaQueue(
      (given) => new Promise((resolve) => release.push(() => resolve({ media: [{ ...medium(0), name: given.text }], total: 1, next: null }))),
      () => {},
      String,
    );
    const first = queue.show({ text: "old" });
    const second = queue.show({ text: "new" });
    release[1]!();
    release[0]!();
    await Promise.all([first, second]);
    expect(queue.rows.map(({ name }) => name)).toEqual(["new"]);
  });

  it("says what went wrong, and keeps what it had", async () => {
    const { queue } = queueOf(10);
    await queue.show({});
    await queue.show({ text: "break" });
    expect(queue.error).toBe("The database is away: try again.");
    expect(queue.rows).toHaveLength(10);
    await queue.show({ text: "" });
    expect(queue.error).toBe("");
  });
});
