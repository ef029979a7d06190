/** The tree of labels: searched while typing, put on digits, added to in place. */

import { useMemo, useState } from "preact/hooks";
import { Icon } from "../parts/common";
import { Glyph, Key, useFocus, usePage } from "./context";
import { Suggestions } from "./help/suggestions";
import { digitOf, favourite, onDigit } from "./habits";
import { pathKey, pathWords } from "./labels";
import { giveLabel } from "./marking";
import { samePath } from "./marks";
import { addLabel } from "./picker";
import { VirtualList } from "./virtual";

export function LabelsPanel() {
  const page = usePage();
  const { labels, habits, project } = page;
  const [text, setText] = useState("");
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState(-1);
  const [adding, setAdding] = useState<string | null>(null);
  const searching = text.trim() !== "";
  const rows = useMemo(() => {
    const asRow = (label: (typeof labels.labels)[number]) => ({ label, depth: 0, parent: false, key: pathKey(label.path) });
    return searching ? labels.search(text, 300).map(asRow) : labels.rows(folded);
  }, [labels, text, folded]);
  const counts = useMemo(() => new Map(project?.labels.map(({ path, counts: each }) => [pathKey(path), Object.values(each).reduce((sum, n) => sum + n, 0)])), [project?.labels]);
  if (!project) return null;
  const relabels = page.tool === "select" && page.selection.length > 0 && page.mayEdit;
  const take = (path: string[]) => {
    if (page.mayEdit) giveLabel(page, path, relabels ? page.selection : []);
  };
  const fold = (key: string, yes: boolean) => {
    const next = new Set(folded);
    if (yes) next.add(key);
    else next.delete(key);
    setFolded(next);
  };
  const current = rows[at];
  const recent = habits.recent.filter((path) => labels.get(path)).slice(0, 6);
  return (
    <div class="ika-labels">
      <div class="ika-head">
        <div class="ik-side-search">
          <Icon name="search" />
          <input
            class="ik-input"
            type="search"
            data-find-label
            aria-label="Search the labels: name, synonym or AphiaID"
            placeholder="Name, synonym or AphiaID"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setAt(event.currentTarget.value.trim() ? 0 : -1);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && current) take(current.label.path);
              else if (event.key === "ArrowDown") setAt(Math.min(at + 1, rows.length - 1));
              else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
              else return;
              event.preventDefault();
            }}
          />
        </div>
        {page.mayEdit && (
          <p class="ik-small ik-muted" aria-live="polite">{relabels ? `A click gives the label to the ${page.selection.length === 1 ? "selected annotation" : `${page.selection.length} selected`}.` : "A click chooses what is drawn next."}</p>
        )}
        {relabels && <Suggestions ids={page.selection} onDemand />}
        {!searching && recent.length > 0 && (
          <div class="ika-recent" role="group" aria-label="Used last">
            {recent.map((path) => (
              <button key={pathKey(path)} class="ika-swatch" title={pathWords(path)} aria-pressed={page.label !== null && samePath(page.label, path)} onClick={() => take(path)}>
                <i style={{ background: labels.colorOf(path) }} />
                {path.at(-1)}
              </button>
            ))}
          </div>
        )}
      </div>
      <VirtualList
        id="ika-label"
        role="tree"
        label="Labels"
        count={rows.length}
        active={at}
        rowHeight={30}
        onActive={setAt}
        onKey={(event) => {
          if (!current) return;
          if (event.key === "Enter" || event.key === " ") take(current.label.path);
          else if (event.key === "ArrowRight" && current.parent) fold(current.key, false);
          else if (event.key === "ArrowLeft" && current.parent && !folded.has(current.key)) fold(current.key, true);
          else if (event.key === "ArrowLeft" && current.depth > 0) setAt(rows.findIndex(({ key }) => key === pathKey(current.label.path.slice(0, -1))));
          else return;
          event.preventDefault();
        }}
        attributes={(i) => {
          const { label, depth, parent, key } = rows[i]!;
          return {
            "aria-level": depth + 1,
            "aria-selected": page.label !== null && samePath(page.label, label.path),
            ...(parent ? { "aria-expanded": !folded.has(key) } : {}),
            onClick: () => {
              setAt(i);
              take(label.path);
            },
          };
        }}
        row={(i) => {
          const { label, depth, parent, key } = rows[i]!;
          const digit = digitOf(habits, labels.labels, label.path);
          return (
            <>
              <span
                class="ika-fold"
                style={{ marginLeft: `${depth * 14}px` }}
                data-open={parent ? !folded.has(key) : undefined}
                onClick={(event) => {
                  if (!parent) return;
                  event.stopPropagation();
                  fold(key, !folded.has(key));
                }}
              />
              <i class="ika-color" style={{ background: labels.colorOf(label.path) }} />
              <span class="ika-row-name" title={[pathWords(label.path), label.rank, label.synonyms.join(", "), label.aphia_id && `AphiaID ${label.aphia_id}`].filter(Boolean).join("\n")}>
                {label.path.at(-1)}
                {searching && label.path.length > 1 && <span class="ik-muted ik-small"> {pathWords(label.path.slice(0, -1))}</span>}
              </span>
              <span class="ik-number ik-muted ik-small">{counts.get(key) || ""}</span>
              {digit && <kbd>{digit}</kbd>}
            </>
          );
        }}
        empty={
          <p class="ik-empty">
            {labels.labels.length ? "No label fits." : page.mayAddLabels ? "There is no label yet: add the first below, or draw and type a name." : "There is no label yet: an owner of the project adds them."}
          </p>
        }
      />
      <div class="ika-foot">
        {current && <Digits path={current.label.path} />}
        {page.mayAddLabels && adding === null && (
          <button class="ik-button" data-act="add-label" onClick={() => setAdding(searching ? text.trim() : "")}>
            <Glyph name="plus" />
            Add a label{current && !searching ? ` under ${current.label.path.at(-1)}` : ""}
          </button>
        )}
        {page.mayAddLabels && adding === null && <button class="ik-button" data-act="labels-file" onClick={() => page.open({ kind: "read-labels" })}><Glyph name="upload" />Labels from a file</button>}
        {adding !== null && <NewLabel name={adding} under={current && !searching ? current.label.path : []} onDone={() => setAdding(null)} />}
        {page.mayEdit && (
          <p class="ik-small ik-muted ika-wide"><Key of="find-label" page={page} /> searches, <kbd>1</kbd>–<kbd>9</kbd> are favourites</p>
        )}
      </div>
    </div>
  );
}

