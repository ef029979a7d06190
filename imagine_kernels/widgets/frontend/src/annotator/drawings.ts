/** Marks as the surface draws them; one that looks the same is the same, so that it is not drawn anew. */

import type { LabelIndex } from "./labels";
import type { Mark } from "./protocol";
import type { Drawn } from "./surface";
import { titleOf } from "./words";

const DISCARDED = "#9aa7b0";

export class Drawings {
  private readonly known = new WeakMap<Mark, Drawn>();
  private stamp = 0;

  of(mark: Mark, labels: LabelIndex, locked: boolean): Drawn {
    const color = mark.status === "discarded" ? DISCARDED : labels.colorOf(mark.labels[0]?.path);
    const known = this.known.get(mark);
    if (known && known.color === color && known.locked === locked) return known;
    // The version of the store stays while an edit is on its way; what is drawn does not.
    const drawn: Drawn = { id: mark.id, version: ++this.stamp, shape: mark.shape, color, title: titleOf(mark), dashed: mark.status !== "validated", locked };
    this.known.set(mark, drawn);
    return drawn;
  }
}
