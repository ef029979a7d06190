/** What others do while the page is open, and what has happened while it could not listen. */

import { sentence } from "../view";
import type { Page } from "./page";
import type { Changes, OpenedMedium, Project } from "./protocol";
import { Reviews, type Drawer } from "./reviews";

/** An answer to what was looked at that takes longer is not waited for; it is sent again. */
const PATIENCE_MS = 20_000;
/** Percentiles between which a picture of 16 bits is shown at first: in its full range most are black. */
const SHOWN = { low: 0.005, high: 0.995 };

export async function sync(page: Page): Promise<void> {
  const { project } = page;
  if (!project) return;
  try {
    const { value } = await page.channel.ask<Project>("open", { project: project.uid });
    if (page.project?.uid !== project.uid) return;
    page.project = value;
    page.setTree(value.tree);
    const name = page.opened?.medium.name;
    if (name) {
      const { value: fresh } = await page.channel.ask<OpenedMedium>("medium", { name });
      if (page.opened?.medium.name === name) {
        page.desk.fold(fresh.marks);
        page.desk.hide(fresh.marks, fresh.head);
      }
    }
    await page.queue.show({}, page.queue.rows.length);
    overlay(page);
  } catch {
    // The connection has gone again; the next time it comes back this is asked once more.
  }
  page.show();
}

/** Somebody has changed something. */
export function follow(page: Page, changes: Changes): void {
  if (changes.project !== page.project?.uid) return;
  const others = changes.people.filter((who) => who !== page.project!.person);
  const different = page.desk.fold(changes.marks);
  for (const { medium, person, time, reviewed } of changes.reviews) tick(page, medium, person, reviewed ? time : null);
  if (different.length && others.length) page.remark(`${others.join(" and ")} changed ${different.length} here`);
  if (changes.more) void sync(page);
  else page.countSoon(changes.marks.some(({ medium }) => medium !== page.desk.medium));
  page.show();
}

/** A person has looked at all of a medium, or takes it back. */
export function tick(page: Page, name: string, person: string, time: string | null): void {
  const row = page.queue.get(name) ?? (page.opened?.medium.name === name ? page.opened.medium : undefined);
  if (!row || Boolean(row.reviewed_by[person]) === (time !== null)) return;
  const was = Object.keys(row.reviewed_by).length > 0;
  const { [person]: _, ...rest } = row.reviewed_by;
  const reviewed_by = time === null ? rest : { ...rest, [person]: time };
  const is = Object.keys(reviewed_by).length > 0;
  page.queue.update(name, (each) => ({ ...each, reviewed_by }));
  if (page.opened?.medium.name === name) page.opened = { ...page.opened, medium: { ...page.opened.medium, reviewed_by } };
  if (was !== is && page.project) page.project = { ...page.project, reviewed: page.project.reviewed + (is ? 1 : -1) };
}

/** What this person has looked at and the server does not know yet. */
export function reviewsOf(page: Page, project: Project): Reviews {
  return new Reviews({
    key: `ik-annotator-reviews:${project.uid}:${project.person}`,
    drawer: drawer(),
    ask: async (media, reviewed) => {
      await page.channel.ask("review", { media, reviewed }, [], PATIENCE_MS);
    },
    refused: (media, reviewed, error) => {
      for (const medium of media) tick(page, medium, project.person, reviewed ? null : new Date().toISOString());
      page.say(`${media[0]} is not noted as looked at: ${sentence(error)}`, "bad");
    },
    changed: () => page.tell(),
  });
}

/** What waits to be sent is seen as if it were. */
export function overlay(page: Page): void {
  for (const [medium, reviewed] of page.reviews?.waiting ?? []) tick(page, medium, page.project!.person, reviewed ? new Date().toISOString() : null);
}

function drawer(): Drawer | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** Between which values a medium is shown at first; what was chosen for one picture of 16 bits holds for the next. */
export async function firstWindow(page: Page, opened: OpenedMedium, before: OpenedMedium | null): Promise<[number, number]> {
  const deep = (each: OpenedMedium | null) => each?.view.kind === "picture" && each.view.bits === 16;
  const [low, high] = page.look.window;
  if (!deep(opened)) return before && opened.view.kind === before.view.kind && !deep(before) ? [low, high] : [0, 1];
  if (!opened.medium.here || (deep(before) && (low !== 0 || high !== 1))) return [low, high];
  const { value } = await page.channel.ask<{ low: number; high: number }>("levels", { medium: opened.medium.name, ...SHOWN });
  return value.low < value.high ? [value.low, value.high] : [0, 1];
}
