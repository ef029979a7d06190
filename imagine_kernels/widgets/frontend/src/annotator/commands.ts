/** What each action does, and the keys of the page. */

import { actionFor, keyName } from "./actions";
import { closeLeaf, toggleLeaf } from "./grid/opening";
import { onDigit } from "./habits";
import { addKeyframe, copyOn, giveLabel, giveStatus, labelWhole, linkTrack, removeKeyframe, removeSelected, reviewedNext, sayWhy, toggleGap, undo } from "./marking";
import type { Page } from "./page";
import type { Tool } from "./surface";
import { placeWords, titleOf } from "./words";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const FAR = 10;
/** Part of the window that an arrow moves it by, px. */
const PAN = 120;
/** What an arrow moves the crosshair by, px of the screen. */
const AIM = 10;
/** After the crosshair has been still for so long, its place is said, ms. */
const SAY_AFTER_MS = 400;

/** Do what the action says; false where there is nothing to do it to, so that the key is left to the browser. */
export function run(page: Page, name: string): boolean {
  const { surface } = page;
  const kind = page.opened?.view.kind;
  if (name === "grid" || name === "all-annotations") return toggleLeaf(page, name === "grid" ? "grid" : "all");
  if (name === "quality") return toggleLeaf(page, "quality");
  // A whole page lies over the medium: what is under it must not be changed.
  if (page.leaf && name !== "escape" && name !== "keys") return page.leaf.run(name);
  if (page.checking?.run(name)) return true;
  const suggestion = /^suggest-(\d)$/.exec(name)?.[1];
  if (suggestion) return takeSuggestion(page, suggestion);
  if (name.startsWith("tool-")) return chooseTool(page, name.slice(5) as Tool);
  if (name.startsWith("nudge-")) return arrow(page, name);
  const label = /^label-(\d)$/.exec(name)?.[1];
  if (label) return favouriteLabel(page, label);
  switch (name) {
    case "brush-smaller":
    case "brush-larger":
      return setBrush(page, page.brush * (name === "brush-larger" ? 1.25 : 0.8));
    case "aim":
      return aim(page, !surface?.aim.on);
    case "label":
      if (surface?.aim.on) {
        surface.aim.click();
        return true;
      }
      if (finished(page)) return true;
      if (!page.selection.length) return false;
      if (!page.mayEdit) sayWhy(page);
      else page.set({ picker: { ids: page.selection, filter: "" } });
      return true;
    case "help":
      page.set({ tab: "help", drawer: "panel" });
      return focus("#ika-tab-help");
    case "find-label":
      page.set({ tab: "labels", drawer: "panel" });
      return focus("[data-find-label]");
    case "no-label":
      page.set({ label: null });
      page.announce("No label is chosen: each shape asks for one");
      return true;
    case "whole":
      labelWhole(page);
      return true;
    case "validated":
    case "dubious":
    case "discarded":
      giveStatus(page, name);
      return true;
    case "delete":
      removeSelected(page);
      return true;
    case "copy-on":
      void copyOn(page);
      return true;
    case "track":
      linkTrack(page);
      return true;
    case "next-mark":
      return cycle(page, 1);
    case "previous-mark":
      return cycle(page, -1);
    case "select-all":
      page.select(page.desk.marks.map(({ id }) => id));
      return true;
    case "escape":
      return escape(page);
    case "play":
      if (kind !== "video" && kind !== "sound") return false;
      return play(page);
    case "frame-on":
    case "frame-back":
      if (kind !== "video") return false;
      surface?.step(name === "frame-on" ? 1 : -1);
      return true;
    case "faster":
    case "slower":
      return setSpeed(page, SPEEDS[SPEEDS.indexOf(page.rate) + (name === "faster" ? 1 : -1)]);
    case "keyframe":
    case "remove-keyframe":
    case "gap":
      if (kind !== "video") return false;
      ({ keyframe: addKeyframe, "remove-keyframe": removeKeyframe, gap: toggleGap })[name](page);
      return true;
    case "next-medium":
      void beside(page, 1);
      return true;
    case "previous-medium":
      void beside(page, -1);
      return true;
    case "reviewed-next":
      void reviewedNext(page);
      return true;
    case "find-medium":
      page.set({ drawer: "media" });
      return focus("[data-find-medium]");
    case "zoom-in":
    case "zoom-out":
      surface?.zoomBy(name === "zoom-in" ? 1.3 : 1 / 1.3);
      return true;
    case "whole-view":
      surface?.zoomTo("whole");
      return true;
    case "actual-size":
      surface?.zoomTo("actual");
      return true;
    case "zoom-selection":
      if (page.selection.length) surface?.zoomTo(page.selection);
      else page.say("Select an annotation first", "bad");
      return true;
    case "hide-shapes":
      page.shapesShown = !page.shapesShown;
      surface?.setStyle({ shown: page.shapesShown });
      page.announce(page.shapesShown ? "Shapes are shown" : "Shapes are hidden");
      return true;
    case "titles":
      page.titles = !page.titles;
      surface?.setStyle({ titles: page.titles });
      page.announce(page.titles ? "Names are shown" : "Names are hidden");
      return true;
    case "opacity":
      page.opacity = page.opacity === 0 ? 0.2 : page.opacity < 0.5 ? 0.6 : 0;
      surface?.setStyle({ opacity: page.opacity });
      page.announce(`Fill of the shapes ${Math.round(page.opacity * 100)} %`);
      return true;
    case "undo":
      void undo(page);
      return true;
    case "redo":
      void undo(page, true);
      return true;
    case "keys":
      page.open({ kind: "keys" });
      return true;
    default:
      return false;
  }
}

