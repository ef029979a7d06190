/** The identify app: the bar at the top, the screen below it, the windows over it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { sentence } from "./view";
import type { Download } from "./protocol";
import { percent } from "./scales";
import { DeskContext, ErrorBox, Icon, Mark, useDesk } from "./parts/common";
import { Dialogs } from "./parts/dialogs";
import { Sorting } from "./parts/sorting";
import { Start, Working } from "./parts/start";
import { toggleTheme } from "./theme";
import { download, saveAs } from "./transfer";

export function App({ desk }: { desk: Desk }) {
  return (
    <DeskContext.Provider value={desk}>
      <Page />
    </DeskContext.Provider>
  );
}

function Page() {
  const desk = useDesk();
  useEffect(() => {
    void desk.begin();
    const timer = window.setInterval(() => void desk.sync(), 2500);
    const keys = (event: KeyboardEvent) => pageKey(desk, event);
    const leaving = (event: BeforeUnloadEvent) => {
      if (desk.saving) event.preventDefault();
    };
    const connection = (event: Event) => {
      desk.connection = (event as CustomEvent<Desk["connection"]>).detail;
      desk.tell();
    };
    document.addEventListener("ik-connection", connection);
    window.addEventListener("keydown", keys);
    window.addEventListener("beforeunload", leaving);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("ik-connection", connection);
      window.removeEventListener("keydown", keys);
      window.removeEventListener("beforeunload", leaving);
    };
  }, [desk]);
  return (
    <div class="ik ik-app" data-screen={desk.screen} data-saving={desk.saving}>
      <Bar />
      {desk.connection !== "open" && (
        <div class="ik-offline" role="alert">
          {desk.connection === "waiting" ? (
            "The connection to the server is interrupted; trying again …"
          ) : (
            <>
              The connection to the server is lost. Everything shown as saved is safe.
              <button class="ik-button" onClick={() => location.reload()}>Reload the page</button>
            </>
          )}
        </div>
      )}
      {desk.screen === "loading" && (desk.error ? <main class="ik-start"><ErrorBox text={desk.error} /></main> : <Waiting />)}
      {desk.screen === "start" && <Start />}
      {desk.screen === "working" && <Working />}
      {desk.screen === "sorting" && desk.table && <Sorting />}
      <Dialogs />
      <div class="ik-visually-hidden" aria-live="polite" data-live>{desk.announcement}</div>
      {desk.toast && <div class={`ik-toast ik-toast-${desk.toast.kind}`} aria-hidden="true">{desk.toast.text}</div>}
    </div>
  );
}

function pageKey(desk: Desk, event: KeyboardEvent): void {
  const target = event.composedPath()[0] as HTMLElement;
  const typing = target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");
  if (desk.dialog || typing || event.defaultPrevented) return;
  if (event.key === "?") {
    desk.open({ kind: "keys" });
    event.preventDefault();
  } else if (event.key === "/" && desk.screen === "sorting") {
    desk.setView({ sidebar: true, tab: "vignettes" });
    requestAnimationFrame(() => desk.grid?.element.closest(".ik-app")?.querySelector<HTMLInputElement>("[data-search]")?.focus());
    event.preventDefault();
  } else if (desk.screen === "sorting" && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    if (event.shiftKey) desk.redo();
    else desk.undo();
    event.preventDefault();
  }
}

function Waiting() {
  return (
    <main class="ik-start" aria-busy="true">
      <div class="ik-skeleton" style={{ width: "280px", height: "34px" }} />
      <div class="ik-skeleton" style={{ width: "420px", maxWidth: "100%", height: "18px" }} />
      <div class="ik-sources">
        {[1, 2, 3].map((i) => <div key={i} class="ik-skeleton" style={{ height: "170px" }} />)}
      </div>
    </main>
  );
}

function Bar() {
  const desk = useDesk();
  const { ready, model, hello } = desk;
  const working = desk.screen === "sorting" && ready;
  const balanced = model?.metrics.find((each) => /balanced/i.test(each.name)) ?? model?.metrics[0];
  const name = (
    <>
      <Mark />
      <span>IMAGINE</span>
    </>
  );
  return (
    <header class="ik-bar ik-app-bar">
      {hello?.home_url ? <a class="ik-brand" href={hello.home_url} title="Home">{name}</a> : <span class="ik-brand">{name}</span>}
      <span class="ik-bar-rule" />
      <span class="ik-bar-title">{hello?.words.title ?? ""}</span>
      {working && (
        <button class="ik-button ik-button-quiet ik-bar-sample" data-act="leave" title={`${ready.source} (${ready.layout}); choose another sample`} onClick={() => void desk.leave()}>
          <Icon name="back" />
          <span>{ready.name}</span>
        </button>
      )}
      <span class="ik-spacer" />
      {working && <Saved />}
      {working && desk.problems.length > 0 && (
        <button class="ik-chip ik-chip-warn ik-chip-button" data-act="problems" onClick={() => desk.open({ kind: "problems" })}>
          <Icon name="warn" />
          {desk.problems.length} <span class="ik-wide-only">{desk.problems.length === 1 ? "problem" : "problems"}</span>
        </button>
      )}
      {model && (
        <button class="ik-chip ik-chip-accent ik-chip-button" data-act="model" title="The model in use and its figures on held-out data" onClick={() => desk.open({ kind: "model" })}>
          <span class="ik-wide-only">{model.name}</span>
          <span class="ik-narrow-only">Model</span>
          {balanced && <span class="ik-number"><span class="ik-wide-only">{balanced.name.charAt(0).toLowerCase() + balanced.name.slice(1)} </span>{percent(balanced.value)}</span>}
        </button>
      )}
      {working && <Downloads />}
      <button class="ik-button ik-button-quiet ik-button-icon" aria-label="Light or dark" title="Light or dark" onClick={toggleTheme}>
        <Icon name="sun" />
      </button>
      <button class="ik-button ik-button-quiet ik-button-icon" aria-label="Keys" title="Keys (?)" onClick={() => desk.open({ kind: "keys" })}>?</button>
    </header>
  );
}

function Saved() {
  const desk = useDesk();
  const text = desk.unsaved ? "Not saved" : desk.saving ? "Saving…" : "All saved";
  return <span class={`ik-small ik-saved ${desk.unsaved ? "ik-bad-text" : "ik-muted"}`} title={desk.unsaved ?? "Every correction is written to disk as it is made"}>{text}</span>;
}

/** What every use case gives besides its native formats. */
const ALWAYS = [
  { kind: "tables", name: "Tables (CSV)", note: "predictions, quantities, problems" },
  { kind: "report", name: "Report (HTML)", note: "figures, tables, provenance" },
] as const;

