/** What rules propose to remove: a person looks, and says whether it goes. What was validated or moved is not proposed again. */

import type { Desk } from "./desk";
import { count } from "./scales";

const NONE: ReadonlySet<string> = new Set();

/** Show what is proposed, by rule, or only what one rule proposes. */
export function showProposed(desk: Desk, rule: string | null = null): void {
  desk.view = { ...desk.view, by: "proposal" };
  desk.setFilter({ rules: rule === null ? NONE : new Set([rule]) });
  if (desk.grid) desk.grid.element.scrollTop = 0;
  desk.announce(`${count(desk.shownRows().length, `${desk.words.unit} is`, `${desk.words.units} are`)} proposed for removal`);
}

/** Back to all objects by taxon. */
export function leaveProposed(desk: Desk): void {
  desk.view = { ...desk.view, by: "taxon" };
  desk.setFilter({ rules: NONE });
}

/** Discard these, in one step that one undo takes back. */
export function discardProposed(desk: Desk, rows: readonly number[]): void {
  if (!rows.length) return desk.say("Nothing is proposed for removal", "bad");
  desk.correct({ status: "discarded" }, rows);
  if (desk.view.by !== "proposal" || desk.groups.length) return;
  // Nothing is left of the rule that was looked at: on to the others.
  desk.setFilter({ rules: NONE });
  if (!desk.groups.length) leaveProposed(desk);
}
