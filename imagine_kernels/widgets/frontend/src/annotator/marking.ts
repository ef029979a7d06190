/** What a person does to marks: draw, name, judge, delete, copy; each is there at once and saved after. */

import { count } from "../scales";
import { keyframeAt, numbersAt, still, withGap, withKeyframe, withoutKeyframe } from "./keyframes";
import { used } from "./habits";
import { PART_WORDS, labelName, relabelled, samePath, type Parts } from "./marks";
import type { TakenBack } from "./desk";
import { tick } from "./following";
import type { Page } from "./page";
import type { Mark, Shape, Status } from "./protocol";
import { KIND_WORDS, STATUS_WORDS, annotations, authorName } from "./words";

const COPIED = ["shape", "labels", "status", "track", "attributes"] as const;

/** A shape was drawn: it is a mark at once, with the chosen label or with a question for one. */
export function drawn(page: Page, shape: Shape): void {
  if (!page.mayEdit || !page.opened) return page.show();
  const timed = page.opened.view.kind === "video" && !shape.frames.length ? { ...shape, frames: [page.clock.value.time] } : shape;
  const id = make(page, timed, page.label);
  const kind = KIND_WORDS[shape.kind];
  page.select([id]);
  if (page.label) page.done(`${kind}, ${page.label.at(-1)}`);
  else page.set({ picker: { ids: [id], filter: "" } });
}

function make(page: Page, shape: Shape, label: string[] | null): string {
  const id = crypto.randomUUID();
  const labels = label ? relabelled([], label, page.project!.person, new Date().toISOString()) : [];
  page.desk.create(`${KIND_WORDS[shape.kind]}${label ? `, ${label.at(-1)}` : ""}`, [
    { id, medium: page.desk.medium, shape, labels, status: "validated", track: "", attributes: {} },
  ]);
  if (label) page.setHabits(used(page.habits, label));
  page.show();
  page.countSoon();
  return id;
}

/** The whole picture, recording or frame gets a label. */
export function labelWhole(page: Page): void {
  if (!page.opened || page.opening) return;
  const video = page.opened.view.kind === "video";
  drawn(page, { kind: "whole", keyframes: [[]], frames: video ? [page.clock.value.time] : [] });
}

/** Shapes were moved; all that are told of in one go are one step. */
export function reshaped(page: Page, shapes: ReadonlyMap<string, Shape>): void {
  if (!page.mayEdit) return page.show();
  const video = page.opened?.view.kind === "video";
  const moved = [...shapes].flatMap(([id, shape]) => {
    const before = page.desk.get(id);
    if (!before) return [];
    // Of a shape with keyframes, the one of this moment was moved.
    const whole = video && !shape.frames.length ? withKeyframe(before.shape, page.clock.value.time, shape.keyframes[0] ?? [], half(page)) : shape;
    return [{ id, name: labelName(before), parts: { shape: whole } }];
  });
  if (moved.length) change(page, `${moved.length === 1 ? moved[0]!.name : annotations(moved.length)} moved`, moved);
}

/** Half of the time between two frames, within which a time is that of the frame, s. */
function half(page: Page): number {
  const view = page.opened?.view;
  return view?.kind === "video" ? 0.5 / view.frame_rate_hz : 0;
}

/** Give the label to the marks; with none it is what is drawn next. */
export function giveLabel(page: Page, path: string[], ids: readonly string[] = page.selection): void {
  if (!page.mayEdit) return sayWhy(page);
  page.setHabits(used(page.habits, path));
  const { person } = page.project!;
  const marks = ids.map((id) => page.desk.get(id)).filter((mark): mark is Mark => mark !== undefined);
  if (!marks.length) {
    page.set({ label: path });
    return page.announce(`${path.at(-1)} is drawn next`);
  }
  const now = new Date().toISOString();
  const fresh = marks.filter((mark) => !(mark.labels[0] && samePath(mark.labels[0].path, path) && mark.labels[0].annotator === person) || mark.status !== "validated");
  change(
    page,
    `${marks.length === 1 ? KIND_WORDS[marks[0]!.shape.kind] : annotations(marks.length)}, ${path.at(-1)}`,
    fresh.map((mark) => ({ id: mark.id, parts: { labels: relabelled(mark.labels, path, person, now), status: "validated" as const } })),
  );
}

export function giveStatus(page: Page, status: Status): void {
  const marks = wanted(page);
  if (!marks.length) return;
  change(page, `${annotations(marks.length)} ${STATUS_WORDS[status]}`, marks.map(({ id }) => ({ id, parts: { status } })));
}

