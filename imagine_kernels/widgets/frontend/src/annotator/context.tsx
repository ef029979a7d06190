/** What every panel of the annotator uses: the page, cells, icons, keys. */

import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useReducer, useRef } from "preact/hooks";
import { caps, keyOf } from "./actions";
import type { Cell } from "./cell";
import type { Page } from "./page";

export const PageContext = createContext<Page | null>(null);

/** The page; the part is drawn again whenever it changes. */
export function usePage(): Page {
  const page = useContext(PageContext)!;
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => page.subscribe(() => redraw(undefined)), [page]);
  return page;
}

export function useCell<T>(cell: Cell<T>): T {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => cell.subscribe(() => redraw(undefined)), [cell]);
  return cell.value;
}

/** The field has the keyboard as soon as it is there. */
export function useFocus() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return field;
}

const PATHS: Record<string, string> = {
  select: "M3 2.5 12.5 7 8.3 8.6 6.5 13z",
  pan: "M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2",
  point: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8 1.5v2.5M8 12v2.5M1.5 8H4M12 8h2.5",
  rectangle: "M2 4h12v8H2z",
  rotated_rectangle: "m1.8 9.6 7.6-6.4 4.8 3.2-7.6 6.4z",
  circle: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  ellipse: "M8 12.2c3.6 0 6.3-1.9 6.3-4.2S11.600 3.800 8 3.800 1.700 5.700 1.700 8s2.700 4.200 6.300 4.200Z",
  line: "M2 13 6.500 5l3.500 5L14 3",
  polygon: "M8 1.800 14 6.300 11.700 13.500H4.300L2 6.300z",
  brush: "M13.800 2.200 7 9M7 9c-2 0-3 1-3.200 2.800-.1 1-.8 1.600-1.800 1.900 1.600.6 6.400.5 6.500-3.200z",
  eraser: "m6 13.500-3.800-3.800 7-7 4.600 4.600-6.200 6.200zM5.500 6.500l4.500 4.500M6 13.500h8",
  wand: "M2 14 9.500 6.500M11 1.500v3M9.500 3h3M13.500 6.500v3M12 8h3M6 2.500v2M5 3.500h2",
  ruler: "M1.500 5.500h13v5h-13zM4.500 5.500v2M7.500 5.500v3M10.500 5.500v2",
  zoom: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM10.500 10.500l3.500 3.500M5 7h4M7 5v4",
  whole: "M2 5.500V2.500h3M11 2.500h3v3M14 10.500v3h-3M5 13.500H2v-3",
  fit: "M6 10 2.500 13.500M2.500 10v3.500H6M10 6l3.500-3.500M10 2.500h3.500V6M6 6 2.500 2.500M2.500 6V2.500H6M10 10l3.500 3.500M13.500 10v3.500H10",
  play: "M4 2.500v11l9-5.500z",
  pause: "M5 2.500v11M11 2.500v11",
  on: "M5 3v10l6-5zM13 3v10",
  back: "M11 3v10L5 8zM3 3v10",
  keyframe: "m8 3 5 5-5 5-5-5z",
  unkeyframe: "m8 3 5 5-5 5-5-5zM2 14 14 2",
  gap: "M1.500 8h4M10.500 8h4M7 5v6M9 5v6",
  copy: "M5.500 5.500h8v8h-8zM2.500 10.500v-8h8",
  link: "M6.500 9.500a2.800 2.800 0 0 0 4 0l2.300-2.300a2.800 2.800 0 0 0-4-4L7.600 4.400M9.500 6.500a2.800 2.800 0 0 0-4 0L3.200 8.800a2.800 2.800 0 0 0 4 4l1.200-1.200",
  bin: "M2.500 4h11M6 4V2.500h4V4M4 4l.7 9.500h6.600L12 4M6.700 6.500v4.500M9.300 6.500v4.500",
  list: "M5.500 4h8.500M5.500 8h8.500M5.500 12h8.500M2 4h.2M2 8h.2M2 12h.2",
  panel: "M2 2.500h12v11H2zM10 2.500v11",
  label: "M2 2.500h5.500L14 9l-5 5-7-7zM5 5.500h.1",
  grid: "M2 2.5h5v5H2zM9 2.5h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  "all-annotations": "M2 3h12v10H2zM2 6.300h12M2 9.600h12M6 6.300V13",
  again: "M13 8a5 5 0 1 1-1.500-3.500L13 6M13 2.500V6H9.500",
  star: "m8 2 1.800 3.800 4.200.500-3.100 2.900.8 4.100L8 11.300l-3.700 2 .8-4.100L2 6.300l4.200-.500z",
  hide: "M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  upload: "M8 13.500v-8M4.500 8.500 8 5l3.500 3.500M2.500 2.500h11",
};

export function Glyph({ name }: { name: string }) {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name] ?? ""} />
    </svg>
  );
}

/** The key of an action, as the person has it. */
export function Key({ of, page }: { of: string; page: Page }) {
  const key = keyOf(of, page.bindings);
  return key ? <kbd aria-hidden="true">{caps(key).join(" ")}</kbd> : null;
}

/** "Rectangle (S)" */
export function withKey(page: Page, words: string, action: string): string {
  const key = keyOf(action, page.bindings);
  return key ? `${words} (${caps(key).join(" ")})` : words;
}

export function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <label class="ik-field">
      <span class="ik-label">{label}</span>
      {children}
    </label>
  );
}

/** Arrows go from one to the next of the buttons in it; only one of them is a stop for Tab. */
export function roving(event: KeyboardEvent, box: HTMLElement | null): void {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!box || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || (!step && event.key !== "Home" && event.key !== "End")) return;
  const all = [...box.querySelectorAll<HTMLElement>("[data-roving]:not(:disabled)")].filter((each) => each.offsetParent !== null);
  const at = all.indexOf(event.target as HTMLElement);
  if (at < 0) return;
  const next = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : (at + step! + all.length) % all.length;
  for (const each of all) each.tabIndex = -1;
  all[next]!.tabIndex = 0;
  all[next]!.focus();
  event.preventDefault();
}
