/** What is being drawn, on the glass: outlines that follow the pointer, the brush, the ruler, the frame for choosing. */
import type { Box, Figure, Point } from "./geometry";
import { pathText } from "./painter";

const SVG = "http://www.w3.org/2000/svg";

function add(parent: SVGElement, tag: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  parent.append(element);
  return element;
}

export class Sketch {
  /** In px of the picture. */
  readonly group = document.createElementNS(SVG, "g");
  private readonly figures = document.createElementNS(SVG, "g");
  private readonly round = document.createElementNS(SVG, "circle");
  private scale = 1;
  /** Draws what is there once more, for another scale. */
  private again: (() => void) | null = null;

  constructor() {
    this.group.setAttribute("class", "ik-canvas-sketch");
    this.round.setAttribute("class", "ik-sketch-brush");
    this.round.style.display = "none";
    this.group.append(this.figures, this.round);
  }

  set color(color: string) {
    this.group.style.setProperty("--ik-sketch", color);
  }

  place([x, y]: Point, scale: number): void {
    this.group.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x} ${y})`);
    if (scale === this.scale) return;
    this.scale = scale;
    this.again?.();
  }

  private draw(how: () => void): void {
    this.again = () => {
      this.figures.replaceChildren();
      how();
    };
    this.again();
  }

  clear(): void {
    this.again = null;
    this.figures.replaceChildren();
  }

  /** `closes`: letting go here would close it. */
  draft(figure: Figure, corners: readonly Point[], closes: boolean): void {
    const set = [...corners];
    this.draw(() => {
      if (figure.kind === "point") add(this.figures, "circle", { class: "ik-sketch-corner", cx: figure.numbers[0]!, cy: figure.numbers[1]!, r: 5 / this.scale });
      else add(this.figures, "path", { class: `ik-sketch-figure ik-is-${figure.kind}${closes ? " ik-closes" : ""}`, d: pathText(figure) });
      set.forEach(([cx, cy], i) => add(this.figures, "circle", { class: "ik-sketch-corner", cx, cy, r: (closes && !i ? 6.5 : 3.5) / this.scale }));
    });
  }

  stroke(points: readonly Point[], diameter: number, erases: boolean): void {
    this.draw(() => {
      const [first] = points;
      const d = `M${points.map((point) => point.join(" ")).join("L")}${points.length === 1 ? `L${first!.join(" ")}` : ""}`;
      add(this.figures, "path", { class: `ik-sketch-stroke${erases ? " ik-erases" : ""}`, d, "stroke-width": diameter });
    });
  }

  brush(at: Point | null, diameter: number, erases: boolean): void {
    this.round.style.display = at ? "" : "none";
    if (!at) return;
    this.round.setAttribute("cx", String(at[0]));
    this.round.setAttribute("cy", String(at[1]));
    this.round.setAttribute("r", String(diameter / 2));
    this.round.classList.toggle("ik-erases", erases);
  }

  frame([x0, y0, x1, y1]: Box): void {
    this.draw(() => add(this.figures, "rect", { class: "ik-sketch-frame", x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
  }

  ruler(from: Point, to: Point, words: string): void {
    this.draw(() => {
      const d = `M${from.join(" ")}L${to.join(" ")}`;
      add(this.figures, "path", { class: "ik-sketch-ruler ik-under", d });
      add(this.figures, "path", { class: "ik-sketch-ruler", d });
      for (const [cx, cy] of [from, to]) add(this.figures, "circle", { class: "ik-sketch-corner", cx, cy, r: 3.5 / this.scale });
      const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
      const text = add(this.figures, "text", { class: "ik-sketch-words", x: middle[0]!, y: middle[1]! - 8 / this.scale, "font-size": 13 / this.scale });
      text.style.strokeWidth = `${3 / this.scale}`;
      text.textContent = words;
    });
  }
}