export function removeSelected(page: Page): void {
  const marks = wanted(page);
  if (!marks.length) return;
  const all = page.desk.marks.map(({ id }) => id);
  const gone = new Set(marks.map(({ id }) => id));
  const at = all.indexOf(marks[0]!.id);
  const next = all.slice(at).find((id) => !gone.has(id)) ?? all.slice(0, at).findLast((id) => !gone.has(id));
  change(page, `${annotations(marks.length)} deleted`, marks.map(({ id }) => ({ id, parts: { deleted: true } })));
  // One after the other can be deleted by key; several at once leave nothing selected.
  page.select(marks.length === 1 && next && page.tool === "select" ? [next] : []);
}

/** All selected ones are the same individual; where they are already, they are so no longer. */
export function linkTrack(page: Page): void {
  const marks = wanted(page);
  if (!marks.length) return;
  const first = marks.find(({ track }) => track)?.track ?? "";
  const same = first !== "" && marks.every(({ track }) => track === first);
  if (marks.length < 2 && !same) return page.say("Select two annotations or more that are the same individual", "bad");
  const track = same ? "" : first || crypto.randomUUID();
  change(page, same ? `${annotations(marks.length)} no longer linked` : `${annotations(marks.length)} linked as one individual`, marks.map(({ id }) => ({ id, parts: { track } })));
}

/** In a video a keyframe in the next frame, else new marks on the next medium. */
export async function copyOn(page: Page): Promise<void> {
  const marks = wanted(page);
  const { opened } = page;
  if (!marks.length || !opened) return;
  if (opened.view.kind === "video") {
    const { time } = page.clock.value;
    const next = Math.min(time + 1 / opened.view.frame_rate_hz, opened.view.duration_s);
    const moved = marks.flatMap(({ id, shape }) => {
      const numbers = numbersAt(shape, time, half(page));
      return numbers ? [{ id, parts: { shape: withKeyframe(shape, next, numbers, half(page)) } }] : [];
    });
    change(page, `${annotations(moved.length)} copied to the next frame`, moved);
    return page.surface?.step(1);
  }
  const next = await page.queue.beside(opened.medium.name, 1);
  if (!next) return page.say("This is the last medium of the list", "bad");
  if (!(await page.openMedium(next.name))) return;
  const copies = marks.map((mark) => ({ ...pick(mark), id: crypto.randomUUID(), medium: next.name }));
  page.desk.create(`${annotations(copies.length)} copied from ${opened.medium.name}`, copies);
  page.show();
  page.select(copies.map(({ id }) => id));
  page.say(`${annotations(copies.length)} copied to ${next.name}`);
}

function pick(mark: Mark): Pick<Mark, (typeof COPIED)[number]> {
  return Object.fromEntries(COPIED.map((name) => [name, mark[name]])) as Pick<Mark, (typeof COPIED)[number]>;
}

/** A keyframe here: as it is now, between those before and after. */
export function addKeyframe(page: Page): void {
  const { time } = page.clock.value;
  const shapes = wanted(page).flatMap(({ id, shape }) => {
    if (!shape.frames.length || keyframeAt(shape, time, half(page)) >= 0) return [];
    if (shape.kind === "whole") return [{ id, parts: { shape: spanned(shape, time) } }];
    const numbers = numbersAt(shape, time, half(page)) ?? nearest(shape, time);
    return numbers ? [{ id, parts: { shape: withKeyframe(shape, time, numbers, half(page)) } }] : [];
  });
  if (page.selection.length) change(page, `${count(shapes.length, "keyframe", "keyframes")} added`, shapes);
}

function spanned(shape: Shape, time: number): Shape {
  const begin = Math.min(shape.frames[0]!, time);
  const end = Math.max(shape.frames.at(-1)!, time);
  return { kind: "whole", keyframes: [[], []], frames: time < shape.frames[0]! ? [begin, shape.frames.at(-1)!] : [begin, shape.frames.length > 1 && time < end ? time : end] };
}

function nearest(shape: Shape, time: number): Shape["keyframes"][number] | null {
  const seen = shape.keyframes.map((numbers, i) => ({ numbers, away: Math.abs(shape.frames[i]! - time) })).filter(({ numbers }) => numbers.length);
  return seen.sort((a, b) => a.away - b.away)[0]?.numbers ?? null;
}

