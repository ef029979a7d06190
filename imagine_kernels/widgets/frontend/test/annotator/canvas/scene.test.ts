import { describe, expect, it } from "vitest";
import type { Box, Point } from "../../../src/annotator/canvas/geometry";
import { BoxGrid } from "../../../src/annotator/canvas/grid";
import { COLOUR_MAPS, curves, NEUTRAL, toned } from "../../../src/annotator/canvas/look";
import { Marks } from "../../../src/annotator/canvas/marks";
import { clock, hertz, measured, metres, roundBelow, scaleBar, ticks, wordsOf } from "../../../src/annotator/canvas/measure";
import { storedKind, unitsOf } from "../../../src/annotator/canvas/units";
import type { PictureView, Shape, SoundView } from "../../../src/annotator/protocol";
import type { Drawn } from "../../../src/annotator/surface";
import { seeded } from "./random";

const sound: SoundView = {
  kind: "sound", width: 6000, height: 512, tile: 256, levels: 6, type: "image/webp", duration_s: 60, sample_rate_hz: 48000,
  second_per_px: 0.01, hertz_per_px: 24000 / 512, range: [-100, 0], unit: "dB", channels: 1,
};
const picture: PictureView = { kind: "picture", width: 1000, height: 800, tile: 256, levels: 3, type: "image/webp", bits: 8, colour: true };
const shape = (kind: Shape["kind"], numbers: (number | null)[]): Shape => ({ kind, keyframes: [numbers], frames: [] });

describe("units", () => {
  it("of a recording have y upwards", () => {
    const units = unitsOf(sound);
    expect(units.pointToPx([10, 0])).toEqual([1000, 512]);
    expect(units.pointToPx([10, 24000])).toEqual([1000, 0]);
    expect(units.boxFromPx([0, 0, 6000, 512])).toEqual([0, 0, 60, 24000]);
    expect(units.toPx(shape("rectangle", [1, 6000, 2, 12000])).keyframes[0]).toEqual([100, 256, 200, 384]);
  });

  it("come back as they were", () => {
    const random = seeded(8);
    const some = (n: number) => Array.from({ length: n }, () => 1 + 20 * random());
    for (const view of [sound, picture]) {
      const units = unitsOf(view);
      for (let i = 0; i < 20; i++) {
        const [a, b, c, d] = some(4).sort((p, q) => p - q) as [number, number, number, number];
        const shapes = [
          shape("rectangle", [a, b, c, d]), shape("point", some(2)), shape("line", some(6)), shape("polygon", [...some(6), null, null, ...some(6)]),
          shape("ellipse", [...some(2), c, a, 0]), shape("keypoints", [...some(2), 2, ...some(2), 1]), shape("whole", []),
        ];
        for (const each of shapes) {
          const back = units.fromPx(units.toPx(each));
          expect(back.kind).toBe(each.kind);
          each.keyframes[0]!.forEach((n, k) => (n === null ? expect(back.keyframes[0]![k]).toBeNull() : expect(back.keyframes[0]![k]).toBeCloseTo(n, 9)));
        }
      }
    }
  });

  it("keep a turned ellipse of a recording the same set of points", () => {
    const units = unitsOf({ ...sound, second_per_px: 0.5, hertz_per_px: 2 });
    const [x, y, a, b, degrees] = units.fromPx({ kind: "ellipse", keyframes: [[100, 100, 30, 10, 25]], frames: [] }).keyframes[0] as number[];
    for (let i = 0; i < 12; i++) {
      const t = (i * Math.PI) / 6;
      const [cos, sin] = [Math.cos((25 * Math.PI) / 180), Math.sin((25 * Math.PI) / 180)];
      const [u, v] = units.pointFromPx([100 + 30 * Math.cos(t) * cos - 10 * Math.sin(t) * sin, 100 + 30 * Math.cos(t) * sin + 10 * Math.sin(t) * cos] as Point);
      // Clockwise on the screen is the other way round where y goes up.
      const turn = (-degrees! * Math.PI) / 180;
      const [p, q] = [(u - x!) * Math.cos(turn) + (v - y!) * Math.sin(turn), -(u - x!) * Math.sin(turn) + (v - y!) * Math.cos(turn)];
      expect((p / a!) ** 2 + (q / b!) ** 2).toBeCloseTo(1, 9);
    }
  });

  it("say what cannot be told in s and Hz otherwise", () => {
    const units = unitsOf(sound);
    expect(units.fromPx({ kind: "mask", keyframes: [[0, 508, 4, 4, 0, 16]], frames: [] }).kind).toBe("polygon");
    expect(units.fromPx({ kind: "rotated_rectangle", keyframes: [[10, 10, 4, 4, 30]], frames: [] }).kind).toBe("polygon");
    expect(units.fromPx({ kind: "circle", keyframes: [[100, 412, 10]], frames: [] })).toEqual(shape("ellipse", [1, 100 * (24000 / 512), 0.1, 10 * (24000 / 512), 0]));
    expect((["mask", "circle", "rectangle"] as const).map((kind) => storedKind(kind, sound))).toEqual(["polygon", "ellipse", "rectangle"]);
    expect(storedKind("mask", picture)).toBe("mask");
  });
});

