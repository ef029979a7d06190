/** Where edits are kept until the server has them. */

import type { Conflict, Edit } from "./protocol";

/** Why an edit is not sent: it met somebody else's, or the server cannot keep it. */
export interface Held {
  kind: "conflict" | "refused";
  sentence: string;
  conflict: Conflict | null;
}

export interface Entry {
  key: string;
  /** In which order they were made. */
  order: number;
  edit: Edit;
  held: Held | null;
}

export interface Shelf {
  /** What is on it is there after the page was closed. */
  readonly lasting: boolean;
  load(): Promise<Entry[]>;
  put(entries: readonly Entry[]): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  close(): void;
}

/** For as long as the page is open, where the browser lets nothing be kept. */
export class MemoryShelf implements Shelf {
  readonly lasting = false;
  readonly entries = new Map<string, Entry>();

  async load(): Promise<Entry[]> {
    return [...this.entries.values()].sort((a, b) => a.order - b.order);
  }

  async put(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.entries.set(entry.key, structuredClone(entry));
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.entries.delete(key);
  }

  close(): void {}
}

const STORE = "edits";

/** In the browser's own database, by project and person. */
export class BrowserShelf implements Shelf {
  readonly lasting = true;

  private constructor(
    private readonly database: IDBDatabase,
    private readonly project: string,
    private readonly person: string,
  ) {}

  /** A shelf that lasts, or one for as long as the page is open where the browser has none. */
  static async open(project: string, person: string): Promise<Shelf> {
    try {
      const request = indexedDB.open("imagine-annotator", 1);
      request.onupgradeneeded = () => {
        const store = request.result.createObjectStore(STORE, { keyPath: ["project", "person", "key"] });
        store.createIndex("owner", ["project", "person"]);
      };
      return new BrowserShelf(await answer(request), project, person);
    } catch {
      return new MemoryShelf();
    }
  }

  async load(): Promise<Entry[]> {
    const store = this.database.transaction(STORE).objectStore(STORE);
    const found: (Entry & { project: string; person: string })[] = await answer(store.index("owner").getAll([this.project, this.person]));
    return found.map(({ key, order, edit, held }) => ({ key, order, edit, held })).sort((a, b) => a.order - b.order);
  }

  put(entries: readonly Entry[]): Promise<void> {
    return this.write((store) => {
      for (const entry of entries) store.put({ ...entry, project: this.project, person: this.person });
    });
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.write((store) => {
      for (const key of keys) store.delete([this.project, this.person, key]);
    });
  }

  close(): void {
    this.database.close();
  }

  private write(work: (store: IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, "readwrite");
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("The browser could not keep it."));
      work(transaction.objectStore(STORE));
    });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser could not keep it."));
  });
}
