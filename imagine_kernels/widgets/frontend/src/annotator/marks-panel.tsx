/** The annotations of the medium as a list: a way to work without the picture. */

import { useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../parts/common";
import { percent } from "../scales";
import { run, show } from "./commands";
import { Glyph, Key, usePage } from "./context";
import { clock } from "./keyframes";
import { plain } from "./labels";
import { copyHere, copyOn } from "./marking";
import { labelName } from "./marks";
import type { Mark, Status } from "./protocol";
import { KIND_WORDS, STATUS_WORDS, authorName, titleOf } from "./words";
import { VirtualList } from "./virtual";

const STATUSES: readonly Status[] = ["predicted", "validated", "dubious", "discarded"];

export function MarksPanel() {
  const page = usePage();
  const [text, setText] = useState("");
  const [status, setStatus] = useState<Status | "">("");
  const anchor = useRef(-1);
  const all = page.desk.marks;
  const rows = useMemo(() => all.filter((mark) => fits(mark, text, status)), [all.map((mark) => `${mark.id}${mark.status}${labelName(mark)}`).join(), text, status])
    .map(({ id }) => page.desk.get(id))
    .filter((mark): mark is Mark => mark !== undefined && !mark.deleted);
  const chosen = new Set(page.selection);
  const held = new Set(page.outbox?.held.map(({ id }) => id));
  const at = rows.findIndex(({ id }) => id === page.selection.at(-1));
  const choose = (index: number, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }) => {
    const row = rows[index];
    if (!row) return;
    if (event.shiftKey && anchor.current >= 0) {
      const [from, to] = [Math.min(anchor.current, index), Math.max(anchor.current, index)];
      const range = rows.slice(from, to + 1).map(({ id }) => id);
      page.select([...range.filter((id) => id !== row.id), row.id]);
      return;
    }
    anchor.current = index;
    if (event.ctrlKey || event.metaKey) page.select(chosen.has(row.id) ? page.selection.filter((id) => id !== row.id) : [...page.selection, row.id]);
    else page.select([row.id]);
  };
  if (!page.opened) return <p class="ik-empty">Open a medium to see its annotations.</p>;
  return (
    <div class="ika-marks">
      <div class="ika-head">
        <div class="ik-side-search">
          <Icon name="search" />
          <input class="ik-input" type="search" aria-label="Filter the annotations by label or person" placeholder="Label or person" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </div>
        <select class="ik-select" aria-label="Only those with the status" value={status} onChange={(event) => setStatus(event.currentTarget.value as Status | "")}>
          <option value="">Any status</option>
          {STATUSES.map((each) => <option key={each} value={each}>{STATUS_WORDS[each]}</option>)}
        </select>
      </div>
      <VirtualList
        id="ika-mark"
        label={`Annotations, ${rows.length}${rows.length < all.length ? ` of ${all.length}` : ""}`}
        multiple
        count={rows.length}
        active={at}
        rowHeight={44}
        onActive={(index, event) => choose(index, event.shiftKey ? event : { shiftKey: false, ctrlKey: false, metaKey: false })}
        onKey={(event) => {
          if (event.key === " " && at >= 0) page.surface?.zoomTo([rows[at]!.id]);
          else return;
          event.preventDefault();
        }}
        attributes={(i) => ({
          "aria-selected": chosen.has(rows[i]!.id),
          "aria-label": `${KIND_WORDS[rows[i]!.shape.kind]}, ${titleOf(rows[i]!)}${held.has(rows[i]!.id) ? ", waits for your decision" : ""}`,
          onClick: (event: MouseEvent) => choose(i, event),
          onDblClick: () => show(page, rows[i]!.id),
        })}
        row={(i) => {
          const mark = rows[i]!;
          const label = mark.labels[0];
          return (
            <>
              <i class="ika-color" style={{ background: page.labels.colorOf(label?.path) }} />
              <span class="ika-row-text">
                <span class="ika-row-name">{labelName(mark)}</span>
                <span class="ik-muted ika-row-sub">
                  {[
                    KIND_WORDS[mark.shape.kind],
                    mark.shape.frames.length > 0 && clock(mark.shape.frames[0]!),
                    label?.annotator && authorName(label.annotator),
                    mark.labels.length > 1 && `${mark.labels.length} opinions`,
                  ].filter(Boolean).join(" · ")}
                </span>
              </span>
              {held.has(mark.id) && <Icon name="warn" />}
              {label && label.confidence !== null && <span class="ik-number ik-small ik-muted">{percent(label.confidence)}</span>}
              <span class={`ika-status-mark ika-is-${mark.status}`} title={STATUS_WORDS[mark.status]} />
            </>
          );
        }}
        empty={<p class="ik-empty">{all.length ? "No annotation fits the filter." : page.mayEdit ? "Nothing is marked here yet: choose a tool and draw. If there is nothing to mark, press “Looked at, next”." : "Nothing is marked here yet."}</p>}
      />
      {page.mayEdit && <Bulk />}
    </div>
  );
}

function fits(mark: Mark, text: string, status: Status | ""): boolean {
  if (status && mark.status !== status) return false;
  const wanted = plain(text);
  return !wanted || mark.labels.some(({ path, annotator }) => plain(`${path.join(" ")} ${annotator}`).includes(wanted)) || (!mark.labels.length && "no label".startsWith(wanted));
}

/** What can be done with all that are selected. */
function Bulk() {
  const page = usePage();
  const n = page.selection.length;
  const act = (action: string, words: string, icon: string) => (
    <button class="ik-button" disabled={!n} data-act={action} onClick={() => run(page, action)} title={words}>
      {icon === "check" || icon === "dubious" || icon === "discard" ? <Icon name={icon} /> : <Glyph name={icon} />}
      {words} <Key of={action} page={page} />
    </button>
  );
  return (
    <div class="ika-foot" role="group" aria-label="The selected annotations">
      <p class="ik-small">{n ? <strong>{n} selected</strong> : <span class="ik-muted">Select one, or several with Shift or Ctrl.</span>}</p>
      <div class="ik-cluster">
        {act("label", "Label", "label")}
        {act("validated", "Validated", "check")}
        {act("dubious", "Dubious", "dubious")}
        {act("discarded", "Discarded", "discard")}
        {act("track", "Same one", "link")}
        <button class="ik-button" disabled={!n} onClick={() => void copyOn(page)}><Glyph name="copy" />Copy on <Key of="copy-on" page={page} /></button>
        <button class="ik-button" disabled={!n} onClick={() => copyHere(page)}><Glyph name="plus" />Double</button>
        {act("delete", "Delete", "bin")}
      </div>
    </div>
  );
}