export function chooseTool(page: Page, tool: Tool): boolean {
  const looks = tool === "select" || tool === "pan" || tool === "zoom" || tool === "ruler";
  if (!page.mayEdit && !looks) {
    sayWhy(page);
    return true;
  }
  page.surface?.setTool(tool);
  page.set({ tool });
  return true;
}

/** End the shape that is being drawn corner by corner; false where there is none. */
function finished(page: Page): boolean {
  if (page.tool !== "polygon" && page.tool !== "line") return false;
  const before = page.desk.nextUndo;
  page.surface?.finish();
  return page.desk.nextUndo !== before;
}

export function setBrush(page: Page, diameter: number): boolean {
  page.brush = Math.max(1, Math.min(500, Math.round(diameter)));
  page.surface?.setBrush(page.brush);
  page.announce(`Brush ${page.brush} px`);
  return true;
}

export function play(page: Page): boolean {
  if (page.clock.value.playing) page.surface?.pause();
  else page.surface?.play(page.rate);
  return true;
}

export function setSpeed(page: Page, rate: number | undefined): boolean {
  if (rate === undefined) return true;
  page.set({ rate });
  if (page.clock.value.playing) page.surface?.play(rate);
  page.announce(`Speed ${rate}`);
  return true;
}

export async function beside(page: Page, step: number): Promise<void> {
  const next = await page.queue.beside(page.opening ?? page.opened?.medium.name ?? null, step);
  if (next) await page.openMedium(next.name);
  else page.say(step > 0 ? "This is the last medium of the list" : "This is the first medium of the list");
}

function favouriteLabel(page: Page, digit: string): boolean {
  const path = onDigit(page.habits, page.labels.labels, digit);
  if (path) giveLabel(page, path, page.tool === "select" ? page.selection : []);
  else page.say(`No label is on ${digit}: choose one in the list of labels`, "bad");
  return true;
}