/** On which of the digits the label is. */
function Digits({ path }: { path: string[] }) {
  const page = usePage();
  const digit = digitOf(page.habits, page.labels.labels, path) ?? "";
  const name = (each: string) => onDigit(page.habits, page.labels.labels, each)?.at(-1);
  return (
    <label class="ika-digits ik-small">
      <Glyph name="star" />
      <span class="ika-row-name">{path.at(-1)} on</span>
      <select class="ik-select" value={digit} onChange={(event) => page.setHabits(event.currentTarget.value ? favourite(page.habits, event.currentTarget.value, path) : favourite(page.habits, digit, null))}>
        <option value="">no digit</option>
        {"123456789".split("").map((each) => <option key={each} value={each} selected={each === digit}>{each}{name(each) && each !== digit ? ` (now ${name(each)})` : ""}</option>)}
      </select>
    </label>
  );
}

function NewLabel({ name, under, onDone }: { name: string; under: string[]; onDone: () => void }) {
  const page = usePage();
  const first = useFocus();
  const [typed, setTyped] = useState(name);
  const [color, setColor] = useState("");
  const [aphia, setAphia] = useState("");
  const path = [...under, ...typed.split(/\s*>\s*/).map((each) => each.trim()).filter(Boolean)];
  const wrong = aphia !== "" && !/^\d+$/.test(aphia);
  const add = async (event: Event) => {
    event.preventDefault();
    if (path.length === under.length || wrong) return;
    const more = { ...(color ? { color } : {}), ...(aphia ? { aphia_id: Number(aphia) } : {}) };
    if (await addLabel(page, path, more)) {
      page.set({ label: path });
      onDone();
    }
  };
  return (
    <form class="ika-new-label" onSubmit={(event) => void add(event)} onKeyDown={(event) => event.key === "Escape" && onDone()}>
      <label class="ik-field">
        <span class="ik-label">Name{under.length > 0 && ` under ${pathWords(under)}`}</span>
        <input class="ik-input" ref={first} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} placeholder="Sponges, or Biota > Sponges" />
      </label>
      <div class="ik-cluster">
        <label class="ik-small ika-color-field">Colour <input type="color" value={color || "#56b4e9"} onInput={(event) => setColor(event.currentTarget.value)} /></label>
        <label class="ik-small">AphiaID <input class="ik-input ika-aphia" inputMode="numeric" aria-invalid={wrong} value={aphia} onInput={(event) => setAphia(event.currentTarget.value.trim())} /></label>
      </div>
      {wrong && <p class="ik-inline-error" role="alert">An AphiaID is a number, as in WoRMS.</p>}
      <div class="ik-cluster">
        <button class="ik-button ik-button-primary" type="submit" disabled={path.length === under.length}>Add</button>
        <button class="ik-button" type="button" onClick={onDone}>Cancel</button>
      </div>
    </form>
  );
}
