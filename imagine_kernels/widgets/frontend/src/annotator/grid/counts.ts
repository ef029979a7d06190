/** How many annotations lie under each label, those of the labels below it too. */

import { pathKey } from "../labels";
import type { Project } from "../protocol";

export interface Counts {
  all: number;
  unnamed: number;
  of: ReadonlyMap<string, number>;
}

export function countsOf(labels: Project["labels"]): Counts {
  const of = new Map<string, number>();
  let [all, unnamed] = [0, 0];
  for (const { path, counts } of labels) {
    const n = Object.values(counts).reduce((sum, each) => sum + each, 0);
    all += n;
    if (!path.length) unnamed += n;
    for (let depth = 1; depth <= path.length; depth++) {
      const key = pathKey(path.slice(0, depth));
      of.set(key, (of.get(key) ?? 0) + n);
    }
  }
  return { all, unnamed, of };
}
