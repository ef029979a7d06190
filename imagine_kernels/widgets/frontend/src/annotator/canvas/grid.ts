/** Which boxes are near: a grid of square cells, in each the names of the boxes that reach into it. */
import type { Box } from "./geometry";

export class BoxGrid {
  private readonly cells = new Map<number, Set<string>>();
  /** Boxes over very many cells are looked at one by one. */
  private readonly large = new Set<string>();
  private readonly boxes = new Map<string, Box>();

  constructor(private readonly side: number) {}

  get size(): number {
    return this.boxes.size;
  }

  box(name: string): Box | undefined {
    return this.boxes.get(name);
  }

  set(name: string, box: Box): void {
    this.delete(name);
    this.boxes.set(name, box);
    const keys = this.keys(box, 256);
    if (!keys) this.large.add(name);
    else
      for (const key of keys) {
        const cell = this.cells.get(key);
        if (cell) cell.add(name);
        else this.cells.set(key, new Set([name]));
      }
  }

  delete(name: string): void {
    const box = this.boxes.get(name);
    if (!box) return;
    this.boxes.delete(name);
    if (this.large.delete(name)) return;
    for (const key of this.keys(box, 256)!) {
      const cell = this.cells.get(key)!;
      cell.delete(name);
      if (!cell.size) this.cells.delete(key);
    }
  }

  clear(): void {
    this.cells.clear();
    this.large.clear();
    this.boxes.clear();
  }

  /** Names of the boxes that meet this one, each once. */
  meeting(box: Box): Set<string> {
    const found = new Set<string>();
    const consider = (name: string) => {
      const [x0, y0, x1, y1] = this.boxes.get(name)!;
      if (x0 <= box[2] && x1 >= box[0] && y0 <= box[3] && y1 >= box[1]) found.add(name);
    };
    this.large.forEach(consider);
    const keys = this.keys(box, this.boxes.size + 16);
    if (!keys) for (const name of this.boxes.keys()) consider(name);
    else for (const key of keys) this.cells.get(key)?.forEach(consider);
    return found;
  }

  private keys([x0, y0, x1, y1]: Box, most: number): number[] | null {
    const cell = (value: number) => Math.floor(value / this.side);
    const [a, b, c, d] = [cell(x0), cell(y0), cell(x1), cell(y1)];
    if (!((c - a + 1) * (d - b + 1) <= most)) return null;
    const keys: number[] = [];
    for (let row = b; row <= d; row++) for (let column = a; column <= c; column++) keys.push(row * 0x4000000 + column);
    return keys;
  }
}
