/** Mouse and finger on the grid: click, Shift and Ctrl click, rubber band; a finger chooses and chooses no longer. */

import type { Gallery } from "./gallery";
import { touched, type Layout } from "./layout";

interface Given {
  gallery: Gallery;
  layout(): Layout;
  changed(): void;
}

export function followPointer(frame: HTMLElement, band: HTMLElement, { gallery, layout, changed }: Given): () => void {
  const { selection } = gallery;
  let start: { x: number; y: number; row: number | null; touch: boolean; keep: Set<number> } | null = null;
  let banding = false;
  const list = () => frame.querySelector<HTMLElement>("[role=grid]");
  /** From the top left of all that is shown. */
  const point = (event: PointerEvent, box: HTMLElement) => {
    const edge = box.getBoundingClientRect();
    return { x: event.clientX - edge.left, y: event.clientY - edge.top + box.scrollTop };
  };
  const down = (event: PointerEvent) => {
    const box = list();
    const target = event.target as Element;
    if (event.button !== 0 || !box?.contains(target) || event.offsetX > box.clientWidth + box.clientLeft) return;
    const row = target.closest<HTMLElement>("[data-row]")?.dataset.row;
    const keep = event.ctrlKey || event.metaKey ? new Set(selection.rows) : new Set<number>();
    start = { ...point(event, box), row: row === undefined ? null : Number(row), touch: event.pointerType === "touch", keep };
    banding = false;
  };
  const move = (event: PointerEvent) => {
    const box = list();
    if (!start || start.touch || !box) return;
    const now = point(event, box);
    if (!banding && Math.hypot(now.x - start.x, now.y - start.y) <= 6) return;
    if (!banding) frame.setPointerCapture(event.pointerId);
    banding = true;
    const [left, right] = [Math.min(start.x, now.x), Math.max(start.x, now.x)];
    const [top, bottom] = [Math.min(start.y, now.y), Math.max(start.y, now.y)];
    band.hidden = false;
    band.style.cssText = `left:${left}px;top:${top - box.scrollTop}px;width:${right - left}px;height:${bottom - top}px`;
    selection.set([...start.keep, ...touched(layout(), left, top, right, bottom).map((place) => gallery.order[place]!).filter((row) => row !== undefined)]);
    const edge = box.getBoundingClientRect();
    if (event.clientY > edge.bottom - 30) box.scrollTop += 16;
    if (event.clientY < edge.top + 30) box.scrollTop -= 16;
    changed();
  };
  const up = (event: PointerEvent) => {
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
    } else if (event.shiftKey) selection.extendTo(was.row, gallery.order, event.ctrlKey || event.metaKey);
    else if (event.ctrlKey || event.metaKey || was.touch) selection.toggle(was.row);
    else selection.only(was.row);
    list()?.focus({ preventScroll: true });
    changed();
  };
  const all: [string, (event: PointerEvent) => void][] = [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up]];
  for (const [name, does] of all) frame.addEventListener(name, does as EventListener);
  return () => {
    for (const [name, does] of all) frame.removeEventListener(name, does as EventListener);
  };
}
