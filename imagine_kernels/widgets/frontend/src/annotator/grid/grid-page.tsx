/** The annotations of a label side by side: the likely mistakes first, judged many at a time. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ErrorBox, Icon } from "../../parts/common";
import { percent } from "../../scales";
import { run } from "../commands";
import { Glyph, Key, usePage, withKey } from "../context";
import { onDigit, used } from "../habits";
import { doubted, worthwhile } from "../help/words";
import { labelOf, pathKey, pathWords } from "../labels";
import { sayWhy } from "../marking";
import type { Page } from "../page";
import { Picker } from "../picker";
import type { Changes, GridItem, GridOrder, Status } from "../protocol";
import { VirtualList } from "../virtual";
import { STATUS_WORDS } from "../words";
import { followPointer } from "./band";
import { ClassField, Classes } from "./classes";
import { PAGE, type Card, type Gallery } from "./gallery";
import { CARD, layoutFor, lines, stepped } from "./layout";
import { LeafHead } from "./leaf-head";
import { leavesOf, openItem } from "./opening";

const ORDERS: { order: GridOrder; words: string }[] = [
  { order: "mistakes", words: "Likely mistakes first" },
  { order: "name", words: "By name of the medium" },
  { order: "newest", words: "Newest first" },
];
const STATUSES: Status[] = ["predicted", "validated", "dubious", "discarded"];

export function GridView() {
  const page = usePage();
  const { gallery } = leavesOf(page);
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Without a model nothing is a likely mistake.
    const blind = !page.helper.ready && (page.helper.help !== null || page.helper.trouble !== "");
    if (!gallery.order.length) void gallery.show(blind && gallery.asked.order === "mistakes" ? { order: "name" } : {});
    // Keys come here as long as the page is open.
    page.leaf!.run = (action) => act(page, gallery, action);
    return page.channel.on<Changes>("changes", ({ project, marks }) => project === page.project?.uid && gallery.fold(marks));
  }, [page, gallery]);
  const { path, order, status } = gallery.asked;
  const n = gallery.count;
  return (
    <section class="ikl ikg" aria-label="Annotations side by side">
      <LeafHead title={path === null ? "All labels" : labelOf(path)} remark={gallery.loading ? "" : String(n)}>
        <ClassField />
        <select class="ik-select" aria-label="Order" value={order} onChange={(event) => void gallery.show({ order: event.currentTarget.value as GridOrder })}>
          {ORDERS.map((each) => <option key={each.order} value={each.order} selected={each.order === order}>{each.words}</option>)}
        </select>
        <select class="ik-select" aria-label="Only those with the status" value={status} onChange={(event) => void gallery.show({ status: event.currentTarget.value as Status | "" })}>
          <option value="">Any status</option>
          {STATUSES.map((each) => <option key={each} value={each} selected={each === status}>{STATUS_WORDS[each]}</option>)}
        </select>
        <button class="ik-button ik-button-icon" aria-label="Look anew" title="Look anew" disabled={gallery.loading} onClick={() => void gallery.show()}><Glyph name="again" /></button>
      </LeafHead>
      <div class="ikg-body">
        <Classes />
        <div class="ikg-main" ref={host}>
          {gallery.error && <div class="ikl-error"><ErrorBox text={gallery.error}><button class="ik-button" onClick={() => void gallery.show()}>Try again</button></ErrorBox></div>}
          <Cards gallery={gallery} />
          {page.picker && <Picker key={page.picker.filter} host={host} />}
        </div>
      </div>
      <Foot gallery={gallery} />
    </section>
  );
}

function Cards({ gallery }: { gallery: Gallery }) {
  const page = usePage();
  const frame = useRef<HTMLDivElement>(null);
  const band = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(600);
  const { selection } = gallery;
  const layout = layoutFor(room, gallery.order.length);
  const now = useRef(layout);
  now.current = layout;
  useLayoutEffect(() => {
    const box = frame.current!;
    const look = () => setRoom((box.querySelector<HTMLElement>(".ika-list")?.clientWidth ?? box.clientWidth) - 2 * ROOM);
    const observer = new ResizeObserver(look);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useEffect(() => followPointer(frame.current!, band.current!, { gallery, layout: () => now.current, changed: () => page.tell() }), [page, gallery]);
  const focus = selection.focus === null ? -1 : gallery.order.indexOf(selection.focus);
  const keys = (event: KeyboardEvent) => {
    const inView = Math.floor((frame.current?.clientHeight ?? 600) / CARD.height);
    const to = event.ctrlKey || event.altKey || event.metaKey ? null : stepped(layout, focus, event.key, inView);
    if (to !== null && gallery.order[to] !== undefined) {
      if (event.shiftKey) selection.extendTo(gallery.order[to]!, gallery.order);
      else selection.goTo(gallery.order[to]!);
    } else if (event.key === " " && focus >= 0) selection.toggle(gallery.order[focus]!);
    else return;
    event.preventDefault();
    if (event.shiftKey || event.key === " ") page.announce(`${selection.size} selected`);
    else page.tell();
  };
  return (
    <div class="ikg-frame" ref={frame} aria-busy={gallery.loading} onDblClick={(event) => {
      const row = (event.target as Element).closest<HTMLElement>("[data-row]")?.dataset.row;
      const card = row === undefined ? undefined : gallery.cards.get(Number(row));
      if (card) void openItem(page, card.item);
    }}>
      <VirtualList
        id="ikg-line"
        role="grid"
        label={`${gallery.asked.path === null ? "All labels" : labelOf(gallery.asked.path)}, ${gallery.count}`}
        multiple
        count={lines(layout)}
        active={focus < 0 ? -1 : Math.floor(focus / layout.columns)}
        descendant={focus < 0 ? "" : `ikg-card-${gallery.order[focus]}`}
        rowHeight={layout.height}
        onActive={() => undefined}
        onKey={keys}
        onSeen={(last) => void gallery.ensure(last * layout.columns + PAGE / 2)}
        attributes={() => ({})}
        row={(line) => gallery.order.slice(line * layout.columns, (line + 1) * layout.columns).map((row, column) => (
          <Thumb key={row} row={row} card={gallery.cards.get(row)!} width={layout.width} column={column + 1} chosen={selection.has(row)} focused={row === selection.focus} named={gallery.asked.path === null} />
        ))}
        empty={gallery.loading ? <Fetching looks={gallery.asked.order === "mistakes"} />
          : gallery.error ? null : <p class="ik-empty">Nothing fits: choose another label at the left, or any status.</p>}
      />
      <div class="ik-band" ref={band} hidden />
    </div>
  );
}

function Fetching({ looks }: { looks: boolean }) {
  const page = usePage();
  const { progress } = page;
  if (!looks) return <p class="ik-empty" role="status">They are being fetched …</p>;
  return (
    <div class="ik-empty" role="status">
      <p>{progress?.total ? `${progress.stage}: ${progress.done} of ${progress.total}` : "The model looks through them; the first time this takes a while …"}</p>
      <button class="ik-button" onClick={() => void page.helper.stop()}>Cancel</button>
    </div>
  );
}

/** Room at the sides of all, px. */
const ROOM = 8;
/** Letters of the name of a medium that have room. */
const NAME = 13;

