import { describe, expect, it } from "vitest";
import { signedArea, type Point } from "../../../src/annotator/canvas/geometry";
import { blank, count, decode, encode, filled, outline, placed, stroked } from "../../../src/annotator/canvas/masks";
import { likeRegion, simplified, simplifiedRing, traced } from "../../../src/annotator/canvas/simplify";
import { seeded } from "./random";

describe("masks", () => {
  it("are run lengths by column, outside first", () => {
    // . X
    // X X
    // X .
    const mask = { x: 7, y: 9, width: 2, height: 3, bits: Uint8Array.of(0, 1, 1, 1, 1, 0) };
    expect(encode(mask)).toEqual([7, 9, 2, 3, 1, 4, 1]);
    expect(decode([7, 9, 2, 3, 1, 4, 1])).toEqual(mask);
    expect(encode({ x: 0, y: 0, width: 1, height: 1, bits: Uint8Array.of(1) })).toEqual([0, 0, 1, 1, 0, 1]);
    expect(encode(blank(0, 0, 5, 5))).toBeNull();
  });

  it("come back as they were, in a tight box", () => {
    const random = seeded(3);
    for (let round = 0; round < 60; round++) {
      const mask = blank(Math.floor(50 * random()), 4, 1 + Math.floor(20 * random()), 1 + Math.floor(20 * random()));
      const dense = random();
      mask.bits.forEach((_, i) => (mask.bits[i] = random() < dense ? 1 : 0));
      const numbers = encode(mask);
      if (!numbers) {
        expect(count(mask)).toBe(0);
        continue;
      }
      const [x, y, width, height] = numbers as [number, number, number, number];
      expect(numbers.slice(4).reduce((a, b) => a + b)).toBe(width * height);
      expect(placed(decode(numbers), mask.x, mask.y, mask.width, mask.height)).toEqual(mask);
      expect(encode(decode(numbers))).toEqual(numbers);
      const tight = placed(mask, x, y, width, height);
      expect(count(tight)).toBe(count(mask));
      // Its outline has the area of its pixels, and filling the outline gives them back.
      const rings = outline(mask);
      expect(rings.reduce((sum, ring) => sum + signedArea(ring), 0)).toBe(count(mask));
      expect(encode(filled(rings))).toEqual(numbers);
    }
  });

  it("grow under the brush and shrink under the eraser", () => {
    const dot = stroked(null, [[10, 10]], 10, true, [100, 100]);
    expect(count(dot)).toBeGreaterThan(68);
    expect(count(dot)).toBeLessThan(90);
    const line = stroked(dot, [[10, 10], [30, 10]], 10, true, [100, 100]);
    expect(count(line)).toBe(count(dot) + 200);
    expect(encode(stroked(line, [[0, 10], [40, 10]], 14, false, [100, 100]))).toBeNull();
    expect(count(stroked(null, [[0, 0]], 4, true, [100, 100]))).toBe(4 - 1);
    expect(count(stroked(null, [[5.2, 5.7]], 1, true, [100, 100]))).toBe(1);
    // What the eraser does not touch stays.
    expect(encode(stroked(line, [[80, 80]], 10, false, [100, 100]))).toEqual(encode(line));
  });
});

describe("outlines", () => {
  it("keep pixels apart that touch at a corner only", () => {
    const rings = outline({ x: 0, y: 0, width: 2, height: 2, bits: Uint8Array.of(1, 0, 0, 1) });
    expect(rings.map((ring) => signedArea(ring))).toEqual([1, 1]);
  });

  it("turn the other way round holes", () => {
    const bits = new Uint8Array(9).fill(1);
    bits[4] = 0;
    expect(outline({ x: 0, y: 0, width: 3, height: 3, bits }).map((ring) => signedArea(ring))).toEqual([9, -1]);
  });

  it("lose corners, never more than the tolerance", () => {
    expect(simplified([[0, 0], [5, 0.4], [10, 0]], 0.5)).toEqual([[0, 0], [10, 0]]);
    expect(simplified([[0, 0], [5, 0.6], [10, 0]], 0.5)).toHaveLength(3);
    const ring: Point[] = [[0, 0], [5, 0], [10, 0], [10, 10], [0, 10], [0, 5]];
    expect(simplifiedRing(ring, 0.1)).toEqual([[0, 0], [10, 0], [10, 10], [0, 10]]);
    const circle = filled([Array.from({ length: 200 }, (_, i): Point => [50 + 40 * Math.cos(i / 31.83), 50 + 40 * Math.sin(i / 31.83)])]);
    const [found] = traced(circle, 1.2, 4);
    expect(found!.length).toBeLessThan(40);
    expect(Math.abs(signedArea(found!)) / (Math.PI * 1600)).toBeCloseTo(1, 1);
  });
});

describe("the wand", () => {
  it("takes like colours that hang together", () => {
    const [width, height] = [6, 4];
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    const dark = (x: number, y: number, value: number) => data.fill(value, 4 * (y * width + x), 4 * (y * width + x) + 3);
    for (const [x, y] of [[0, 0], [1, 0], [1, 1], [1, 2], [2, 2], [5, 3]]) dark(x!, y!, 10);
    dark(3, 2, 40);
    expect(count(likeRegion({ width, height, data }, 0, 0, 8))).toBe(5);
    expect(count(likeRegion({ width, height, data }, 0, 0, 30))).toBe(6);
    expect(count(likeRegion({ width, height, data }, 0, 0, 255))).toBe(24);
    expect(count(likeRegion({ width, height, data }, 9, 0, 255))).toBe(0);
  });

  it("finds the same pixels as a plain search", () => {
    const random = seeded(9);
    for (let round = 0; round < 20; round++) {
      const [width, height] = [17, 13];
      const data = new Uint8ClampedArray(4 * width * height).fill(255);
      for (let i = 0; i < width * height; i++) if (random() < 0.55) data.fill(0, 4 * i, 4 * i + 3);
      data.fill(0, 0, 3);
      const found = new Set([0]);
      for (const at of found)
        for (const next of [at - width, at + width, ...(at % width ? [at - 1] : []), ...(at % width < width - 1 ? [at + 1] : [])])
          if (next >= 0 && next < width * height && data[4 * next] === 0) found.add(next);
      const mask = likeRegion({ width, height, data }, 0, 0, 10);
      expect([...mask.bits].flatMap((bit, i) => (bit ? [i] : []))).toEqual([...found].sort((a, b) => a - b));
    }
  });
});
