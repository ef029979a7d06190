/** What the page shows, and small words about it. */

import { Refusal } from "./channel";
import type { Grouping } from "./table";

export type Screen = "loading" | "start" | "working" | "sorting";
export type Dialog = { kind: "keys" | "problems" | "model" | "chooser" | "recent" } | { kind: "zoom" | "divide"; row: number } | null;

export interface View {
  side: number;
  trueSize: boolean;
  pxPerMm: number;
  sort: string;
  by: Grouping;
  selecting: boolean;
  tab: "vignettes" | "quantities";
  sidebar: boolean;
}

export function sentence(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  return "The page lost its connection to the server: reload it; everything that was saved is there again.";
}

/** The session that the address names, so that a reload comes back to it. */
export function sessionInAddress(): string | null {
  const hash = new URLSearchParams(location.hash.replace(/^#/, ""));
  return hash.get("session") ?? new URLSearchParams(location.search).get("session");
}