function Thumb({ row, card, width, column, chosen, focused, named }: { row: number; card: Card; width: number; column: number; chosen: boolean; focused: boolean; named: boolean }) {
  const page = usePage();
  const { item, url } = card;
  const best = item.suggestions[0];
  const doubt = doubted(item);
  const name = labelOf(item.path);
  const words = [name, item.status && STATUS_WORDS[item.status], item.own !== null && `the model gives it ${percent(item.own)}`, best && (doubt || !item.path.length) && `it would say ${labelOf(best.path)}, ${percent(best.probability)}`, item.medium].filter(Boolean).join(", ");
  return (
    <div
      id={`ikg-card-${row}`}
      role="gridcell"
      aria-colindex={column}
      aria-selected={chosen}
      aria-label={words}
      data-row={row}
      title={`${item.path.length ? pathWords(item.path) : "no label"}\n${item.medium}`}
      class={`ikg-card ${focused ? "ik-focused" : ""} ${item.status === "discarded" ? "ikg-gone" : ""}`}
      style={{ width: `${width - 8}px` }}
    >
      <span class="ikg-picture">{url ? <img src={url} alt="" draggable={false} /> : <span class="ik-small ik-muted">no file</span>}</span>
      <span class="ikg-line">
        <i class="ika-color" style={{ background: page.labels.colorOf(item.path) }} />
        <span class="ika-row-name">{named || !item.path.length ? name : endOf(item.medium)}</span>
        {item.status && <span class={`ika-status-mark ika-is-${item.status}`} title={STATUS_WORDS[item.status]} />}
      </span>
      <span class="ikg-line">
        {doubt || (!item.path.length && best) ? (
          <span class="ikg-doubt"><span>{labelOf(best!.path)}</span>? <span class="ik-number">{percent(best!.probability)}</span></span>
        ) : (
          <span class="ik-muted">{item.own === null ? "" : `agrees, ${percent(item.own)}`}</span>
        )}
      </span>
    </div>
  );
}

/** Names of media often begin alike: their ends tell them apart. */
function endOf(medium: string): string {
  const stem = medium.split("/").at(-1)!.replace(/\.[^.]+$/, "");
  return stem.length > NAME ? `…${stem.slice(-NAME)}` : stem;
}

