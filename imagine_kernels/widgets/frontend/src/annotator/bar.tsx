/** The bar at the top: where one is, whether all is saved, what can be taken in and out. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, Mark } from "../parts/common";
import { toggleTheme } from "../theme";
import { actionOf } from "./actions";
import { run } from "./commands";
import { Glyph, usePage, withKey } from "./context";
import { heldWords, stateRemark, stateWords } from "./words";

export function Bar() {
  const page = usePage();
  const { hello, project } = page;
  const working = page.screen === "work" && project;
  const name = (
    <>
      <Mark />
      <span class="ika-wide">IMAGINE</span>
    </>
  );
  return (
    <header class="ik-bar ik-app-bar">
      {hello?.home_url ? <a class="ik-brand" href={hello.home_url} title="Home" aria-label="IMAGINE, home">{name}</a> : <span class="ik-brand">{name}</span>}
      {!working && <span class="ik-bar-title">{hello?.title ?? ""}</span>}
      {working && (
        <>
          <button class="ik-button ik-button-quiet ik-bar-sample" data-act="leave" title="All projects" onClick={() => void page.leave()}>
            <Icon name="back" />
            <span>{project.name}</span>
          </button>
          <span class="ik-muted ik-small ika-wide">{project.person}</span>
        </>
      )}
      <span class="ik-spacer" />
      {working && <Saved />}
      {working && page.mayEdit && !page.leaf && (
        <div class="ik-tools-group">
          <button class="ik-button ik-button-quiet ik-button-icon" aria-label="Undo" title={withKey(page, "Undo", "undo")} disabled={!page.desk.nextUndo} onClick={() => run(page, "undo")}>
            <Icon name="undo" />
          </button>
          <button class="ik-button ik-button-quiet ik-button-icon" aria-label="Redo" title={withKey(page, "Redo", "redo")} disabled={!page.desk.nextRedo} onClick={() => run(page, "redo")}>
            <Icon name="redo" />
          </button>
        </div>
      )}
      {working && (
        <>
          {(["grid", "all-annotations"] as const).map((action) => (
            <button key={action} class="ik-button ik-button-quiet ik-button-icon" data-act={`leaf-${action}`} aria-label={actionOf(action)!.words} aria-pressed={page.leaf?.kind === (action === "grid" ? "grid" : "all")} title={withKey(page, actionOf(action)!.words, action)} onClick={() => run(page, action)}>
              <Glyph name={action} />
            </button>
          ))}
          <button class="ik-button ik-button-quiet ik-button-icon ika-only-media" disabled={page.leaf !== null} aria-label="Media" aria-expanded={page.drawer === "media"} onClick={() => page.set({ drawer: page.drawer === "media" ? null : "media" })}>
            <Glyph name="list" />
          </button>
          <button class="ik-button ik-button-quiet ik-button-icon ika-only-panel" disabled={page.leaf !== null} aria-label="Labels and annotations" aria-expanded={page.drawer === "panel"} onClick={() => page.set({ drawer: page.drawer === "panel" ? null : "panel" })}>
            <Glyph name="panel" />
          </button>
          <ProjectMenu />
        </>
      )}
      <button class="ik-button ik-button-quiet ik-button-icon ika-wide" aria-label="Light or dark" title="Light or dark" onClick={toggleTheme}>
        <Icon name="sun" />
      </button>
      {working && (
        <button class="ik-button ik-button-quiet ik-button-icon" aria-label="Keys" title={withKey(page, "Keys", "keys")} onClick={() => page.open({ kind: "keys" })}>?</button>
      )}
    </header>
  );
}

function Saved() {
  const page = usePage();
  const { outbox } = page;
  const may = page.mayEdit || page.checking !== null;
  if (!outbox || !may) return may ? null : <span class="ik-chip" title="Ask the owner for the role “annotate” to change something">look only</span>;
  const { held } = outbox;
  const state = page.saving;
  const bad = state.kind === "offline" || state.kind === "trouble";
  return (
    <>
      {held.length > 0 && (
        <button class="ik-chip ik-chip-warn ik-chip-button" data-act="held" onClick={() => page.open({ kind: "held" })}>
          <Icon name="warn" />
          {heldWords(held)}
        </button>
      )}
      <span class={`ik-small ik-saved ${bad ? "ik-bad-text" : "ik-muted"}`} role="status" data-state={state.kind} title={stateRemark(state)}>{stateWords(state)}</span>
      {state.kind === "trouble" && <button class="ik-button ika-wide" onClick={() => outbox.flush()}>Try again</button>}
    </>
  );
}

function ProjectMenu() {
  const page = usePage();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  // Before the next key: who opens it by keyboard goes on at once.
  useLayoutEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const outside = (event: Event) => {
      if (!event.composedPath().includes(box.current!)) setOpen(false);
    };
    window.addEventListener("pointerdown", outside);
    return () => window.removeEventListener("pointerdown", outside);
  }, [open]);
  const keys = (event: KeyboardEvent) => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(event.target as HTMLElement);
    if (!open) return;
    if (event.key === "Escape") {
      setOpen(false);
      box.current?.querySelector<HTMLElement>("button")?.focus();
    } else if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp") items[Math.max(at - 1, 0)]?.focus();
    else return;
    event.preventDefault();
  };
  const item = (kind: "export" | "import" | "add-media" | "find", words: string, remark: string) => (
    <button key={kind} role="menuitem" data-kind={kind} onClick={() => {
      setOpen(false);
      page.open({ kind });
    }}>
      <span>{words}</span>
      <span class="ik-muted ik-small">{remark}</span>
    </button>
  );
  return (
    <div class="ik-downloads" ref={box} onKeyDown={keys}>
      <button class="ik-button" data-act="project-menu" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="download" />
        <span class="ika-wide">Files</span>
        <span class="ika-narrow ik-visually-hidden">Files</span>
      </button>
      {open && (
        <div class="ik-menu" role="menu" aria-label="Files">
          {item("export", "Export", "take the annotations home")}
          {page.mayEdit && item("import", "Import", "annotations of another tool")}
          {page.mayEdit && item("add-media", "Add media", "pictures, videos, recordings")}
          {item("find", "Find the files", "where they have been moved")}
          {page.hello?.desktop_url && (
            <a role="menuitem" data-kind="napari" href={`${page.hello.desktop_url}?project=${encodeURIComponent(page.project!.name)}`} target="_blank" rel="noopener" onClick={() => setOpen(false)}>
              <span>Open in napari</span>
              <span class="ik-muted ik-small">on a desktop, in a tab of its own</span>
            </a>
          )}
        </div>
      )}
    </div>
  );
}
