/** Choose a label at the mark: suggestions first, then what was used last, then all that fits what is typed. */

import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { sentence } from "../view";
import { actionFor, keyName } from "./actions";
import { useCell, usePage } from "./context";
import { digitOf } from "./habits";
import { Suggestions } from "./help/suggestions";
import { boxAround, numbersAt } from "./keyframes";
import { pathKey, plain } from "./labels";
import { giveLabel } from "./marking";
import type { Page } from "./page";

interface Choice {
  path: string[];
  note: string;
  section: string;
  fresh: boolean;
}

export function Picker({ host }: { host: RefObject<HTMLDivElement> }) {
  const page = usePage();
  const ids = page.picker!.ids;
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    before.current = document.activeElement;
    input.current?.focus({ preventScroll: true });
    return () => (before.current as HTMLElement | null)?.focus?.({ preventScroll: true });
  }, []);
  const typed = text.trim();
  const choices = useMemo(() => choicesFor(page, typed), [typed, page.labels, page.habits]);
  const chosen = Math.min(at, choices.length - 1);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [chosen]);
  const give = (path: string[]) => {
    const { picker } = page;
    if (!picker?.give) return giveLabel(page, path, ids);
    page.set({ picker: null });
    picker.give(path);
  };
  const take = async ({ fresh, path }: Choice) => {
    if (!fresh || (await addLabel(page, path))) give(path);
  };
  const keys = (event: KeyboardEvent) => {
    const action = actionFor(keyName(event), page.bindings)?.name ?? "";
    const wanted = /^suggest-(\d)$/.exec(action)?.[1];
    if (wanted && !page.leaf) page.helper.take(Number(wanted));
    else if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, choices.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") choices[chosen] && void take(choices[chosen]);
    else if (event.key === "Escape") page.set({ picker: null });
    else if (!typed && /^[1-9]$/.test(event.key) && choices.some(({ path }) => digitOf(page.habits, page.labels.labels, path) === event.key)) {
      void take(choices.find(({ path }) => digitOf(page.habits, page.labels.labels, path) === event.key)!);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  let section = "";
  return (
    <div class="ika-picker" role="dialog" aria-label={ids.length > 1 ? `Label of ${ids.length} annotations` : page.leaf ? `Label of ${page.picker!.filter} annotations` : "Label"} style={usePlace(page, host)} onKeyDown={keys}>
      <Suggestions ids={ids} />
      <input
        ref={input}
        class="ik-input"
        role="combobox"
        aria-expanded="true"
        aria-controls="ika-choices"
        {...(chosen >= 0 ? { "aria-activedescendant": `ika-choice-${chosen}` } : {})}
        aria-label="Label: type a name, a synonym or an AphiaID"
        placeholder="Type a label"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
      />
      {choices.length ? (
        <ul class="ik-chooser" id="ika-choices" role="listbox" ref={list} aria-label="Labels">
          {choices.map((choice, i) => {
            const heading = choice.section !== section ? choice.section : "";
            section = choice.section;
            const digit = digitOf(page.habits, page.labels.labels, choice.path);
            return [
              heading && <li key={`h${heading}`} class="ik-chooser-head" role="presentation">{heading}</li>,
              <li key={`${choice.section}${pathKey(choice.path)}`} id={`ika-choice-${i}`} role="option" aria-selected={i === chosen} onMouseMove={() => i !== chosen && setAt(i)} onClick={() => void take(choice)}>
                <span class="ika-choice">
                  <i style={{ background: page.labels.colorOf(choice.path) }} />
                  <span>{choice.fresh ? `Add “${choice.path.at(-1)}”` : choice.path.at(-1)}</span>
                </span>
                <span class="ik-muted ik-small">{choice.note}</span>
                <span class="ik-chooser-digit">{digit && <kbd>{digit}</kbd>}</span>
              </li>,
            ];
          })}
        </ul>
      ) : (
        <p class="ik-small ik-muted ika-nothing">{nothing(page)}</p>
      )}
      <p class="ik-small ik-muted ika-picker-foot"><kbd>Enter</kbd> takes it · <kbd>Esc</kbd> leaves it without</p>
    </div>
  );
}

function choicesFor(page: Page, typed: string): Choice[] {
  const choice = (path: string[], section: string): Choice => ({ path, section, note: path.slice(0, -1).join(" > "), fresh: false });
  if (!typed) {
    const recent = page.habits.recent.filter((path) => page.labels.get(path));
    const seen = new Set(recent.map(pathKey));
    const rest = page.labels.labels.filter(({ path }) => !seen.has(pathKey(path))).slice(0, 200);
    return [...recent.map((path) => choice(path, "Used last")), ...rest.map(({ path }) => choice(path, "All"))];
  }
  const found = page.labels.search(typed).map((label): Choice => {
    const synonym = label.synonyms.find((each) => plain(each).startsWith(plain(typed)));
    const made = choice(label.path, "");
    return { ...made, note: [synonym && `also ${synonym}`, label.aphia_id && typed === String(label.aphia_id) && "AphiaID", made.note].filter(Boolean).join(" · ") };
  });
  const known = page.labels.labels.some(({ path }) => plain(path.at(-1) ?? "") === plain(typed));
  return known || !page.mayAddLabels ? found : [...found, { path: typed.split(/\s*>\s*/).filter(Boolean), note: "", section: "A new label", fresh: true }];
}

function nothing(page: Page): string {
  if (page.mayAddLabels) return "There is no label yet: type a name and press Enter to add it.";
  return page.labels.labels.length ? "No label fits. New ones are added by an owner of the project; leave it without a label meanwhile." : "There is no label yet: an owner of the project adds them.";
}

/** A label that is not in the tree is put there first. */
export async function addAndGive(page: Page, path: string[], ids: readonly string[]): Promise<void> {
  if (await addLabel(page, path)) giveLabel(page, path, ids);
}

export async function addLabel(page: Page, path: string[], more: { color?: string; aphia_id?: number } = {}): Promise<boolean> {
  try {
    const { value } = await page.channel.ask<NonNullable<Page["project"]>["tree"]>("add-label", { path, ...more });
    page.setTree(value);
    page.announce(`${path.at(-1)} is in the labels now`);
    return true;
  } catch (error) {
    page.say(sentence(error), "bad");
    return false;
  }
}

/** Beside the mark, and inside of the window. */
function usePlace(page: Page, host: RefObject<HTMLDivElement>): Record<string, string> {
  const view = useCell(page.viewBox);
  const { time } = page.clock.value;
  const rect = host.current?.getBoundingClientRect();
  const mark = page.picker?.ids.length === 1 ? page.desk.get(page.picker.ids[0]!) : undefined;
  const box = mark && boxAround(mark.shape.kind, numbersAt(mark.shape, time) ?? mark.shape.keyframes[0] ?? []);
  const [width, height] = [320, 380];
  if (!rect || !view || !box) return { left: `${Math.max(8, ((rect?.width ?? 600) - width) / 2)}px`, top: "24px" };
  const [x0, y0, x1, y1] = view.box;
  const across = (value: number) => ((value - x0) / (x1 - x0)) * rect.width;
  const part = (value: number) => (value - y0) / (y1 - y0);
  const down = (value: number) => (page.opened?.view.kind === "sound" ? 1 - part(value) : part(value)) * rect.height;
  const right = across(box[2]) + 10;
  const left = right + width <= rect.width ? right : across(box[0]) - width - 10;
  const top = Math.min(down(box[1]), down(box[3]));
  return { left: `${clamp(left, 8, rect.width - width - 8)}px`, top: `${clamp(top, 8, rect.height - height - 8)}px` };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, Math.max(low, high)));
}
