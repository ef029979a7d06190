/** Questions to the kernel and their answers, over the custom messages of one widget. */

export interface Port {
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
  on(event: "msg:custom", listener: (message: unknown, buffers: DataView[]) => void): void;
  off(event: "msg:custom", listener: (message: unknown, buffers: DataView[]) => void): void;
}

/** What the kernel says went wrong: one sentence with its remedy. */
export class Refusal extends Error {}

/** Nothing came back: whether it was done is not known. */
export class NoAnswer extends Refusal {}

export interface Answer<T> {
  value: T;
  buffers: DataView[];
}

interface Waiting {
  resolve(answer: Answer<unknown>): void;
  reject(error: Error): void;
}

type Listener = (value: never, buffers: DataView[]) => void;

export class Channel {
  private next = 1;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly receive: (message: unknown, buffers: DataView[]) => void;

  constructor(private readonly port: Port) {
    this.receive = (message, buffers) => this.received(message as Record<string, unknown>, buffers ?? []);
    port.on("msg:custom", this.receive);
  }

  /** Ask the kernel; rejects with a `Refusal` that holds its sentence, and with `patience` ms when no answer has come by then. */
  ask<T = unknown>(verb: string, given: Record<string, unknown> = {}, buffers: ArrayBuffer[] = [], patience = 0): Promise<Answer<T>> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      if (patience) {
        setTimeout(() => {
          if (this.waiting.delete(id)) reject(new NoAnswer("The server did not answer in time: try again."));
        }, patience);
      }
      this.port.send({ id, verb, given }, undefined, buffers);
    });
  }

  /** Be told when something happens in the kernel. */
  on<T>(event: string, listener: (value: T, buffers: DataView[]) => void): () => void {
    const known = this.listeners.get(event) ?? new Set<Listener>();
    known.add(listener as Listener);
    this.listeners.set(event, known);
    return () => known.delete(listener as Listener);
  }

  close(): void {
    this.port.off("msg:custom", this.receive);
    for (const each of this.waiting.values()) each.reject(new NoAnswer("The page was closed."));
    this.waiting.clear();
  }

  private received(message: Record<string, unknown>, buffers: DataView[]): void {
    if (typeof message.event === "string") {
      for (const listener of this.listeners.get(message.event) ?? []) listener(message.value as never, buffers);
      return;
    }
    const asked = this.waiting.get(message.id as number);
    if (!asked) return;
    this.waiting.delete(message.id as number);
    if (message.error) asked.reject(new Refusal(String(message.error)));
    else asked.resolve({ value: message.value, buffers });
  }
}
