/** The working screen: filters, the grid with its tools, the quantities. */

import { useEffect, useRef } from "preact/hooks";
import { Grid } from "../grid";
import { digitTaxa, gridKey } from "../keys";
import { STATUSES, type Status } from "../protocol";
import { mark } from "../marks";
import { leaveProposed } from "../proposals";
import { count, percent, scaleBar } from "../scales";
import { NO_FILTER, taxonName, type Grouping } from "../table";
import { Icon, useDesk } from "./common";
import { Multiples } from "./dividing";
import { Proposals } from "./proposals";
import { QuantitiesPanel } from "./quantities";

const STATUS_NAMES: Record<Status, string> = { predicted: "Not looked at", validated: "Validated", dubious: "Dubious", discarded: "Discarded" };

export function Sorting() {
  const desk = useDesk();
  const { view } = desk;
  return (
    <div class={`ik-desk ik-tab-${view.tab} ${view.sidebar ? "" : "ik-no-sidebar"}`}>
      <nav class="ik-tabs" role="tablist" aria-label="View">
        {(["vignettes", "quantities"] as const).map((tab) => (
          <button key={tab} role="tab" aria-selected={view.tab === tab} onClick={() => desk.setView({ tab })}>
            {tab === "vignettes" ? capital(desk.words.units) : "Quantities"}
          </button>
        ))}
      </nav>
      <Sidebar />
      <section class="ik-stage" aria-label={capital(desk.words.units)}>
        <Tools />
        <GridBox />
      </section>
      <QuantitiesPanel />
    </div>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Sidebar() {
  const desk = useDesk();
  const table = desk.table!;
  const { filter } = desk;
  const counts = table.counts();
  const statuses = table.statusCounts();
  const digits = digitTaxa(desk);
  const active = filter !== NO_FILTER && JSON.stringify(plain(filter)) !== JSON.stringify(plain(NO_FILTER));
  const shown = desk.shownRows().length;
  const toggleTaxon = (taxon: string, more: boolean) => {
    const taxa = new Set(more ? filter.taxa : [...filter.taxa].filter((each) => each === taxon));
    if (!taxa.delete(taxon)) taxa.add(taxon);
    desk.setFilter({ taxa });
    if (desk.grid) desk.grid.element.scrollTop = 0;
  };
  const toggleStatus = (status: Status) => {
    const next = new Set(filter.statuses);
    if (!next.delete(status)) next.add(status);
    desk.setFilter({ statuses: next });
  };
  const taxa = [...desk.order, ...[...counts.keys()].filter((taxon) => !desk.order.includes(taxon))];
  const unit = table.sizeUnit;
  const size = (key: "minSize" | "maxSize") => (event: Event) => {
    const value = (event.currentTarget as HTMLInputElement).value;
    desk.setFilter({ [key]: value === "" ? null : Number(value) });
  };
  return (
    <aside class="ik-side" aria-label="Filter">
      <div class="ik-side-search">
        <Icon name="search" />
        <input
          class="ik-input"
          type="search"
          placeholder={`${capital(desk.words.taxon)} or ${desk.words.unit} name`}
          aria-label="Search"
          data-search
          value={filter.text}
          onInput={(event) => desk.setFilter({ text: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === "Escape") desk.setFilter({ text: "" });
            if (event.key === "Escape" || event.key === "Enter") desk.grid?.element.focus();
          }}
        />
      </div>
      <div class="ik-side-line">
        <span class="ik-muted ik-small ik-number">{active ? `${shown} of ${table.rows.length} shown` : count(table.rows.length, desk.words.unit, desk.words.units)}</span>
        {active && <button class="ik-link" onClick={() => desk.setFilter(NO_FILTER)}>Show all</button>}
      </div>
      <Proposals />
      <Multiples />
      <h3>{capital(desk.words.taxa)}</h3>
      <ul class="ik-taxa">
        {taxa.map((taxon) => (
          <li key={taxon}>
            <button
              aria-pressed={filter.taxa.has(taxon)}
              title={`Show only ${taxon}; with Ctrl, several`}
              onClick={(event) => toggleTaxon(taxon, event.ctrlKey || event.metaKey)}
            >
              <kbd aria-hidden="true">{digits.includes(taxon) ? digits.indexOf(taxon) + 1 : ""}</kbd>
              <span class="ik-taxon-name">{taxonName(taxon)}</span>
              <span class="ik-number ik-muted">{counts.get(taxon) ?? 0}</span>
            </button>
          </li>
        ))}
      </ul>
      <h3>Status</h3>
      <div class="ik-statuses">
        {STATUSES.map((status) => (
          <button key={status} class={`ik-status-${status}`} aria-pressed={filter.statuses.has(status)} onClick={() => toggleStatus(status)}>
            <i aria-hidden="true" />
            <span>{STATUS_NAMES[status]}</span>
            <span class="ik-number ik-muted">{statuses[status]}</span>
          </button>
        ))}
      </div>
      <h3>Probability</h3>
      <label class="ik-range">
        <span class="ik-small ik-muted ik-number">at most {percent(filter.maxProbability)}</span>
        <input type="range" min="0" max="100" value={Math.round(filter.maxProbability * 100)} aria-label="Highest probability shown"
          onInput={(event) => desk.setFilter({ maxProbability: Number(event.currentTarget.value) / 100 })} />
      </label>
      <label class="ik-range">
        <span class="ik-small ik-muted ik-number">at least {percent(filter.minProbability)}</span>
        <input type="range" min="0" max="100" value={Math.round(filter.minProbability * 100)} aria-label="Lowest probability shown"
          onInput={(event) => desk.setFilter({ minProbability: Number(event.currentTarget.value) / 100 })} />
      </label>
      <h3>Size [{unit}]</h3>
      <div class="ik-sizes">
        <input class="ik-input" type="number" min="0" step="any" placeholder="from" aria-label={`Smallest size in ${unit}`} value={filter.minSize ?? ""} onInput={size("minSize")} />
        <input class="ik-input" type="number" min="0" step="any" placeholder="to" aria-label={`Largest size in ${unit}`} value={filter.maxSize ?? ""} onInput={size("maxSize")} />
      </div>
      {table.samples.length > 1 && (
        <>
          <h3>Sample</h3>
          <select class="ik-select" aria-label="Sample" value={[...filter.samples][0] ?? ""}
            onChange={(event) => desk.setFilter({ samples: new Set(event.currentTarget.value ? [event.currentTarget.value] : []) })}>
            <option value="">All {table.samples.length} samples</option>
            {table.samples.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </>
      )}
    </aside>
  );
}

function plain(filter: typeof NO_FILTER) {
  return { ...filter, taxa: [...filter.taxa], statuses: [...filter.statuses], samples: [...filter.samples], rules: [...filter.rules] };
}

function Tools() {
  const desk = useDesk();
  const { view, selection } = desk;
  const any = desk.targets().length > 0;
  const tool = (icon: string, name: string, key: string, act: () => void, enabled = any) => (
    <button class="ik-button" data-act={icon} disabled={!enabled} title={`${name} (${key})`} aria-keyshortcuts={key} onClick={act}>
      <Icon name={icon} />
      <span class="ik-tool-name">{name}</span>
    </button>
  );
  return (
    <div class="ik-tools">
      <div class="ik-tools-group" role="toolbar" aria-label={`What to do with the selected ${desk.words.units}`}>
        {tool("move", "Move to…", "M", () => desk.open({ kind: "chooser" }))}
        {tool("check", "Validate", "V", () => desk.correct({ status: "validated" }))}
        {tool("dubious", "Dubious", "D", () => desk.correct({ status: "dubious" }))}
        {tool("discard", "Discard", "X", () => desk.correct({ status: "discarded" }))}
        {desk.hello!.marks.map((each) => tool("mark", capital(each.name), each.key.toUpperCase(), () => mark(desk, each)))}
        <span class="ik-rule" />
        {icon("undo", "Undo", "Control+Z", () => desk.undo(), desk.canUndo)}
        {icon("redo", "Redo", "Control+Shift+Z", () => desk.redo(), desk.canRedo)}
      </div>
      <span class="ik-selected ik-small ik-number" aria-hidden="true">{selection.size > 0 ? `${selection.size} selected` : ""}</span>
      <span class="ik-spacer" />
      <div class="ik-tools-group">
        <button class="ik-button ik-only-narrow" aria-pressed={view.sidebar} aria-label="Filter" onClick={() => desk.setView({ sidebar: !view.sidebar })}>
          <Icon name="filter" />
        </button>
        <button class="ik-button ik-only-touch" aria-pressed={view.selecting} onClick={() => desk.setView({ selecting: !view.selecting })}>
          <Icon name="select" />
          Select
        </button>
        {(desk.table!.clusterOf || desk.table!.multiple || desk.table!.proposals.length > 0) && (
          <select class="ik-select ik-select-groups" aria-label="Group by" title="Group by" value={view.by} onChange={(event) => desk.setView({ by: event.currentTarget.value as Grouping })}>
            <option value="taxon">By {desk.words.taxon}</option>
            {desk.table!.clusterOf && <option value="cluster">Alike together</option>}
            {desk.table!.proposals.length > 0 && <option value="proposal">Proposed for removal</option>}
            {desk.table!.multiple && <option value="multiple">Likely multiples</option>}
            {view.by === "similar" && <option value="similar">Like one</option>}
          </select>
        )}
        <select class="ik-select" aria-label="Sort by" title="Sort by" disabled={view.by === "similar"} value={view.sort} onChange={(event) => desk.setView({ sort: event.currentTarget.value })}>
          <option value="certainty">Least certain first</option>
          {desk.table!.unusual && <option value="unusual">Most unusual first</option>}
          {desk.table!.multiple && <option value="multiple">Likely multiples first</option>}
          <option value="size">Largest first</option>
          {desk.table!.sorts.map((name) => <option key={name} value={name}>{name}, high first</option>)}
        </select>
        <button class="ik-button ik-button-icon" aria-pressed={view.trueSize} aria-label="True relative size" title="True relative size" onClick={() => desk.setView({ trueSize: !view.trueSize })}>
          <Icon name="ruler" />
        </button>
        <input
          class="ik-zoomer"
          type="range"
          aria-label="Size of the pictures"
          title="Size of the pictures"
          min={view.trueSize ? 8 : 64}
          max={view.trueSize ? 160 : 260}
          value={view.trueSize ? view.pxPerMm : view.side}
          onInput={(event) => desk.setView(view.trueSize ? { pxPerMm: Number(event.currentTarget.value) } : { side: Number(event.currentTarget.value) })}
        />
      </div>
    </div>
  );

  function icon(name: string, label: string, keys: string, act: () => void, enabled: boolean) {
    return (
      <button class="ik-button ik-button-icon" data-act={name} disabled={!enabled} aria-label={label} title={`${label} (${keys.replace("Control", "Ctrl")})`} aria-keyshortcuts={keys} onClick={act}>
        <Icon name={name} />
      </button>
    );
  }
}

function GridBox() {
  const desk = useDesk();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const grid = new Grid(
      {
        get table() {
          return desk.table!;
        },
        thumbs: desk.thumbs,
        selection: desk.selection,
        words: desk.words,
        changed: () => {
          grid.refresh();
          desk.announce(desk.selection.size ? grid.describe() : "");
        },
        open: (row) => desk.open({ kind: "zoom", row }),
        choose: () => desk.open({ kind: "chooser" }),
        startSelecting: () => desk.setView({ selecting: true }),
      },
      desk.view,
    );
    desk.grid = grid;
    box.current!.prepend(grid.element);
    grid.element.addEventListener("keydown", (event) => {
      if (gridKey(desk, event)) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
    grid.show(desk.groups, desk.view);
    grid.element.focus({ preventScroll: true });
    return () => {
      grid.destroy();
      grid.element.remove();
      desk.grid = null;
    };
  }, [desk, desk.ready?.session]);
  const { view, table } = desk;
  const bar = view.trueSize && table!.sizeUnit !== "px" ? scaleBar(view.pxPerMm, 160) : null;
  return (
    <div class="ik-grid-box" ref={box}>
      {desk.groups.length === 0 && (
        <div class="ik-empty ik-grid-empty">
          <h3>No {desk.words.unit} {view.by === "proposal" ? "that fits the filter is proposed for removal" : "fits the filter"}</h3>
          <button
            class="ik-button"
            onClick={() => {
              if (view.by === "proposal") leaveProposed(desk);
              desk.setFilter(NO_FILTER);
            }}
          >
            Show all
          </button>
        </div>
      )}
      {bar && (
        <div class="ik-scale-bar" aria-label={`Scale bar of ${bar.text}`}>
          <span style={{ width: `${bar.px}px` }} />
          {bar.text}
        </div>
      )}
    </div>
  );
}
