/** The keys of the grid. */

import type { Desk } from "./desk";
import { neighbour, type Direction } from "./layout";
import { showLike } from "./likeness";
import { join, showMultiples } from "./multiples";
import { mark } from "./marks";
import { discardProposed, leaveProposed, showProposed } from "./proposals";
import { taxonName } from "./table";

const PROPOSAL_KEYS: [string[], string][] = [
  [["P"], "show what is proposed for removal, by rule; once more: by taxon again"],
  [["Shift", "X"], "discard all that is proposed for removal and shown"],
];

const MULTIPLE_KEYS: [string[], string][] = [
  [["C"], "divide this one: look at the cut, draw lines"],
  [["Shift", "C"], "show what is likely several; once more: by taxon again"],
  [["J"], "join the parts of one again"],
];

/** The keys that do something with what is open. */
export function keysOf(desk: Desk): [string[], string][] {
  const marks = desk.hello?.marks ?? [];
  return [
    ...KEYS,
    ...(desk.table?.proposals.length ? PROPOSAL_KEYS : []),
    ...(desk.table?.multiple ? MULTIPLE_KEYS : []),
    ...marks.map(({ name, key }): [string[], string] => [[key.toUpperCase()], `mark as ${name}; once more: no longer`]),
  ];
}

const KEYS: [string[], string][] = [
  [["←", "→", "↑", "↓"], "go to the next one"],
  [["Shift", "← → ↑ ↓"], "select on the way"],
  [["Space"], "select or leave out"],
  [["Ctrl", "A"], "select all of the group"],
  [["Enter", "M"], "move to a taxon"],
  [["1", "…", "9"], "move to the taxon with that number"],
  [["V"], "validate as it is"],
  [["D"], "mark dubious"],
  [["X"], "discard"],
  [["Z"], "show large, with all probabilities"],
  [["Ctrl", "Z"], "undo"],
  [["Ctrl", "Shift", "Z"], "redo"],
  [["/"], "search and filter"],
  [["Home", "End"], "first, last"],
  [["Page ↑", "Page ↓"], "a page up, a page down"],
  [["L"], "show those most like this one first; once more: by taxon again"],
  [["G"], "group what is alike; once more: by taxon again"],
  [["F"], "fold the group"],
  [["Shift", "F"], "unfold all groups"],
  [["Esc"], "select nothing; close"],
  [["?"], "these keys"],
];

const ARROWS: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "home",
  End: "end",
  PageUp: "pageup",
  PageDown: "pagedown",
};

/** The taxa of the digit keys: the nine with most objects when the sample was opened. */
export function digitTaxa(desk: Desk): string[] {
  return desk.order.slice(0, 9);
}

/** True where the key was used. */
export function gridKey(desk: Desk, event: KeyboardEvent): boolean {
  const { grid, selection } = desk;
  if (!grid || !desk.table) return false;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key;
  const direction = ARROWS[key];
  if (direction && !control && !event.altKey) {
    const from = selection.focus ?? grid.layout.order[0];
    if (from === undefined) return true;
    const to = selection.focus === null ? from : neighbour(grid.layout, from, direction, grid.element.clientHeight);
    if (event.shiftKey) selection.extendTo(to, grid.layout.order);
    else selection.goTo(to);
    grid.reveal(to);
    if (event.shiftKey) desk.announce(grid.describe());
    else desk.tell();
    return true;
  }
  if (control && key.toLowerCase() === "z") {
    if (event.shiftKey) desk.redo();
    else desk.undo();
    return true;
  }
  if (control && key.toLowerCase() === "y") {
    desk.redo();
    return true;
  }
  if (control && key.toLowerCase() === "a") {
    const group = desk.groups.find((each) => selection.focus !== null && each.rows.includes(selection.focus)) ?? desk.groups[0];
    if (group) selection.set(group.rows);
    grid.refresh();
    desk.announce(grid.describe());
    return true;
  }
  if (control || event.altKey) return false;
  if (/^[1-9]$/.test(key)) {
    const taxon = digitTaxa(desk)[Number(key) - 1];
    if (taxon !== undefined) desk.correct({ label: taxon });
    return true;
  }
  const marking = desk.hello?.marks.find((each) => each.key === key);
  if (marking) {
    mark(desk, marking);
    return true;
  }
  switch (key) {
    case " ":
      if (selection.focus !== null) selection.toggle(selection.focus);
      grid.refresh();
      desk.announce(grid.describe());
      return true;
    case "Enter":
    case "m":
      if (desk.targets().length) desk.open({ kind: "chooser" });
      return true;
    case "v":
      desk.correct({ status: "validated" });
      return true;
    case "d":
      desk.correct({ status: "dubious" });
      return true;
    case "x":
      desk.correct({ status: "discarded" });
      return true;
    case "z":
      if (selection.focus !== null) desk.open({ kind: "zoom", row: selection.focus });
      return true;
    case "l":
      if (desk.view.by === "similar") desk.setView({ by: "taxon" });
      else void showLike(desk);
      return true;
    case "g":
      if (desk.table.clusterOf) desk.setView({ by: desk.view.by === "taxon" ? "cluster" : "taxon" });
      return true;
    case "p":
      if (!desk.table.proposals.length) return false;
      if (desk.view.by === "proposal") leaveProposed(desk);
      else showProposed(desk);
      return true;
    case "X":
      if (!desk.table.proposals.length) return false;
      // What nobody has seen does not go by a key.
      if (desk.view.by === "proposal") discardProposed(desk, desk.shownRows());
      else desk.say("Look at what is proposed for removal first: press P", "bad");
      return true;
    case "c":
      if (!desk.table.multiple) return false;
      if (selection.focus !== null) desk.open({ kind: "divide", row: selection.focus });
      return true;
    case "C":
      if (!desk.table.multiple) return false;
      if (desk.view.by === "multiple") desk.setView({ by: "taxon" });
      else showMultiples(desk);
      return true;
    case "j":
      if (!desk.table.multiple || selection.focus === null) return false;
      void join(desk, selection.focus);
      return true;
    case "f": {
      const taxon = grid.foldFocused();
      if (taxon !== null) desk.announce(`${taxonName(taxon)} folded`);
      return true;
    }
    case "F":
      grid.unfoldAll();
      desk.announce("All groups unfolded");
      return true;
    case "Escape":
      selection.clear();
      if (desk.view.selecting) desk.setView({ selecting: false });
      grid.refresh();
      desk.tell();
      return true;
    default:
      return false;
  }
}
