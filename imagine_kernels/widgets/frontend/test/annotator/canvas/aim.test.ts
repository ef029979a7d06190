import { describe, expect, it } from "vitest";
import { Aim } from "../../../src/annotator/canvas/aim";
import { Draft } from "../../../src/annotator/canvas/drafts";
import type { Figure, Point } from "../../../src/annotator/canvas/geometry";
import type { Press } from "../../../src/annotator/canvas/glass";
import type { Tool } from "../../../src/annotator/surface";

/** A window of 400 × 300 px on a picture of 2000 × 1000 px, and a tool that draws with the drafts of the mouse. */
function table(tool: Tool, scale = 0.5, corner: Point = [100, 50]) {
  const stage = {
    scale,
    extent: [400, 300] as Point,
    toScreen: ([x, y]: Point): Point => [(x - corner[0]) * scale, (y - corner[1]) * scale],
    toPicture: ([x, y]: Point): Point => [x / scale + corner[0], y / scale + corner[1]],
    panBy: (dx: number, dy: number) => {
      corner = [corner[0] + dx / scale, corner[1] + dy / scale];
    },
  };
  const drawn: (Figure | null)[] = [];
  const strokes: Point[][] = [];
  const places: (Point | null)[] = [];
  const draft = ["rectangle", "polygon", "line", "point"].includes(tool) ? new Draft(tool as "rectangle") : null;
  const end = (figure: Figure | null) => figure && drawn.push(figure);
  const tools = {
    tool,
    get drawing() {
      return draft?.active ?? false;
    },
    press: ({ at }: Press) => (draft ? draft.press(at) : strokes.push([at])),
    drag: ({ at }: Press) => strokes.at(-1)!.push(at),
    release: ({ at }: Press) => (draft ? end(draft.release(at, 6 / scale)) : strokes.at(-1)!.push(at)),
    finish: () => end(draft!.finish()),
  };
  const aim = new Aim({ stage, tools: tools as never, size: [2000, 1000], hover: (press) => places.push(press?.at ?? null) });
  aim.start();
  return { aim, drawn, strokes, places, stage };
}

describe("the crosshair", () => {
  it("begins in the middle of the window and moves by px of the screen", () => {
    const { aim } = table("point");
    expect(aim.at).toEqual([500, 350]);
    aim.moveBy(10, -20);
    expect(aim.at).toEqual([520, 310]);
  });

  it("draws a rectangle with two presses", () => {
    const { aim, drawn } = table("rectangle");
    aim.click();
    aim.moveBy(50, 0);
    aim.moveBy(0, 30);
    aim.click();
    expect(drawn).toEqual([{ kind: "rectangle", numbers: [500, 350, 600, 410] }]);
  });

  it("ends a polygon by a second press at its last corner, and a line too", () => {
    for (const [tool, closed] of [["polygon", true], ["line", false]] as const) {
      const { aim, drawn } = table(tool);
      aim.click();
      aim.moveBy(100, 0);
      aim.click();
      aim.moveBy(0, 50);
      aim.click();
      expect(drawn).toEqual([]);
      aim.click();
      expect(drawn).toEqual([{ kind: closed ? "polygon" : "line", numbers: [500, 350, 700, 350, 700, 450] }]);
    }
  });

  it("begins anew where the last one ended", () => {
    const { aim, drawn } = table("line");
    for (let i = 0; i < 2; i++) {
      aim.click();
      aim.moveBy(100, 0);
      aim.click();
      aim.click();
    }
    expect(drawn).toEqual([{ kind: "line", numbers: [500, 350, 700, 350] }, { kind: "line", numbers: [700, 350, 900, 350] }]);
  });

  it("holds the brush down from one press to the next", () => {
    const { aim, strokes } = table("brush");
    aim.moveBy(4, 0);
    aim.click();
    aim.moveBy(10, 0);
    aim.moveBy(10, 0);
    aim.click();
    aim.moveBy(10, 0);
    expect(strokes).toEqual([[[508, 350], [528, 350], [548, 350], [548, 350]]]);
  });

  it("stays inside the picture, and the window follows it", () => {
    const { aim, stage } = table("point");
    for (let i = 0; i < 100; i++) aim.moveBy(100, 100);
    expect(aim.at).toEqual([2000, 1000]);
    const [x, y] = stage.toScreen(aim.at!);
    expect(x).toBeLessThanOrEqual(400 - 24 + 1e-9);
    expect(y).toBeLessThanOrEqual(300 - 24 + 1e-9);
    for (let i = 0; i < 100; i++) aim.moveBy(-100, -100);
    expect(aim.at).toEqual([0, 0]);
  });

  it("is gone when it is stopped, and moves nothing then", () => {
    const { aim, drawn, places } = table("rectangle");
    aim.stop();
    aim.moveBy(10, 10);
    aim.click();
    expect([aim.on, places.at(-1), drawn]).toEqual([false, null, []]);
  });
});
