/** Telling the shell, and doing things at most once a frame. */
import type { SurfaceEvents } from "../surface";

export class Events {
  private readonly listeners = new Map<keyof SurfaceEvents, Set<unknown>>();

  on<E extends keyof SurfaceEvents>(event: E, listener: SurfaceEvents[E]): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(listener));
    return () => all.delete(listener);
  }

  emit<E extends keyof SurfaceEvents>(event: E, ...given: Parameters<SurfaceEvents[E]>): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) (listener as (...given: Parameters<SurfaceEvents[E]>) => void)(...given);
  }
}

/** Of what is asked for under one name before the next frame, only the latest is done. */
export class Frames {
  private readonly due = new Map<string, () => void>();
  private handle = 0;

  later(what: string, task: () => void): void {
    this.due.set(what, task);
    this.handle ||= requestAnimationFrame(() => {
      this.handle = 0;
      const tasks = [...this.due.values()];
      this.due.clear();
      for (const each of tasks) each();
    });
  }

  clear(): void {
    this.due.clear();
  }
}
