/** The grid of vignettes: only the lines near the window exist in the page. */

import { place, visible, type Cell, type Layout } from "./layout";
import { followPointer } from "./pointer";
import { count, percent } from "./scales";
import type { Selection } from "./selection";
import { taxonName, type Group, type Table } from "./table";
import type { Thumbs } from "./thumbs";

export interface GridOptions {
  side: number;
  trueSize: boolean;
  /** Shown px per mm (or per px of the picture where the pixel size is unknown). */
  pxPerMm: number;
  selecting: boolean;
}

export interface GridHost {
  table: Table;
  thumbs: Thumbs;
  selection: Selection;
  words: { unit: string; units: string };
  changed(): void;
  open(row: number): void;
  choose(): void;
  startSelecting(): void;
}

const OVERSCAN = 500;
export const ICONS = { validated: "✓", dubious: "?", discarded: "×", predicted: "" } as const;
const STATUS_WORDS = { validated: "validated", dubious: "dubious", discarded: "discarded", predicted: "not looked at" } as const;

export class Grid {
  readonly element: HTMLDivElement;
  layout: Layout = place([], { width: 1, side: 1, gap: 0, foot: 0, head: 0, scaleOf: null, sizeOf: () => [0, 0], folded: new Set() });
  private readonly canvas: HTMLDivElement;
  private readonly band: HTMLDivElement;
  private readonly nodes = new Map<string, HTMLElement>();
  private readonly cellNodes = new Map<number, HTMLElement>();
  private spare = new Map<number, HTMLElement>();
  private groups: Group[] = [];
  private folded = new Set<string>();
  private frame = 0;
  private readonly watcher: ResizeObserver;
  private width = 0;