function Foot({ gallery }: { gallery: Gallery }) {
  const page = usePage();
  const n = gallery.targets.length;
  const button = (action: string, words: string, icon: string) => (
    <button class="ik-button" data-act={`bulk-${action}`} disabled={!n || gallery.busy !== ""} onClick={() => run(page, action)} title={withKey(page, words, action)}>
      {icon === "check" || icon === "dubious" || icon === "discard" ? <Icon name={icon} /> : <Glyph name={icon} />}
      {words} <Key of={action} page={page} />
    </button>
  );
  const single = n === 1 ? gallery.cards.get(gallery.targets[0]!)?.item : undefined;
  return (
    <div class="ikg-foot" role="group" aria-label="The selected ones">
      <strong class="ik-small ikg-chosen" role="status">{gallery.busy ? `${gallery.busy} …` : gallery.selection.size ? `${gallery.selection.size} selected` : ""}</strong>
      {page.mayEdit && (
        <div class="ik-cluster">
          {button("label", "Label", "label")}
          {button("validated", "Confirm", "check")}
          {button("dubious", "Dubious", "dubious")}
          {button("discarded", "Discard", "discard")}
          {single && others(single).map(({ path, probability }, i) => (
            <button key={pathKey(path)} class="ik-chip ik-chip-accent ik-chip-button ika-wide" data-suggestion={i + 1} title={pathWords(path)} onClick={() => void gallery.relabel(path)}>{labelOf(path)} <span class="ik-number">{percent(probability)}</span> <Key of={`suggest-${i + 1}`} page={page} /></button>
          ))}
        </div>
      )}
      <span class="ik-spacer" />
      {page.mayEdit && (
        <div class="ik-tools-group">
          <button class="ik-button ik-button-quiet ik-button-icon" data-act="bulk-undo" aria-label={gallery.nextUndo ? `Undo: ${gallery.nextUndo}` : "Undo"} title={withKey(page, gallery.nextUndo ? `Undo: ${gallery.nextUndo}` : "Undo", "undo")} disabled={!gallery.nextUndo || gallery.busy !== ""} onClick={() => void gallery.undo()}><Icon name="undo" /></button>
          <button class="ik-button ik-button-quiet ik-button-icon" data-act="bulk-redo" aria-label={gallery.nextRedo ? `Redo: ${gallery.nextRedo}` : "Redo"} title={withKey(page, gallery.nextRedo ? `Redo: ${gallery.nextRedo}` : "Redo", "redo")} disabled={!gallery.nextRedo || gallery.busy !== ""} onClick={() => void gallery.redo()}><Icon name="redo" /></button>
        </div>
      )}
    </div>
  );
}

/** What the model would say instead. */
function others(item: GridItem) {
  return worthwhile(item.suggestions).filter(({ path }) => pathKey(path) !== pathKey(item.path));
}

/** What the keys of the annotator mean here. */
function act(page: Page, gallery: Gallery, action: string): boolean {
  const digit = /^label-(\d)$/.exec(action)?.[1];
  const suggestion = /^suggest-(\d)$/.exec(action)?.[1];
  const give = (path: string[]) => {
    page.setHabits(used(page.habits, path));
    void gallery.relabel(path);
  };
  switch (action) {
    case "select-all":
      gallery.selection.set(gallery.order);
      page.announce(gallery.complete ? `${gallery.order.length} selected` : `${gallery.order.length} of ${gallery.count} selected: those that are here`);
      return true;
    case "zoom-selection": {
      const card = gallery.cards.get(gallery.targets[0] ?? -1);
      if (card) void openItem(page, card.item);
      return true;
    }
  }
  if (!page.mayEdit) {
    sayWhy(page);
    return true;
  }
  if (digit) {
    const path = onDigit(page.habits, page.labels.labels, digit);
    if (path) give(path);
    else page.say(`No label is on ${digit}: choose one in the list of labels`, "bad");
    return true;
  }
  if (suggestion) {
    const item = gallery.targets.length === 1 ? gallery.cards.get(gallery.targets[0]!)?.item : undefined;
    const wanted = item && others(item)[Number(suggestion) - 1];
    if (wanted) give(wanted.path);
    else page.say("Select one for which the model has a suggestion", "bad");
    return true;
  }
  switch (action) {
    case "label":
      if (!gallery.targets.length) page.say("Choose at least one first", "bad");
      else page.set({ picker: { ids: [], filter: String(gallery.targets.length), give } });
      return true;
    case "validated":
    case "dubious":
    case "discarded":
      void gallery.judge(action);
      return true;
    case "undo":
      void gallery.undo();
      return true;
    case "redo":
      void gallery.redo();
      return true;
    default:
      return false;
  }
}
