/** Small things that every part uses. */

import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useReducer, useRef } from "preact/hooks";
import type { Desk } from "../desk";

export const DeskContext = createContext<Desk | null>(null);

/** The desk; the part is drawn again whenever it changes. */
export function useDesk(): Desk {
  const desk = useContext(DeskContext)!;
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => desk.subscribe(() => redraw(undefined)), [desk]);
  return desk;
}

const PATHS: Record<string, string> = {
  move: "M2 8h9M8 4.5 11.5 8 8 11.5M14 3v10",
  check: "m3 8.5 3.5 3.5L13 4.5",
  dubious: "M5.6 5.8a2.4 2.4 0 1 1 3.5 2.3C8.4 8.5 8 9 8 10M8 12.4v.2",
  discard: "m4 4 8 8M12 4l-8 8",
  mark: "M4 14V2.5M4 3h8l-2 2.7 2 2.8H4",
  undo: "M5.5 3 2.5 6l3 3M2.5 6H10a3.5 3.5 0 0 1 0 7H6",
  redo: "m10.5 3 3 3-3 3M13.5 6H6a3.5 3.5 0 0 0 0 7h4",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5l3.5 3.5",
  folder: "M1.8 12.5v-9h4.4l1.6 2h6.4v7z",
  file: "M3.5 1.8h5.5l3.5 3.5v8.9h-9zM9 1.8v3.5h3.5",
  up: "M8 13V3M4 7l4-4 4 4",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  close: "m3.5 3.5 9 9M12.5 3.5l-9 9",
  filter: "M2 3h12l-4.5 5.5V13l-3-1.5v-3z",
  warn: "M8 2 14.5 13.5h-13zM8 6.5v3.5M8 11.7v.2",
  back: "M10 3 5 8l5 5",
  select: "M2.5 2.5h11v11h-11zM5 8l2 2 4-4.5",
  chart: "M2 14h12M4 14V9M8 14V4M12 14V7",
  ruler: "M1.5 5.5h13v5h-13zM4.5 5.5v2M7.5 5.5v3M10.5 5.5v2",
  drop: "M8 10.5V2.5M5 5.5l3-3 3 3M2 9.5v4h12v-4",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name] ?? ""} />
    </svg>
  );
}

/** The mark of the project: a copepod, drawn in three strokes. */
export function Mark() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" aria-hidden="true">
      <ellipse cx="12" cy="10.5" rx="3.8" ry="6" fill="currentColor" stroke="none" />
      <path d="M11 5.5C8 3.5 4.5 4.5 2.5 7.5M13 5.5c3-2 6.5-1 8.5 2M12 16.5V20M12 20l-2 2M12 20l2 2" />
    </svg>
  );
}

/** A window over the page: focus goes in, stays in, and comes back. */
export function Modal(props: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren; hideTitle?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const first = box.current?.querySelector<HTMLElement>("[data-autofocus]") ?? box.current?.querySelector<HTMLElement>("input, button:not([data-close])");
    (first ?? box.current)?.focus();
  }, []);
  const keys = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Escape") {
      event.preventDefault();
      props.onClose();
    }
    if (event.key !== "Tab") return;
    const stops = [...(box.current?.querySelectorAll<HTMLElement>("button:not(:disabled), input, select, a[href], [tabindex='0']") ?? [])].filter(
      (each) => each.offsetParent !== null,
    );
    const [first, last] = [stops[0], stops.at(-1)];
    if (!first || !last) return;
    const active = (box.current!.getRootNode() as Document | ShadowRoot).activeElement;
    if (event.shiftKey && active === first) {
      event.preventDefault();
      last.focus();
    } else if (!event.shiftKey && active === last) {
      event.preventDefault();
      first.focus();
    }
  };
  return (
    <div class="ik-veil" onMouseDown={(event) => event.target === event.currentTarget && props.onClose()}>
      <div ref={box} class={`ik-modal ${props.wide ? "ik-modal-wide" : ""}`} role="dialog" aria-modal="true" aria-label={props.title} tabIndex={-1} onKeyDown={keys}>
        {!props.hideTitle && (
          <header class="ik-modal-head">
            <h2>{props.title}</h2>
            <button class="ik-button ik-button-quiet ik-button-icon" data-close aria-label="Close" onClick={props.onClose}>
              <Icon name="close" />
            </button>
          </header>
        )}
        <div class="ik-modal-body">{props.children}</div>
      </div>
    </div>
  );
}

export function ErrorBox({ text, children }: { text: string; children?: ComponentChildren }) {
  return (
    <div class="ik-error" role="alert">
      <p>{text}</p>
      {children}
    </div>
  );
}