  constructor(
    private readonly host: GridHost,
    private options: GridOptions,
  ) {
    this.element = document.createElement("div");
    this.element.className = "ik-vignettes";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "grid");
    this.element.setAttribute("aria-multiselectable", "true");
    this.element.setAttribute("aria-label", `${host.words.units} by taxon`);
    this.canvas = document.createElement("div");
    this.canvas.className = "ik-vignettes-canvas";
    this.canvas.setAttribute("role", "presentation");
    this.band = document.createElement("div");
    this.band.className = "ik-band";
    this.band.hidden = true;
    this.element.append(this.canvas);
    this.canvas.append(this.band);
    this.element.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.element.addEventListener("focus", () => this.focusIn());
    this.watcher = new ResizeObserver(() => {
      if (Math.abs(this.element.clientWidth - this.width) > 1) this.relayout();
      else this.schedule();
    });
    this.watcher.observe(this.element);
    const grid = this;
    followPointer(
      {
        element: this.element,
        canvas: this.canvas,
        band: this.band,
        get layout() {
          return grid.layout;
        },
        get selecting() {
          return grid.options.selecting;
        },
        get groups() {
          return grid.groups;
        },
        toggleFold: (taxon) => grid.toggleFold(taxon),
        unfold: (taxon) => grid.unfold(taxon),
      },
      host,
    );
  }

  destroy(): void {
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** Show these groups; the place of the reader is kept. */
  show(groups: Group[], options: GridOptions): void {
    const { side, trueSize, pxPerMm } = this.options;
    const resized = side !== options.side || trueSize !== options.trueSize || pxPerMm !== options.pxPerMm;
    this.groups = groups;
    this.options = options;
    this.relayout();
    // With other sizes everything is elsewhere; what the reader was at stays in the window.
    if (resized && this.host.selection.focus !== null) this.reveal(this.host.selection.focus);
  }

  /** Redraw choice and focus. */
  refresh(): void {
    this.schedule();
  }

  toggleFold(taxon: string): void {
    const before = this.layout.order;
    if (!this.folded.delete(taxon)) this.folded.add(taxon);
    this.relayout();
    // What is not seen is not chosen: no key may change it.
    this.host.selection.settle(before, this.layout.order);
    this.host.changed();
  }

  unfold(taxon: string): void {
    if (this.folded.has(taxon)) this.toggleFold(taxon);
  }

  /** Fold the group of the object in focus, and go on to the next one that is open; its name, or null where there is none. */
  foldFocused(): string | null {
    const { selection } = this.host;
    const group = this.groups.find((each) => selection.focus !== null && each.rows.includes(selection.focus));
    if (!group || this.folded.has(group.taxon)) return null;
    this.toggleFold(group.taxon);
    if (selection.focus !== null) this.reveal(selection.focus);
    return group.taxon;
  }

  unfoldAll(): void {
    this.folded.clear();
    this.relayout();
    if (this.host.selection.focus !== null) this.reveal(this.host.selection.focus);
  }

  /** Bring the object into the window. */
  reveal(row: number): void {
    const at = this.layout.placeOf.get(row);
    if (!at) return;
    const line = this.layout.lines[at.line]!;
    const { scrollTop, clientHeight } = this.element;
    const margin = 44;
    if (line.y < scrollTop + margin) this.element.scrollTop = Math.max(line.y - margin, 0);
    else if (line.y + line.height > scrollTop + clientHeight) this.element.scrollTop = line.y + line.height - clientHeight + 8;
    this.schedule();
  }

  /** Bring the heading of a taxon to the top. */
  revealGroup(taxon: string): void {
    const g = this.groups.findIndex((group) => group.taxon === taxon);
    const line = this.layout.lines.find((each) => each.kind === "head" && each.group === g);
    if (line) this.element.scrollTop = line.y;
  }

  private focusIn(): void {
    const { selection } = this.host;
    if (selection.focus === null || !this.layout.placeOf.has(selection.focus)) {
      const [from] = visible(this.layout, this.element.scrollTop, this.element.scrollTop + 1);
      const line = this.layout.lines.slice(from).find((each) => each.kind === "cells");
      if (line?.kind === "cells") selection.focus = line.cells[0]!.row;
    }
    this.schedule();
  }

  private relayout(): void {
    const { table } = this.host;
    this.width = this.element.clientWidth;
    const folded = new Set(this.groups.flatMap((group, i) => (this.folded.has(group.taxon) ? [i] : [])));
    const inMm = table.sizeUnit !== "px";
    this.layout = place(this.groups, {
      width: this.width,
      side: this.options.side,
      gap: 8,
      foot: 22,
      head: 40,
      folded,
      scaleOf: this.options.trueSize
        ? (row) => {
            const mm = table.mmPerPx[row]!;
            return inMm && mm > 0 ? this.options.pxPerMm * mm : this.options.pxPerMm * 0.0106;
          }
        : null,
      sizeOf: (row) => [table.sizes[2 * row]!, table.sizes[2 * row + 1]!],
    });
    this.element.setAttribute("aria-rowcount", String(this.layout.lines.length));
    this.canvas.style.height = `${this.layout.height}px`;
    // Cells that look the same as before are taken along, so that their pictures need not be decoded again.
    this.spare = new Map(this.cellNodes);
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
    this.cellNodes.clear();
    this.draw();
    this.spare.clear();
  }

  private schedule(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { selection, thumbs } = this.host;
    const top = this.element.scrollTop;
    const bottom = top + this.element.clientHeight;
    const [from, to] = visible(this.layout, top - OVERSCAN, bottom + OVERSCAN);
    const needed = new Set<string>();
    const wanted: number[] = [];
    for (let i = from; i < to; i++) {
      const line = this.layout.lines[i]!;
      const key = String(i);
      needed.add(key);
      if (line.kind === "cells") for (const cell of line.cells) wanted.push(cell.row);
      if (!this.nodes.has(key)) {
        const node = line.kind === "head" ? this.heading(line.group) : this.line(line.cells, line.picture);
        node.style.transform = `translateY(${line.y}px)`;
        node.style.height = `${line.height}px`;
        node.setAttribute("role", "row");
        node.setAttribute("aria-rowindex", String(i + 1));
        this.nodes.set(key, node);
        this.canvas.append(node);
      }
    }
    for (const [key, node] of this.nodes) {
      if (needed.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
      const line = this.layout.lines[Number(key)];
      if (line?.kind === "cells") for (const cell of line.cells) this.cellNodes.delete(cell.row);
    }
    const focused = document.activeElement === this.element || this.element.getRootNode() instanceof ShadowRoot;
    for (const [row, node] of this.cellNodes) {
      const chosen = selection.has(row);
      node.setAttribute("aria-selected", String(chosen));
      node.classList.toggle("ik-focused", row === selection.focus && focused);
    }
    if (selection.focus !== null && this.cellNodes.has(selection.focus)) {
      this.element.setAttribute("aria-activedescendant", `ik-cell-${selection.focus}`);
    } else this.element.removeAttribute("aria-activedescendant");
    const middle = (top + bottom) / 2;
    const distance = (row: number) => Math.abs(this.layout.lines[this.layout.placeOf.get(row)!.line]!.y - middle);
    thumbs.want(wanted.filter((row) => thumbs.get(row) === undefined).sort((a, b) => distance(a) - distance(b)));
  }

  /** A picture has come. */
  arrived(row: number): void {
    const node = this.cellNodes.get(row);
    if (node) this.fill(node.querySelector<HTMLElement>(".ik-picture")!, row);
  }

  private fill(box: HTMLElement, row: number): void {
    const url = this.host.thumbs.get(row);
    if (url === undefined) return;
    box.classList.remove("ik-waiting");
    if (url === null) {
      box.classList.add("ik-broken");
      box.textContent = "cannot be read";
      return;
    }
    let image = box.querySelector("img");
    if (!image) {
      image = document.createElement("img");
      image.alt = "";
      image.draggable = false;
      image.decoding = "async";
      box.append(image);
    }
    image.src = url;
    if (this.options.trueSize) image.style.cssText = "width:100%;height:100%;object-fit:contain";
  }

  private heading(g: number): HTMLElement {
    const group = this.groups[g]!;
    const node = document.createElement("div");
    node.className = "ik-group";
    const cell = document.createElement("div");
    cell.setAttribute("role", "gridcell");
    const name = taxonName(group.taxon);
    const filtered = group.rows.length < group.total ? `${group.rows.length} of ${group.total}` : String(group.total);
    const fold = document.createElement("button");
    fold.className = "ik-group-fold";
    fold.tabIndex = -1;
    fold.dataset.fold = group.taxon;
    const folded = this.folded.has(group.taxon);
    fold.setAttribute("aria-expanded", String(!folded));
    const title = document.createElement("span");
    title.className = "ik-group-name";
    title.textContent = name;
    const n = document.createElement("span");
    n.className = "ik-group-count ik-number";
    n.textContent = filtered;
    fold.append(title, n);
    const settled = group.rows.filter((row) => this.host.table.status[row] === "validated").length;
    const done = document.createElement("span");
    done.className = "ik-muted ik-small";
    done.textContent = settled ? `${settled} validated` : "";
    const all = document.createElement("button");
    all.className = "ik-group-all";
    all.tabIndex = -1;
    all.dataset.all = String(g);
    all.textContent = "Select all";
    cell.append(fold, done, all);
    node.append(cell);
    return node;
  }

  private line(cells: readonly Cell[], picture: number): HTMLElement {
    const node = document.createElement("div");
    node.className = "ik-line";
    for (const cell of cells) {
      const made = this.cell(cell, picture);
      this.cellNodes.set(cell.row, made);
      node.append(made);
    }
    return node;
  }

  private cell({ row, x, width }: Cell, picture: number): HTMLElement {
    const { table } = this.host;
    const status = table.status[row]!;
    const p = table.probability[row]!;
    const several = table.isMultiple(row);
    const look = [status, p, several, table.label[row], width, picture, this.options.trueSize && this.options.pxPerMm].join();
    const kept = this.spare.get(row);
    if (kept?.dataset.look === look) {
      kept.style.left = `${x}px`;
      return kept;
    }
    const node = document.createElement("div");
    node.dataset.look = look;
    node.className = `ik-vignette ik-is-${status}`;
    node.id = `ik-cell-${row}`;
    node.dataset.row = String(row);
    node.setAttribute("role", "gridcell");
    const sure = status === "validated" ? "" : `, probability ${percent(p)}`;
    node.setAttribute("aria-label", `${table.label[row]}${sure}${several ? ", likely several" : ""}, ${STATUS_WORDS[status]}, ${table.ids[row]}`);
    node.style.left = `${x}px`;
    node.style.width = `${width}px`;
    const box = document.createElement("div");
    box.className = "ik-picture ik-waiting";
    if (this.options.trueSize) {
      const mm = table.mmPerPx[row]!;
      const scale = mm > 0 ? this.options.pxPerMm * mm : this.options.pxPerMm * 0.0106;
      const [w, h] = [table.sizes[2 * row]! * scale, table.sizes[2 * row + 1]! * scale];
      const shrink = Math.min(1, width / (w || 1), picture / (h || 1));
      box.style.height = `${picture}px`;
      box.classList.add("ik-true-size");
      const inner = document.createElement("div");
      inner.className = "ik-picture ik-waiting";
      inner.style.width = `${w * shrink}px`;
      inner.style.height = `${h * shrink}px`;
      box.classList.remove("ik-picture", "ik-waiting");
      if (shrink < 0.98) inner.dataset.shrunk = percent(shrink);
      box.append(inner);
      this.fill(inner, row);
    } else {
      box.style.height = `${picture}px`;
      this.fill(box, row);
    }
    const foot = document.createElement("div");
    foot.className = "ik-vignette-foot";
    const bar = document.createElement("span");
    bar.className = "ik-sure";
    const fillBar = document.createElement("span");
    fillBar.style.width = `${Math.round((status === "validated" ? 1 : p) * 100)}%`;
    bar.append(fillBar);
    const text = document.createElement("span");
    text.className = "ik-number";
    text.textContent = status === "validated" ? "✓" : percent(p);
    // Where it is narrow the number says enough.
    if (width >= 64) foot.append(bar);
    foot.append(text);
    node.append(box, foot);
    if (several) {
      const mark = document.createElement("span");
      mark.className = "ik-several";
      mark.title = "Likely several in one: press C to divide it";
      mark.textContent = "2+";
      node.append(mark);
    }
    if (status !== "predicted") {
      const mark = document.createElement("span");
      mark.className = "ik-mark";
      mark.textContent = ICONS[status];
      node.append(mark);
    }
    const zoom = document.createElement("button");
    zoom.className = "ik-zoom";
    zoom.tabIndex = -1;
    zoom.dataset.zoom = String(row);
    zoom.setAttribute("aria-label", `Show this ${this.host.words.unit} large`);
    zoom.innerHTML = '<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="m10.5 10.5 4 4M5 7h4M7 5v4" stroke="currentColor" stroke-width="1.6"/></svg>';
    node.append(zoom);
    return node;
  }

  /** For people who listen: what is chosen. */
  describe(): string {
    return `${count(this.host.selection.size, this.host.words.unit, this.host.words.units)} selected`;
  }
}
