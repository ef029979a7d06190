/** Objects that are several: those that are likely to be, and what divides and joins them. */

import type { Desk } from "./desk";
import type { Point } from "./protocol";
import { count } from "./scales";
import { sentence } from "./view";

/** Show only what is likely several, the most likely first. */
export function showMultiples(desk: Desk): void {
  desk.setView({ by: "multiple" });
  if (desk.grid) desk.grid.element.scrollTop = 0;
  desk.announce(`${count(desk.table!.multiples().length, `${desk.words.unit} is`, `${desk.words.units} are`)} likely several`);
}

/** Divide an object along lines; its parts where that was done, else the sentence that says why not. */
export async function divide(desk: Desk, row: number, lines: readonly (readonly Point[])[]): Promise<number[] | string> {
  const table = desk.table!;
  const id = table.ids[row]!;
  try {
    const rows = await desk.perform("divide", { object_id: id, lines });
    const parts = rows.findLast((each) => each.object_ids[0] === id && each.parts)?.parts ?? [];
    const found = parts.map((part) => table.ids.indexOf(part));
    desk.selection.clear();
    desk.say(`${id} divided into ${found.length} parts`, "good");
    return found;
  } catch (error) {
    return sentence(error);
  }
}

/** Put an object together again that one was divided from. */
export async function join(desk: Desk, row: number): Promise<void> {
  try {
    await desk.perform("join", { object_id: desk.table!.ids[row]! });
    desk.selection.clear();
    desk.say("Joined again", "good");
  } catch (error) {
    desk.say(sentence(error), "bad");
  }
}

/** A line as a hand has drawn it with fewer points, none of them farther off than `tolerance` px (Douglas & Peucker 1973). */
export function simplified(points: readonly Point[], tolerance: number): Point[] {
  const [first, last] = [points[0]!, points.at(-1)!];
  let [farthest, at] = [0, 0];
  const [dx, dy] = [last[0] - first[0], last[1] - first[1]];
  const length = Math.hypot(dx, dy);
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = [points[i]![0] - first[0], points[i]![1] - first[1]];
    const off = length ? Math.abs(dx * y - dy * x) / length : Math.hypot(x, y);
    if (off > farthest) [farthest, at] = [off, i];
  }
  if (farthest <= tolerance) return [first, last];
  return [...simplified(points.slice(0, at + 1), tolerance).slice(0, -1), ...simplified(points.slice(at), tolerance)];
}
