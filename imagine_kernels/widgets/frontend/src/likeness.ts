/** More like this one. */

import type { Desk } from "./desk";
import { sentence } from "./view";

/** Put the objects most like one of them first: the one in focus, or the given one. */
export async function showLike(desk: Desk, row = desk.selection.focus ?? desk.targets()[0]): Promise<void> {
  if (row === undefined) return desk.say(`Go to a ${desk.words.unit} first`, "bad");
  try {
    const { buffers } = await desk.channel.ask("similar", { row });
    desk.table?.liken(buffers[0]!);
    desk.selection.clear();
    desk.selection.goTo(row);
    desk.setView({ by: "similar" });
    if (desk.grid) desk.grid.element.scrollTop = 0;
    desk.announce(`The ${desk.words.units} most like this one come first`);
  } catch (error) {
    desk.say(sentence(error), "bad");
  }
}