describe("boxes", () => {
  it("are found as by looking at all of them", () => {
    const random = seeded(17);
    const grid = new BoxGrid(50);
    const all = new Map<string, Box>();
    const some = (): Box => {
      const [x, y, size] = [1000 * random() - 100, 1000 * random() - 100, random() < 0.05 ? 900 : 40];
      return [x, y, x + size * random(), y + size * random()];
    };
    for (let i = 0; i < 600; i++) {
      const name = `n${Math.floor(300 * random())}`;
      if (random() < 0.2) {
        grid.delete(name);
        all.delete(name);
      } else {
        const box = some();
        grid.set(name, box);
        all.set(name, box);
      }
    }
    expect(grid.size).toBe(all.size);
    for (let i = 0; i < 100; i++) {
      const box = i ? some() : ([-Infinity, -Infinity, Infinity, Infinity] as Box);
      const wanted = [...all].filter(([, [x0, y0, x1, y1]]) => x0 <= box[2] && x1 >= box[0] && y0 <= box[3] && y1 >= box[1]).map(([name]) => name);
      expect([...grid.meeting(box)].sort()).toEqual(wanted.sort());
    }
  });
});

describe("marks", () => {
  const drawn = (id: string, numbers: number[], version = 1): Drawn => ({
    id, version, shape: shape("rectangle", numbers), color: "#fff", title: id, dashed: false, locked: false,
  });

  it("are taken over where they have changed, and the smallest is hit", () => {
    const marks = new Marks(unitsOf(picture), [1000, 800]);
    const [large, small] = [drawn("large", [0, 0, 500, 500]), drawn("small", [100, 100, 120, 120])];
    expect(marks.set([large, small])).toBe(true);
    const kept = marks.entries.get("large")!.moments;
    expect(marks.set([{ ...large }, { ...small }])).toBe(false);
    expect(marks.entries.get("large")!.moments).toBe(kept);
    expect(marks.at([110, 110], 2)!.drawn.id).toBe("small");
    expect(marks.at([300, 300], 2)!.drawn.id).toBe("large");
    expect(marks.at([700, 700], 2)).toBeNull();
    expect(marks.within([90, 90, 200, 200])).toEqual(["small"]);
    marks.set([large]);
    expect(marks.at([110, 110], 2)!.drawn.id).toBe("large");
  });

  it("go back to what they were where a change was refused", () => {
    const marks = new Marks(unitsOf(picture), [1000, 800]);
    const mark = drawn("a", [0, 0, 10, 10]);
    marks.set([mark]);
    marks.replace("a", { kind: "rectangle", keyframes: [[50, 50, 60, 60]], frames: [] });
    expect(marks.box("a")).toEqual([50, 50, 60, 60]);
    marks.set([mark]);
    expect(marks.box("a")).toEqual([0, 0, 10, 10]);
  });
});

