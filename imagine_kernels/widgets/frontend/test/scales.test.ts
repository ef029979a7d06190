import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { linear, log, logTicks, number, percent, scaleBar, ticks, timeLeft } from "../src/scales";

describe("scales", () => {
  it("map ends to ends", () => {
    const x = linear([0, 10], [50, 250]);
    expect([x(0), x(5), x(10)]).toEqual([50, 150, 250]);
    const y = log([1, 100], [0, 200]);
    expect(y(10)).toBeCloseTo(100);
  });

  it("have round ticks that cover the data", () => {
    expect(ticks(93, 4)).toEqual([0, 25, 50, 75, 100]);
    expect(ticks(0.7, 4)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
    expect(ticks(0)).toEqual([0, 1]);
    for (const top of [0.0031, 1, 17, 999, 123456]) expect(ticks(top).at(-1)).toBeGreaterThanOrEqual(top);
    expect(logTicks(0.001, 1)).toEqual([0.001, 0.01, 0.1, 1]);
    expect(logTicks(2, 30)).toEqual([2, 5, 10, 20]);
  });
});

describe("numbers for people", () => {
  it("have three figures", () => {
    expect([0, 0.01234, 3.14159, 42, 12345.6, null, NaN].map(number)).toEqual(["0", "0.0123", "3.14", "42", "12\u202f346", "–", "–"]);
    expect(number(0.0000123)).toBe("1.23 × 10⁻⁵");
    expect(number(2.5e7)).toBe("2.5 × 10⁷");
  });

  it("say 0 and 100 % only of what is certain", () => {
    expect([0, 0.002, 0.5, 0.996, 1].map(percent)).toEqual(["0 %", "<1 %", "50 %", ">99 %", "100 %"]);
  });

  it("say how long it takes", () => {
    expect([null, 1, 30, 200, 9000].map(timeLeft)).toEqual(["", "a moment left", "about 30 s left", "about 3 min left", "about 2.5 h left"]);
  });

  it("give the scale bar a round length", () => {
    expect(scaleBar(40, 160)).toEqual({ mm: 2, px: 80, text: "2 mm" });
    expect(scaleBar(1000, 160).text).toBe("100 µm");
  });
});

describe("the style sheet", () => {
  const css = readFileSync(new URL("../style/imagine.css", import.meta.url), "utf8");
  const tokens = (block: string) => [...block.matchAll(/(--ik-[\w-]+):\s*([^;]+);/g)].map((each) => `${each[1]}: ${each[2]}`);

  it("holds the same dark colours for the system's wish and for the person's", () => {
    const system = /:root:not\(\[data-theme="light"\]\) \{([^}]*)\}/.exec(css)![1]!;
    const chosen = /:root\[data-theme="dark"\] \{([^}]*)\}/.exec(css)![1]!;
    expect(tokens(system).length).toBeGreaterThan(20);
    expect(tokens(chosen)).toEqual(tokens(system));
  });

  it("asks for nothing from elsewhere", () => {
    expect(css).not.toMatch(/https?:|@import|@font-face/);
  });

  it("has text that can be read: contrast of 4.5 and more", () => {
    const value = (block: string, name: string) => new RegExp(`--ik-${name}:\\s*(#[0-9a-f]{6})`).exec(block)![1]!;
    const light = /:root \{([^}]*)\}/.exec(css)![1]!;
    const dark = /:root\[data-theme="dark"\] \{([^}]*)\}/.exec(css)![1]!;
    const luminance = (hex: string) => {
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const contrast = (one: string, other: string) => {
      const [a, b] = [luminance(one), luminance(other)].sort((x, y) => y - x);
      return (a! + 0.05) / (b! + 0.05);
    };
    for (const block of [light, dark]) {
      for (const [text, ground] of [
        ["text", "background"], ["text", "surface"], ["text-2", "surface"], ["text-2", "background"], ["text-3", "surface"], ["accent", "surface"],
        ["on-accent", "accent"], ["good", "good-soft"], ["warn", "warn-soft"], ["bad", "bad-soft"], ["accent-hover", "accent-soft"],
      ] as const) {
        expect(contrast(value(block, text), value(block, ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});
