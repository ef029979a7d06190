/** Mouse and finger on the grid: click, Shift- and Ctrl-click, rubber band, long press. */

import type { GridHost } from "./grid";
import { within, type Layout } from "./layout";
import type { Group } from "./table";

const LONG_PRESS_MS = 450;

/** What the pointer needs of the grid. */
export interface Surface {
  element: HTMLElement;
  canvas: HTMLElement;
  band: HTMLElement;
  readonly layout: Layout;
  readonly selecting: boolean;
  readonly groups: readonly Group[];
  toggleFold(taxon: string): void;
  unfold(taxon: string): void;
}

export function followPointer(surface: Surface, host: GridHost): void {
  const { element, canvas, band } = surface;
  const { selection } = host;
  let start: { x: number; y: number; row: number | null; touch: boolean; keep: Set<number> } | null = null;
  let banding = false;
  let press = 0;
  const point = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const rowAt = (event: Event) => {
    const cell = (event.target as Element).closest<HTMLElement>("[data-row]");
    return cell ? Number(cell.dataset.row) : null;
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.target as Element).closest("button")) return;
    if (event.offsetX > element.clientWidth) return;
    const keep = event.ctrlKey || event.metaKey ? new Set(selection.rows) : new Set<number>();
    start = { ...point(event), row: rowAt(event), touch: event.pointerType === "touch", keep };
    banding = false;
    if (start.touch && start.row !== null) {
      const row = start.row;
      press = window.setTimeout(() => {
        host.startSelecting();
        selection.toggle(row);
        start = null;
        host.changed();
      }, LONG_PRESS_MS);
    }
  });
  element.addEventListener("pointermove", (event) => {
    if (!start) return;
    const now = point(event);
    const far = Math.hypot(now.x - start.x, now.y - start.y) > 6;
    if (far) window.clearTimeout(press);
    if (start.touch || (!banding && !far)) return;
    if (!banding) element.setPointerCapture(event.pointerId);
    banding = true;
    const [left, right] = [Math.min(start.x, now.x), Math.max(start.x, now.x)];
    const [top, bottom] = [Math.min(start.y, now.y), Math.max(start.y, now.y)];
    band.hidden = false;
    band.style.cssText = `left:${left}px;top:${top}px;width:${right - left}px;height:${bottom - top}px`;
    selection.set([...start.keep, ...within(surface.layout, left, top, right, bottom)]);
    const edge = element.getBoundingClientRect();
    if (event.clientY > edge.bottom - 30) element.scrollTop += 16;
    if (event.clientY < edge.top + 30) element.scrollTop -= 16;
    host.changed();
  });
  const end = (event: PointerEvent) => {
    window.clearTimeout(press);
    const was = start;
    start = null;
    band.hidden = true;
    if (!was || event.type === "pointercancel") return;
    if (banding) {
      banding = false;
      return;
    }
    if (was.row === null) {
      if (!event.shiftKey && !event.ctrlKey && !was.touch) selection.clear();
    } else if (event.shiftKey) selection.extendTo(was.row, surface.layout.order, event.ctrlKey || event.metaKey);
    else if (event.ctrlKey || event.metaKey || surface.selecting) selection.toggle(was.row);
    else selection.only(was.row);
    host.changed();
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  element.addEventListener("contextmenu", (event) => {
    // The long press of a finger selects; it must not open the menu of the browser.
    if ((event as PointerEvent).pointerType === "touch") event.preventDefault();
  });
  element.addEventListener("dblclick", (event) => {
    const row = rowAt(event);
    if (row !== null && !(event.target as Element).closest("button")) host.open(row);
  });
  element.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button");
    if (!button) return;
    if (button.dataset.zoom) host.open(Number(button.dataset.zoom));
    if (button.dataset.fold !== undefined) surface.toggleFold(button.dataset.fold);
    if (button.dataset.all) {
      const group = surface.groups[Number(button.dataset.all)]!;
      surface.unfold(group.taxon);
      selection.set([...selection.rows, ...group.rows]);
      host.changed();
    }
    element.focus({ preventScroll: true });
  });
}
