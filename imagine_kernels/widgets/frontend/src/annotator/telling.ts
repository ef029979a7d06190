/** Whoever shows something subscribes here; and what is said to the person, on the screen and to a screen reader. */

export class Telling {
  announcement = "";
  toast: { text: string; kind: "good" | "bad" } | null = null;
  /** What others have just done here. */
  note = "";
  private readonly subscribers = new Set<() => void>();
  private toastTimer = 0;
  private noteTimer = 0;

  subscribe(listener: () => void): () => void {
    this.subscribers.add(listener);
    return () => this.subscribers.delete(listener);
  }

  tell(): void {
    for (const listener of this.subscribers) listener();
  }

  say(text: string, kind: "good" | "bad" = "good"): void {
    this.toast = { text, kind };
    this.announcement = text;
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => {
      this.toast = null;
      this.tell();
    }, kind === "bad" ? 7000 : 2500);
    this.tell();
  }

  announce(text: string): void {
    this.announcement = text;
    this.tell();
  }

  remark(text: string): void {
    this.note = text;
    this.announcement = text;
    window.clearTimeout(this.noteTimer);
    this.noteTimer = window.setTimeout(() => {
      this.note = "";
      this.tell();
    }, 6000);
  }
}
