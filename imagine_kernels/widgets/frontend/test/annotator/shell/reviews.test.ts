import { describe, expect, it } from "vitest";
import { NoAnswer, Refusal } from "../../../src/channel";
import { Reviews, type Drawer } from "../../../src/annotator/reviews";

class Memory implements Drawer {
  readonly held = new Map<string, string>();
  getItem(key: string) {
    return this.held.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.held.set(key, value);
  }
  removeItem(key: string) {
    this.held.delete(key);
  }
}

function made(drawer: Drawer, answer: (media: string[], reviewed: boolean) => Promise<void>) {
  const asked: [string[], boolean][] = [];
  const refused: string[] = [];
  const reviews = new Reviews({
    key: "k",
    drawer,
    ask: (media, reviewed) => {
      asked.push([media, reviewed]);
      return answer(media, reviewed);
    },
    refused: (media) => refused.push(...media),
    changed() {},
  });
  return { reviews, asked, refused };
}

const settled = () => new Promise((done) => setTimeout(done));

describe("what was looked at", () => {
  it("is sent at once and forgotten when the server has it", async () => {
    const drawer = new Memory();
    const { reviews, asked } = made(drawer, async () => {});
    reviews.note("a", true);
    expect(drawer.held.size).toBe(1);
    await settled();
    expect(asked).toEqual([[["a"], true]]);
    expect(reviews.waiting.size + drawer.held.size).toBe(0);
  });

  it("waits in the drawer while there is no connection, and an other page sends it", async () => {
    const drawer = new Memory();
    const first = made(drawer, async () => {});
    first.reviews.connected(false);
    first.reviews.note("a", true);
    first.reviews.note("b", false);
    first.reviews.note("c", true);
    first.reviews.note("c", false);
    first.reviews.close();
    await settled();
    expect(first.asked).toEqual([]);
    const second = made(drawer, async () => {});
    second.reviews.connected(true);
    await settled();
    expect(second.asked).toEqual([[["a"], true], [["b", "c"], false]]);
    expect(drawer.held.size).toBe(0);
  });

  it("stays where no answer comes, and is told where the server will not", async () => {
    const drawer = new Memory();
    let answer: Error = new NoAnswer("nothing");
    const { reviews, refused } = made(drawer, () => Promise.reject(answer));
    reviews.note("a", true);
    await settled();
    expect([...reviews.waiting.keys()]).toEqual(["a"]);
    answer = new Refusal("You may not.");
    reviews.flush();
    await settled();
    expect(refused).toEqual(["a"]);
    expect(reviews.waiting.size).toBe(0);
  });

  it("said otherwise while it was on its way is sent again", async () => {
    const drawer = new Memory();
    const { reviews, asked } = made(drawer, async () => {});
    reviews.note("a", true);
    reviews.note("a", false);
    await settled();
    expect(asked).toEqual([[["a"], true], [["a"], false]]);
    expect(drawer.held.size).toBe(0);
  });
});