describe("lengths", () => {
  it("are round and in fitting units", () => {
    expect([1, 3, 7, 0.04, 1999].map(roundBelow)).toEqual([1, 2, 5, 0.02, 1000]);
    expect([2e-7, 5e-5, 0.002, 0.05, 3, 2500].map(metres)).toEqual(["0.2 µm", "50 µm", "2 mm", "5 cm", "3 m", "2.5 km"]);
    expect(scaleBar(0.5, 0.01, 160)).toEqual({ px: 100, text: "2 m" });
    expect(scaleBar(0.5, null, 160)).toEqual({ px: 100, text: "200 px" });
    expect(scaleBar(64, null, 160)).toEqual({ px: 128, text: "2 px" });
    expect([hertz(500), hertz(12500)]).toEqual(["500 Hz", "12.5 kHz"]);
    expect([clock(5, 1), clock(62.5, 0.5), clock(3725, 5)]).toEqual(["5 s", "1:02.5", "1:02:05"]);
  });

  it("are measured in the units of the medium", () => {
    expect(measured([0, 0], [3, 4], picture, 0.01)).toEqual({ px: 5, m: 0.05, s: null, hz: null });
    expect(wordsOf(measured([0, 0], [3, 4], picture, null))).toBe("5.0 px");
    expect(measured([0, 0], [100, 512], sound, null)).toMatchObject({ m: null, s: 1, hz: 24000 });
  });

  it("have ticks at round values", () => {
    expect(ticks(0, 10, 500, 90)).toEqual({ step: 2, values: [0, 2, 4, 6, 8, 10] });
    expect(ticks(0.31, 0.33, 400, 90).values).toEqual([0.31, 0.315, 0.32, 0.325, 0.33]);
    expect(ticks(5, 5, 100, 10).values).toEqual([]);
  });
});

describe("the look", () => {
  it("is nothing where nothing is asked", () => {
    expect(curves(NEUTRAL, true)).toBeNull();
    expect(curves({ ...NEUTRAL, window: [0.2, 0.6] }, false)).toBeNull();
    expect(curves({ ...NEUTRAL, window: [0.2, 0.6] }, true)).not.toBeNull();
  });

  it("stretches, bends and turns over", () => {
    expect(toned(0.4, { ...NEUTRAL, window: [0.2, 0.6] }, true)).toBeCloseTo(0.5, 9);
    expect(toned(0.25, { ...NEUTRAL, gamma: 2 }, true)).toBeCloseTo(0.5, 9);
    expect(toned(0.3, { ...NEUTRAL, invert: true }, true)).toBeCloseTo(0.7, 9);
    expect(toned(0.3, { ...NEUTRAL, brightness: 0.2 }, true)).toBeCloseTo(0.5, 9);
    expect(toned(0.3, { ...NEUTRAL, contrast: -1 }, true)).toBeCloseTo(0.5, 9);
    expect(toned(0.6, { ...NEUTRAL, contrast: 1 }, true)).toBe(1);
  });

  it("has colour maps from dark to light", () => {
    for (const colours of COLOUR_MAPS) {
      const { grey, tables } = curves({ ...NEUTRAL, colours }, true)!;
      expect(grey).toBe(true);
      const light = tables[0].map((r, i) => 0.2126 * r + 0.7152 * tables[1][i]! + 0.0722 * tables[2][i]!);
      light.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(light[i]! - 0.012));
      expect(light.at(-1)! - light[0]!).toBeGreaterThan(0.6);
    }
    expect(curves({ ...NEUTRAL, colours: "unknown" }, true)).toBeNull();
  });
});
