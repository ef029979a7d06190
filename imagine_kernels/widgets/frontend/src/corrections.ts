/** The list of corrections and the state that follows from it. */

import type { Correction, Status } from "./protocol";

export interface State {
  label: string | null;
  status: Status | null;
}

/** The rows in force: an undo takes its row back, and a redo is an undo of that undo. */
export function inForce(rows: readonly Correction[]): Correction[] {
  const undone = new Set<number>();
  const kept: Correction[] = [];
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]!;
    if (undone.has(row.sequence)) continue;
    if (row.undoes !== null) undone.add(row.undoes);
    else kept.push(row);
  }
  return kept.reverse();
}

/** What people have made of each object that was touched. */
export function fold(rows: readonly Correction[]): Map<string, State> {
  const state = new Map<string, State>();
  for (const row of inForce(rows)) {
    for (const id of row.object_ids) {
      const before = state.get(id);
      state.set(id, { label: row.label ?? before?.label ?? null, status: row.status ?? before?.status ?? null });
    }
  }
  return state;
}

/** Objects that are not there: those that are divided, and the parts that no cut in force has made. */
export function absent(rows: readonly Correction[]): Set<string> {
  const gone = new Set(rows.flatMap((row) => row.parts ?? []));
  const last = new Map<string, string[]>();
  for (const row of inForce(rows)) if (row.parts) last.set(row.object_ids[0]!, row.parts);
  for (const [id, parts] of last) {
    if (!parts.length || gone.has(id)) continue;
    gone.add(id);
    for (const part of parts) gone.delete(part);
  }
  return gone;
}

/** The row that the next undo takes back, or null. */
export function nextUndo(rows: readonly Correction[]): Correction | null {
  return inForce(rows).at(-1) ?? null;
}

/** The undo that the next redo takes back, or null: only undos made after the last correction count. */
export function nextRedo(rows: readonly Correction[]): Correction | null {
  const undone = new Set<number>();
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]!;
    if (row.undoes === null) return null;
    if (undone.has(row.sequence)) continue;
    const target = rows.find((each) => each.sequence === row.undoes);
    if (target && target.undoes === null) return row;
    undone.add(row.undoes);
  }
  return null;
}

/** Whether quantities lack a correction that was made: they may come before the answer that confirms it, or long after. */
export function behind(
  quantities: { sequence: number } | null,
  confirmed: readonly { sequence: number }[],
  pending: readonly unknown[],
): boolean {
  return quantities === null || pending.length > 0 || quantities.sequence < (confirmed.at(-1)?.sequence ?? 0);
}
