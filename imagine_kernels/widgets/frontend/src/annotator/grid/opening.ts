/** Whole pages over the annotator, and from there to one thing in its medium. */

import { sentence } from "../../view";
import { show } from "../commands";
import type { Page } from "../page";
import { Gallery } from "./gallery";
import { Listing } from "./listing";

export interface Leaf {
  kind: "grid" | "all" | "quality";
  /** Do what a key says; false where it means nothing here. */
  run(action: string): boolean;
}

/** What was looked at last, so that one comes back to it from a medium. */
interface Kept {
  project: string;
  gallery: Gallery;
  listing: Listing;
}

const kept = new WeakMap<Page, Kept>();

/** The grid and the list of the project that is open. */
export function leavesOf(page: Page): Kept {
  const project = page.project!.uid;
  const known = kept.get(page);
  if (known?.project === project) return known;
  known?.gallery.clear();
  const changed = () => page.tell();
  const made: Kept = {
    project,
    gallery: new Gallery({ channel: page.channel, changed, say: (text, kind) => page.say(text, kind), words: sentence }),
    listing: new Listing(async (given) => (await page.channel.ask<Awaited<ReturnType<Listing["ask"]>>>("annotations", { ...given })).value, changed, sentence),
  };
  kept.set(page, made);
  return made;
}

/** Open a page, or close it where it is open. */
export function toggleLeaf(page: Page, kind: Leaf["kind"]): boolean {
  if (!page.project || page.leaf?.kind === kind) return closeLeaf(page);
  page.set({ leaf: { kind, run: () => false }, picker: null, drawer: null });
  return true;
}

export function closeLeaf(page: Page): boolean {
  const button = { grid: "leaf-grid", all: "leaf-all-annotations", quality: "quality" }[page.leaf?.kind ?? "grid"];
  page.set({ leaf: null, picker: null });
  page.announce(page.opened ? page.opened.medium.name : "");
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-act="${button}"]`)?.focus());
  return true;
}

/** Open the medium of a thing, with it selected and in view. */
export async function openItem(page: Page, { medium, id }: { medium: string; id: string | null }): Promise<void> {
  page.set({ leaf: null, picker: null });
  const there = page.opened?.medium.name === medium && !page.opening;
  if (!there && !(await page.openMedium(medium))) return;
  if (id !== null) show(page, id);
}
