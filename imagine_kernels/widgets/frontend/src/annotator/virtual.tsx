/** A list of any length, of which only the rows in view are in the page. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface Given {
  id: string;
  label: string;
  count: number;
  /** The row that the keyboard is on, -1 for none. */
  active: number;
  onActive(index: number, event: KeyboardEvent): void;
  row(index: number): ComponentChildren;
  /** Attributes of a row, e.g. whether it is selected. */
  attributes(index: number): JSX.HTMLAttributes<HTMLDivElement>;
  onKey?(event: KeyboardEvent): void;
  /** Rows up to this one are in view. */
  onSeen?(last: number): void;
  /** Of a grid the rows hold the cells, of which `descendant` is the one that the keyboard is on. */
  role?: "listbox" | "tree" | "grid";
  descendant?: string;
  multiple?: boolean;
  rowHeight?: number;
  empty: ComponentChildren;
}

const AROUND = 6;
const coarse = typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches;

export function VirtualList(given: Given) {
  const { id, count, active, role = "listbox" } = given;
  const height = Math.max(given.rowHeight ?? 34, coarse ? 44 : 0);
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  const look = () => box.current && setView({ top: box.current.scrollTop, height: box.current.clientHeight });
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(view.top / height) - AROUND);
  const last = Math.min(count, Math.ceil((view.top + view.height) / height) + AROUND);
  useEffect(() => given.onSeen?.(last), [last, count]);
  useEffect(() => {
    const element = box.current!;
    if (active < 0) return;
    if (active * height < element.scrollTop) element.scrollTop = active * height;
    else if ((active + 1) * height > element.scrollTop + element.clientHeight) element.scrollTop = (active + 1) * height - element.clientHeight;
  }, [active, count]);
  const keys = (event: KeyboardEvent) => {
    given.onKey?.(event);
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.height / height) - 1);
    const to = {
      ArrowDown: active + 1,
      ArrowUp: Math.max(active, 1) - 1,
      Home: 0,
      End: count - 1,
      PageDown: active + page,
      PageUp: active - page,
    }[event.key];
    if (to === undefined || !count) return;
    event.preventDefault();
    given.onActive(Math.max(0, Math.min(to, count - 1)), event);
  };
  const rows: ComponentChildren[] = [];
  for (let i = first; i < last; i++) {
    rows.push(
      <div
        key={i}
        id={`${id}-${i}`}
        {...(role === "grid" ? { role: "row" as const, "aria-rowindex": i + 1 } : { role: role === "tree" ? "treeitem" as const : "option" as const, "aria-setsize": count, "aria-posinset": i + 1 })}
        {...given.attributes(i)}
        class={`ika-row ${i === active ? "ika-active" : ""}`}
        style={{ top: `${i * height}px`, height: `${height}px` }}
      >
        {given.row(i)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      class="ika-list"
      {...(count ? { role, "aria-label": given.label, tabIndex: 0 } : {})}
      {...(count && given.multiple ? { "aria-multiselectable": true } : {})}
      {...(active >= first && active < last ? { "aria-activedescendant": given.descendant ?? `${id}-${active}` } : {})}
      {...(count && role === "grid" ? { "aria-rowcount": count } : {})}
      onScroll={look}
      onKeyDown={keys}
    >
      {count ? <div role="presentation" style={{ height: `${count * height}px` }}>{rows}</div> : given.empty}
    </div>
  );
}
