/** Where the thumbnails stand: all of one size, line by line. */

export interface Layout {
  columns: number;
  /** Of a place, px, with the room around the thumbnail. */
  width: number;
  height: number;
  count: number;
}

export const CARD = { width: 144, height: 178 };

/** As many columns as fit; the rest of the width is shared among them. */
export function layoutFor(room: number, count: number): Layout {
  const columns = Math.max(1, Math.floor(room / CARD.width));
  return { columns, width: Math.max(CARD.width, Math.floor(room / columns)), height: CARD.height, count };
}

export function lines({ columns, count }: Layout): number {
  return Math.ceil(count / columns);
}

/** The places that a box touches, px from the top left of all. */
export function touched(layout: Layout, left: number, top: number, right: number, bottom: number): number[] {
  const { columns, width, height, count } = layout;
  const found: number[] = [];
  const last = Math.min(columns - 1, Math.floor(right / width));
  for (let line = Math.max(0, Math.floor(top / height)); line <= Math.floor(bottom / height); line++) {
    for (let column = Math.max(0, Math.floor(left / width)); column <= last; column++) {
      const place = line * columns + column;
      if (place < count) found.push(place);
    }
  }
  return found;
}

/** Where a key leads to from a place; null where the key is none of these. */
export function stepped(layout: Layout, from: number, key: string, linesInView: number): number | null {
  const { columns, count } = layout;
  const page = Math.max(1, linesInView - 1) * columns;
  const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page };
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const step = steps[key];
  if (step === undefined) return null;
  if (from < 0) return 0;
  const to = from + step;
  // In the last line, which may be short, one goes to its end; at the edges one stays.
  if (to >= count) return step === columns && Math.floor(from / columns) < lines(layout) - 1 ? count - 1 : step > columns ? count - 1 : from;
  if (to < 0) return step < -columns ? 0 : from;
  return to;
}
