/** The labels that a person has used last, and those on the digits. */

import { samePath } from "./marks";
import type { Label, Project } from "./protocol";

/** What a person has used last and put on the digits; remembered in the browser, by project. */
export interface Habits {
  recent: string[][];
  /** Digit to path. */
  favourites: Record<string, string[]>;
}

export const NO_HABITS: Habits = { recent: [], favourites: {} };

export function used(habits: Habits, path: string[]): Habits {
  return { ...habits, recent: [path, ...habits.recent.filter((each) => !samePath(each, path))].slice(0, 12) };
}

/** Put a label on a digit, or take it from there; a label has one digit at most. */
export function favourite(habits: Habits, digit: string, path: string[] | null): Habits {
  const others = Object.entries(habits.favourites).filter(([each, held]) => each !== digit && !(path && samePath(held, path)));
  return { ...habits, favourites: Object.fromEntries(path ? [...others, [digit, path]] : others) };
}

/** The label of a digit: the person's, or else the one that the tree has on that key. */
export function onDigit(habits: Habits, labels: readonly Label[], digit: string): string[] | null {
  return habits.favourites[digit] ?? labels.find((label) => label.key === digit && !isElsewhere(habits, label.path))?.path ?? null;
}

function isElsewhere(habits: Habits, path: string[]): boolean {
  return Object.values(habits.favourites).some((each) => samePath(each, path));
}

export function digitOf(habits: Habits, labels: readonly Label[], path: readonly string[]): string | null {
  for (let digit = 1; digit <= 9; digit++) {
    const found = onDigit(habits, labels, String(digit));
    if (found && samePath(found, path)) return String(digit);
  }
  return null;
}

function key(project: Project): string {
  return `ik-annotator-labels:${project.uid}:${project.person}`;
}

export function readHabits(project: Project): Habits {
  try {
    return { ...NO_HABITS, ...(JSON.parse(localStorage.getItem(key(project)) ?? "{}") as Partial<Habits>) };
  } catch {
    return NO_HABITS;
  }
}

export function keepHabits(project: Project, habits: Habits): void {
  try {
    localStorage.setItem(key(project), JSON.stringify(habits));
  } catch {
    // Storage may be switched off; they then hold for this page.
  }
}