export function removeKeyframe(page: Page): void {
  const { time } = page.clock.value;
  const marks = wanted(page).filter(({ shape }) => keyframeAt(shape, time, half(page)) >= 0);
  if (!marks.length) return page.selection.length ? page.say("There is no keyframe of the selection at this frame", "bad") : undefined;
  const shapes = marks.map(({ id, shape }) => ({ id, shape: withoutKeyframe(shape, time, half(page)) }));
  if (shapes.some(({ shape }) => shape === null)) return page.say("It is the only keyframe: delete the annotation instead", "bad");
  change(page, "Keyframe removed", shapes.map(({ id, shape }) => ({ id, parts: { shape: shape! } })));
}

export function toggleGap(page: Page): void {
  const { time } = page.clock.value;
  const shapes = wanted(page).map(({ id, shape }) => ({ id, shape: shape.kind === "whole" ? null : withGap(shape, time, half(page)) }));
  if (!shapes.length) return;
  const fit = shapes.filter(({ shape }) => shape !== null);
  if (!fit.length) return page.say("It can leave the picture only after its first keyframe", "bad");
  change(page, "Leaves the picture here", fit.map(({ id, shape }) => ({ id, parts: { shape: shape! } })));
}

/** A still copy of the selected ones on this frame, as new individuals. */
export function copyHere(page: Page): void {
  const { time } = page.clock.value;
  const copies = wanted(page).flatMap((mark) => {
    const numbers = numbersAt(mark.shape, time, half(page));
    return numbers ? [{ ...pick(mark), id: crypto.randomUUID(), medium: mark.medium, track: "", shape: still(mark.shape, numbers, mark.shape.frames.length ? time : null) }] : [];
  });
  if (!copies.length) return;
  page.desk.create(`${annotations(copies.length)} doubled`, copies);
  page.show();
  page.select(copies.map(({ id }) => id));
}

export async function undo(page: Page, again = false): Promise<void> {
  if (!again && page.surface?.stepBack()) return;
  const step = again ? page.desk.nextRedo : page.desk.nextUndo;
  if (!step) return page.say(again ? "Nothing to do again" : "Nothing to undo", "bad");
  // What is taken back is seen.
  if (step.medium !== page.desk.medium && !(await page.openMedium(step.medium))) return;
  const taken = again ? page.desk.redo() : page.desk.undo();
  if (!taken) return;
  page.picker = null;
  page.show();
  page.countSoon();
  page.select(taken.step.changes.map(({ id }) => id).filter((id) => page.desk.get(id)?.deleted === false));
  page.say(takenWords(page, taken, again), taken.left.length ? "bad" : "good");
}

function takenWords(page: Page, { step, done, left }: TakenBack, again: boolean): string {
  const what = `${again ? "Done again" : "Undone"}: ${step.words}`;
  if (!left.length) return what;
  const parts = [...new Set(left.flatMap((each) => each.parts))].map((part) => PART_WORDS[part]).join(", ");
  const mark = page.desk.get(left[0]!.id);
  const who = mark?.labels[0] && mark.labels[0].annotator !== page.project?.person ? authorName(mark.labels[0].annotator) : "somebody else";
  const kept = `${who} has changed the ${parts} of ${left.length === 1 ? "it" : annotations(left.length)} since, which stays`;
  return done ? `${what}; ${kept}` : `Not ${again ? "done again" : "undone"}: ${kept}`;
}

/** Say that this person, or everybody, has looked at all of it, and go on. */
export function reviewed(page: Page, name: string, yes: boolean): void {
  if (!page.mayEdit) return sayWhy(page);
  const { person } = page.project!;
  tick(page, name, person, yes ? new Date().toISOString() : null);
  page.reviews?.note(name, yes);
}

export async function reviewedNext(page: Page): Promise<void> {
  const name = page.opened?.medium.name;
  if (!name) return;
  if (!page.mayEdit) return sayWhy(page);
  reviewed(page, name, true);
  const next = (await page.queue.nextToDo(name)) ?? (await page.queue.beside(name, 1));
  if (next) await page.openMedium(next.name);
  else page.say("That was the last of the list");
}

function change(page: Page, words: string, wanted: { id: string; parts: Parts }[]): void {
  const n = page.desk.change(words, wanted);
  page.picker = null;
  page.show();
  if (n) page.countSoon();
  if (n) page.done(words);
  else page.announce(`${words}: it is so already`);
}

/** The selected ones, or nothing with a word why. */
function wanted(page: Page): Mark[] {
  if (!page.mayEdit) {
    sayWhy(page);
    return [];
  }
  const marks = page.selected;
  if (!marks.length) page.say("Select an annotation first", "bad");
  return marks;
}

export function sayWhy(page: Page): void {
  if (page.checking) return page.say("Marks are compared here: end that first (Esc)", "bad");
  page.say("You may look at this project, and change nothing: ask its owner for the role “annotate”", "bad");
}
