/** What is said of models and what they have done. */

import { count } from "../../scales";
import type { GridItem, Help, Helped, Offer, Suggestion, Way } from "../protocol";
import { labelOf } from "../labels";

export const WAYS: { way: Way; words: string; why: string }[] = [
  { way: "uncertainty", words: "The uncertain ones", why: "Where the model wavers between labels: each answer teaches it most." },
  { way: "diversity", words: "Different ones", why: "Unlike each other, so that all kinds of pictures are seen early." },
  { way: "novelty", words: "New ones", why: "Unlike everything labelled so far: there may be a class that the model does not know." },
  { way: "mixed", words: "Some of each", why: "Where the model wavers, and unlike each other: a good choice when in doubt." },
  { way: "quantity", words: "For the number of a label", why: "Chosen so that the share of one label is known soon, with its error." },
];

/** 84.2 % */
export function points(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** +1.2, −0.4: in points of percent. */
export function signed(part: number): string {
  const value = (100 * part).toFixed(1);
  if (Number(value) === 0) return "0.0";
  return value.startsWith("-") ? `−${value.slice(1)}` : `+${value}`;
}

export function offerWords(offer: Offer): string {
  const difference = `${signed(offer.gain)} points (95 % ${signed(offer.low)} to ${signed(offer.high)})`;
  const both = `The new model is right in ${points(offer.new)} of ${count(offer.items, "held-out item", "held-out items")}, the one in use in ${points(offer.now)}: ${difference}.`;
  return offer.better ? both : `${both} That may be chance, so the one in use is kept unless you choose otherwise.`;
}

/** What a run in the background has done. */
export function helpedWords({ what, added, left_out }: Helped): string {
  if (what === "retrain") return "The training is done.";
  const done = added ? `${count(added, "thing was", "things were")} named` : "Nothing was named";
  if (!left_out) return `${done}; nothing was left out.`;
  return `${done}; ${left_out} ${left_out === 1 ? "was" : "were"} left out, because the model is less sure than the threshold.`;
}

export function untilTraining({ corrections, every }: Pick<Help, "corrections" | "every">): string {
  if (!every) return `${count(corrections, "correction", "corrections")} since the last training; a new one begins only when you say so`;
  if (corrections >= every) return `${count(corrections, "correction", "corrections")} since the last training: the next one is due`;
  return `${corrections} of ${every} corrections until the next training`;
}

/** The best, and others that may well be. */
export function worthwhile(suggestions: readonly Suggestion[]): Suggestion[] {
  return suggestions.filter(({ probability }, i) => !i || probability >= 0.01).slice(0, 3);
}

/** The model thinks otherwise. */
export function doubted(item: GridItem): boolean {
  const best = item.suggestions[0];
  return best !== undefined && item.path.length > 0 && labelOf(best.path) !== labelOf(item.path);
}
