import { describe, expect, it } from "vitest";
import { at, ofKind, withKeyframe } from "../../../src/annotator/canvas/keyframes";
import { declared } from "../../../src/annotator/canvas/sound";
import type { Moments } from "../../../src/annotator/canvas/units";
import { nextBatch, sideFor } from "../../../src/annotator/canvas/video";
import { readWav } from "../../../src/annotator/canvas/wav";
import { seeded } from "./random";

const HALF = 0.02;
const track: Moments = { kind: "rectangle", keyframes: [[0, 0, 10, 10], [100, 0, 110, 20], [], [0, 0, 1, 1]], frames: [1, 2, 3, 5] };

describe("a shape in time", () => {
  it("is mixed between its keyframes and nothing outside", () => {
    expect(at(track, 1, HALF)).toEqual({ numbers: [0, 0, 10, 10], sort: "key" });
    expect(at(track, 1.5, HALF)).toEqual({ numbers: [50, 0, 60, 15], sort: "between" });
    expect(at(track, 0.9, HALF)).toBeNull();
    expect(at(track, 5.1, HALF)).toBeNull();
    expect(at(track, 5.019, HALF)!.sort).toBe("key");
  });

  it("is nowhere in a gap, and stays as it was until one", () => {
    expect(at(track, 2.5, HALF)).toEqual({ numbers: [100, 0, 110, 20], sort: "between" });
    expect(at(track, 3, HALF)).toBeNull();
    expect(at(track, 4, HALF)).toBeNull();
    expect(at(track, 5, HALF)!.sort).toBe("key");
  });

  it("turns the short way", () => {
    const turning: Moments = { kind: "rotated_rectangle", keyframes: [[0, 0, 2, 1, 170], [0, 0, 2, 1, -170]], frames: [0, 1] };
    expect(at(turning, 0.5, HALF)!.numbers[4]).toBeCloseTo(180, 9);
  });

  it("with a single keyframe is faint around it", () => {
    const lone: Moments = { kind: "point", keyframes: [[1, 2]], frames: [4] };
    expect([3.4, 3.6, 4, 4.4, 4.6].map((time) => at(lone, time, HALF)?.sort ?? null)).toEqual([null, "near", "key", "near", null]);
  });

  it("stays as it was where corners cannot be matched", () => {
    const shape: Moments = { kind: "polygon", keyframes: [[0, 0, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1, 0, 1]], frames: [0, 1] };
    expect(at(shape, 0.5, HALF)!.numbers).toEqual([0, 0, 1, 0, 1, 1]);
  });

  it("takes keyframes in at the right place", () => {
    expect(withKeyframe(track, 1.5, [1, 1, 2, 2], HALF).frames).toEqual([1, 1.5, 2, 3, 5]);
    expect(withKeyframe(track, 0.5, [1, 1, 2, 2], HALF).keyframes[0]).toEqual([1, 1, 2, 2]);
    expect(withKeyframe(track, 9, [1, 1, 2, 2], HALF).frames.at(-1)).toBe(9);
    const replaced = withKeyframe(track, 2.01, [7, 7, 8, 8], HALF);
    expect(replaced.frames).toEqual(track.frames);
    expect(replaced.keyframes[1]).toEqual([7, 7, 8, 8]);
    expect(track.keyframes[1]).toEqual([100, 0, 110, 20]);
    const random = seeded(4);
    for (let i = 0; i < 100; i++) {
      const time = 6 * random();
      const after = withKeyframe(track, time, [3, 3, 4, 4], HALF);
      expect(after.frames).toEqual([...after.frames].sort((a, b) => a - b));
      expect(after.keyframes).toHaveLength(after.frames.length);
      expect(at(after, time, HALF)!.numbers).toEqual([3, 3, 4, 4]);
    }
  });

  it("becomes a mask at all its keyframes", () => {
    const masked = ofKind({ kind: "rectangle", keyframes: [[0, 0, 2, 3], []], frames: [0, 1] }, "mask");
    expect(masked.keyframes).toEqual([[0, 0, 2, 3, 0, 6], []]);
  });
});

describe("frames", () => {
  it("are asked for where the next are missing", () => {
    const has = (...frames: number[]) => (frame: number) => frames.includes(frame);
    expect(nextBatch(0, 30, 100, has())).toEqual({ first: 0, n: 12 });
    expect(nextBatch(0, 30, 100, has(0, 1, 5))).toEqual({ first: 2, n: 3 });
    expect(nextBatch(95, 30, 100, has(95))).toEqual({ first: 96, n: 4 });
    expect(nextBatch(0, 3, 100, has(0, 1, 2))).toBeNull();
    expect(nextBatch(100, 3, 100, has())).toBeNull();
  });

  it("come in a few sizes only", () => {
    expect([100, 500, 961, 1900, 5000].map((wanted) => sideFor(wanted, 1920))).toEqual([480, 960, 1440, 1920, 1920]);
  });
});

describe("sound", () => {
  it("is declared at a rate that browsers know and played at the right speed", () => {
    for (const [recorded, rate] of [[384000, 0.1], [250, 4], [48000, 1]] as const) {
      const { bufferHz, playbackRate } = declared(recorded, rate);
      expect(bufferHz).toBeGreaterThanOrEqual(8000);
      expect(bufferHz).toBeLessThanOrEqual(96000);
      expect(bufferHz * playbackRate).toBeCloseTo(recorded * rate, 6);
    }
  });

  const wav = (bits: number, format: number, write: (data: DataView, at: number) => void, n = 2) => {
    const buffer = new ArrayBuffer(44 + (n * bits) / 8);
    const data = new DataView(buffer);
    [..."RIFF"].forEach((letter, i) => data.setUint8(i, letter.charCodeAt(0)));
    [..."WAVEfmt "].forEach((letter, i) => data.setUint8(8 + i, letter.charCodeAt(0)));
    data.setUint32(16, 16, true);
    data.setUint16(20, format, true);
    data.setUint16(22, 2, true);
    data.setUint32(24, 192000, true);
    data.setUint16(34, bits, true);
    [..."data"].forEach((letter, i) => data.setUint8(36 + i, letter.charCodeAt(0)));
    data.setUint32(40, (n * bits) / 8, true);
    write(data, 44);
    return buffer;
  };

  it("is read in all usual forms", () => {
    const read = (buffer: ArrayBuffer) => readWav(buffer).channels.map((channel) => [...channel]);
    expect(read(wav(16, 1, (data, at) => (data.setInt16(at, 16384, true), data.setInt16(at + 2, -32768, true))))).toEqual([[0.5], [-1]]);
    expect(read(wav(24, 1, (data, at) => (data.setUint8(at + 2, 0x40), data.setUint8(at + 5, 0x80))))).toEqual([[0.5], [-1]]);
    expect(read(wav(32, 3, (data, at) => (data.setFloat32(at, 0.25, true), data.setFloat32(at + 4, -0.5, true))))).toEqual([[0.25], [-0.5]]);
    expect(readWav(wav(16, 1, () => {})).sampleRate).toBe(192000);
    expect(() => readWav(new ArrayBuffer(100))).toThrow("is no WAV");
    expect(() => readWav(wav(16, 2, () => {}))).toThrow("16 bits in form 2");
  });
});