/** Arrows move what is selected, or else go through the media, or through time. */
function arrow(page: Page, name: string): boolean {
  const [, direction] = /(left|right|up|down)$/.exec(name)!;
  const far = name.includes("far");
  const [dx, dy] = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] }[direction as "left"]! as [number, number];
  if (page.surface?.aim.on) aimBy(page, dx * (far ? AIM * FAR : AIM), dy * (far ? AIM * FAR : AIM));
  else if (page.selection.length && page.mayEdit) page.surface?.nudge(dx * (far ? FAR : 1), dy * (far ? FAR : 1));
  else if (far) page.surface?.panBy(dx * PAN, dy * PAN);
  else if (page.opened?.view.kind === "video" && dx) page.surface?.step(dx);
  else if (page.opened?.view.kind === "sound" && dx) page.surface?.seek(Math.max(0, page.clock.value.time + dx));
  else void beside(page, dx + dy);
  return true;
}

function aim(page: Page, on: boolean): boolean {
  const { surface } = page;
  if (!surface || !page.opened) return false;
  if (on) surface.aim.start();
  else surface.aim.stop();
  page.announce(on ? "Crosshair in the middle: arrows move it, with Shift far; Enter presses; Escape ends" : "No crosshair");
  if (on) surface.element.focus();
  return true;
}

let saying = 0;

function aimBy(page: Page, dx: number, dy: number): void {
  page.surface?.aim.moveBy(dx, dy);
  window.clearTimeout(saying);
  saying = window.setTimeout(() => {
    const at = page.pointer.value;
    if (at && page.surface?.aim.on) page.announce(placeWords(at, page.opened?.view.kind === "sound"));
  }, SAY_AFTER_MS);
}

function cycle(page: Page, step: number): boolean {
  const { marks } = page.desk;
  if (!marks.length) return true;
  const at = marks.findIndex(({ id }) => id === page.selection.at(-1));
  const next = marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length]!;
  show(page, next.id);
  page.announce(titleOf(next));
  return true;
}

/** Select a mark and bring it into view. */
export function show(page: Page, id: string): void {
  const mark = page.desk.get(id);
  if (!mark) return;
  page.select([id]);
  if (page.opened?.view.kind === "video" && mark.shape.frames.length) page.surface?.seek(mark.shape.frames[0]!);
  if (mark.shape.kind !== "whole") page.surface?.zoomTo([id]);
}

function escape(page: Page): boolean {
  if (page.picker) page.set({ picker: null });
  else if (page.leaf) closeLeaf(page);
  else if (page.drawer) page.set({ drawer: null });
  else if (page.surface?.aim.on && !page.surface.drawing) aim(page, false);
  else {
    page.surface?.cancel();
    if (page.surface?.aim.on) return true;
    if (page.tool !== "select") chooseTool(page, "select");
    else page.select([]);
  }
  return true;
}

function takeSuggestion(page: Page, number: string): boolean {
  if (!page.mayEdit) sayWhy(page);
  else page.helper.take(Number(number));
  return true;
}

function focus(what: string): boolean {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(what)?.focus());
  return true;
}

/** A key anywhere on the page. */
export function pageKey(page: Page, event: KeyboardEvent): void {
  const target = event.composedPath()[0] as HTMLElement;
  // The surface keeps Space for itself, to move the picture; where there is something to play, it plays too.
  const plays = event.key === " " && page.opened?.view.kind !== "picture" && page.surface?.element.contains(target);
  // The button that was pressed in a window may be gone, and the keyboard with it.
  if (page.dialog && event.key === "Escape" && !event.defaultPrevented) page.open(null);
  if ((event.defaultPrevented && !(plays && !event.repeat)) || page.dialog || page.screen !== "work" || event.isComposing) return;
  const typing = target.matches?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const key = keyName(event);
  if (typing && key !== "Escape") return;
  // A button, a slider and a row of a list have keys of their own.
  if ((key === "Enter" || key === "Space") && target.matches?.("button, a[href], summary, input, [role=option], [role=treeitem], [role=tab]")) return;
  if (key.startsWith("Arrow") && target.matches?.("input")) return;
  const action = actionFor(key, page.bindings);
  if (!action) return;
  if (action.name === "escape" && typing) target.blur();
  if (run(page, action.name)) event.preventDefault();
}
