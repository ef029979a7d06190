/** Which vignettes are chosen, and which one the keyboard is on. */

export class Selection {
  private chosen = new Set<number>();
  private anchor: number | null = null;
  focus: number | null = null;

  get rows(): ReadonlySet<number> {
    return this.chosen;
  }

  get size(): number {
    return this.chosen.size;
  }

  has(row: number): boolean {
    return this.chosen.has(row);
  }

  /** What a command acts on: the chosen ones, or else the one in focus. */
  targets(order: readonly number[]): number[] {
    if (this.chosen.size) return order.filter((row) => this.chosen.has(row));
    return this.focus !== null && order.includes(this.focus) ? [this.focus] : [];
  }

  only(row: number): void {
    this.chosen = new Set([row]);
    this.anchor = this.focus = row;
  }

  toggle(row: number): void {
    if (!this.chosen.delete(row)) this.chosen.add(row);
    this.anchor = this.focus = row;
  }

  /** Move the focus and leave the choice as it is. */
  goTo(row: number): void {
    this.focus = this.anchor = row;
  }

  /** From the anchor to `row`, in the order shown; with `keep` what was chosen before stays. */
  extendTo(row: number, order: readonly number[], keep = false): void {
    const from = order.indexOf(this.anchor ?? this.focus ?? row);
    const to = order.indexOf(row);
    if (to < 0) return;
    const start = from < 0 ? to : from;
    const range = order.slice(Math.min(start, to), Math.max(start, to) + 1);
    this.chosen = new Set(keep ? [...this.chosen, ...range] : range);
    if (this.anchor === null) this.anchor = order[start]!;
    this.focus = row;
  }

  set(rows: Iterable<number>): void {
    this.chosen = new Set(rows);
  }

  clear(): void {
    this.chosen = new Set();
  }

  /** After the order has changed: what is no longer shown is no longer chosen; the focus goes to what took its place. */
  settle(before: readonly number[], after: readonly number[]): void {
    const shown = new Set(after);
    this.chosen = new Set([...this.chosen].filter((row) => shown.has(row)));
    if (this.focus !== null && !shown.has(this.focus)) {
      const at = before.indexOf(this.focus);
      const next = before.slice(at + 1).find((row) => shown.has(row)) ?? before.slice(0, Math.max(at, 0)).findLast((row) => shown.has(row));
      this.focus = this.anchor = next ?? after[0] ?? null;
    }
    if (this.anchor !== null && !shown.has(this.anchor)) this.anchor = this.focus;
  }
}