function Downloads() {
  const desk = useDesk();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState<{ kind: string; text: string; share: number | null } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLElement>(".ik-menu button")?.focus();
    const outside = (event: Event) => {
      if (!event.composedPath().includes(box.current!)) setOpen(false);
    };
    window.addEventListener("pointerdown", outside);
    return () => window.removeEventListener("pointerdown", outside);
  }, [open]);
  useEffect(() => desk.channel.on<{ text: string }>("making", ({ text }) => setBusy((before) => before && { ...before, text, share: null })), [desk]);
  const get = async (kind: string, name: string) => {
    setError(null);
    setBusy({ kind, text: `Making the ${name}`, share: null });
    try {
      const { value } = await desk.channel.ask<Download>("download", { kind });
      const blob = await download(desk.channel, value, (got) => setBusy({ kind, text: "Fetching", share: got / value.size }));
      saveAs(blob, value.name);
      desk.say(`${value.name} is saved`, "good");
      setOpen(false);
      box.current?.querySelector<HTMLElement>("button")?.focus();
    } catch (problem) {
      setError(sentence(problem));
    }
    setBusy(null);
  };
  const keys = (event: KeyboardEvent) => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>(".ik-menu button") ?? [])];
    const at = items.indexOf(event.target as HTMLElement);
    if (event.key === "Escape") {
      setOpen(false);
      box.current?.querySelector<HTMLElement>("button")?.focus();
    } else if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp") items[Math.max(at - 1, 0)]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="ik-downloads" ref={box} onKeyDown={keys}>
      <button class="ik-button ik-button-primary" data-act="downloads" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="download" />
        <span class="ik-tool-name">Download</span>
      </button>
      {open && (
        <div class="ik-menu" role="menu" aria-label="Download">
          {[...(desk.hello?.exports ?? []), ...ALWAYS].map(({ kind, name, note }) => (
            <button key={kind} role="menuitem" data-kind={kind} aria-disabled={busy !== null} onClick={() => !busy && void get(kind, name)}>
              <span>{name}</span>
              <span class="ik-muted ik-small">{note}</span>
              {busy?.kind === kind && (
                <span class="ik-menu-busy">
                  <span class="ik-small" role="status">{busy.text}</span>
                  <span class="ik-progress" {...(busy.share === null ? { "data-unknown": "" } : {})}>
                    <div style={busy.share === null ? {} : { width: `${busy.share * 100}%` }} />
                  </span>
                </span>
              )}
            </button>
          ))}
          {error && <ErrorBox text={error} />}
        </div>
      )}
    </div>
  );
}
