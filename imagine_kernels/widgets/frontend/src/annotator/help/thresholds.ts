/** From which probability on the model names something: one for all labels, and others for some of them. */

export interface Thresholds {
  all: number;
  /** By label, only where it differs. */
  own: Readonly<Record<string, number>>;
}

export const THRESHOLDS: Thresholds = { all: 0.5, own: {} };

export function thresholdOf({ all, own }: Thresholds, label: string): number {
  return own[label] ?? all;
}

export function withAll(given: Thresholds, all: number): Thresholds {
  return tidy({ all: bounded(all), own: given.own });
}

/** One of its own for a label; null takes it away. */
export function withOwn(given: Thresholds, label: string, value: number | null): Thresholds {
  const { [label]: _, ...others } = given.own;
  return tidy({ all: given.all, own: value === null ? others : { ...others, [label]: bounded(value) } });
}

/** As it is sent: nothing of labels that this model does not have. */
export function sent({ all, own }: Thresholds, classes: readonly string[]): { threshold: number; thresholds: Record<string, number> } {
  return { threshold: all, thresholds: Object.fromEntries(classes.filter((label) => own[label] !== undefined).map((label) => [label, own[label]!])) };
}

function tidy({ all, own }: Thresholds): Thresholds {
  return { all, own: Object.fromEntries(Object.entries(own).filter(([, value]) => value !== all)) };
}

function bounded(value: number): number {
  return Number.isFinite(value) ? Math.round(Math.max(0, Math.min(1, value)) * 100) / 100 : 0.5;
}
