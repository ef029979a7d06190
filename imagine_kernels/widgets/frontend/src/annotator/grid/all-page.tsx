/** All annotations of the project as a list, found by label, status, author, time, how sure, and medium. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ErrorBox } from "../../parts/common";
import { percent } from "../../scales";
import { Field, usePage } from "../context";
import { labelOf, pathKey, pathWords } from "../labels";
import type { Mark, Status } from "../protocol";
import { VirtualList } from "../virtual";
import { KIND_WORDS, STATUS_WORDS, annotations, authorName, titleOf } from "../words";
import { LeafHead } from "./leaf-head";
import { NO_FILTER, type Filter } from "./listing";
import { leavesOf, openItem } from "./opening";

const STATUSES: Status[] = ["predicted", "validated", "dubious", "discarded"];
/** What is typed is looked for when it is quiet for so long, ms. */
const QUIET_MS = 350;

export function AllAnnotations() {
  const page = usePage();
  const { listing } = leavesOf(page);
  const [at, setAt] = useState(-1);
  useEffect(() => {
    page.leaf!.run = () => false;
    void listing.show();
    if (!page.statistics) void page.count();
  }, [page, listing]);
  const { rows, count } = listing;
  const open = (index: number) => {
    const mark = rows[index];
    if (mark) void openItem(page, mark);
  };
  return (
    <section class="ikl ikl-all" aria-label="All annotations">
      <LeafHead title="All annotations" remark={listing.loading ? "" : annotations(count)}>
        {listing.filtered && <button class="ik-button" data-act="no-filter" onClick={() => void listing.show(NO_FILTER)}>Show all</button>}
      </LeafHead>
      <Filters />
      {listing.error && <div class="ikl-error"><ErrorBox text={listing.error}><button class="ik-button" onClick={() => void listing.show()}>Try again</button></ErrorBox></div>}
      <VirtualList
        id="ikl-mark"
        label={`Annotations, ${count}`}
        count={rows.length}
        active={at}
        rowHeight={40}
        onActive={setAt}
        onSeen={(last) => void listing.ensure(last + 50)}
        onKey={(event) => {
          if ((event.key !== "Enter" && event.key !== " ") || at < 0) return;
          open(at);
          event.preventDefault();
        }}
        attributes={(i) => ({
          "aria-selected": i === at,
          "aria-setsize": count,
          "aria-label": `${KIND_WORDS[rows[i]!.shape.kind]}, ${titleOf(rows[i]!)}, ${rows[i]!.medium}`,
          onClick: () => open(i),
        })}
        row={(i) => <Row mark={rows[i]!} />}
        empty={listing.loading ? <p class="ik-empty" role="status">They are being fetched …</p> : listing.error ? null : (
          <p class="ik-empty">{!listing.filtered ? "Nothing is annotated in this project yet." : "No annotation fits: change the filter, or press “Show all”."}</p>
        )}
      />
    </section>
  );
}


function Row({ mark }: { mark: Mark }) {
  const page = usePage();
  const label = mark.labels[0];
  return (
    <>
      <i class="ika-color" style={{ background: page.labels.colorOf(label?.path) }} />
      <span class="ika-row-name ikl-label" title={label && pathWords(label.path)}>{labelOf(label?.path ?? [])}</span>
      <span class="ika-row-name ikl-medium ik-muted" title={mark.medium}>{mark.medium}</span>
      <span class="ikl-kind ik-muted ik-small ika-wide">{KIND_WORDS[mark.shape.kind]}</span>
      <span class="ikl-author ik-muted ik-small ika-wide ika-row-name">{label?.annotator ? authorName(label.annotator) : ""}</span>
      <span class="ikl-time ik-muted ik-small ik-number ika-wide">{label ? label.given_at.slice(0, 16).replace("T", " ") : ""}</span>
      <span class="ikl-sure ik-muted ik-small ik-number">{label && label.confidence !== null ? percent(label.confidence) : ""}</span>
      <span class="ikl-status ik-small"><span class={`ika-status-mark ika-is-${mark.status}`} /> <span class="ika-wide">{STATUS_WORDS[mark.status]}</span></span>
    </>
  );
}

function Filters() {
  const page = usePage();
  const { listing } = leavesOf(page);
  const { filter } = listing;
  const timer = useRef(0);
  const waiting = useRef<Partial<Filter>>({});
  const set = (change: Partial<Filter>, wait = 0) => {
    waiting.current = { ...waiting.current, ...change };
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      void listing.show(waiting.current);
      waiting.current = {};
    }, wait);
  };
  const labels = (page.project?.labels ?? []).filter(({ path }) => path.length);
  const people = new Set([...(page.statistics?.people.map(({ name }) => name) ?? []), ...listing.authors]);
  const wrong = filter.since !== "" && filter.until !== "" && filter.since > filter.until;
  return (
    <form class="ikl-filters" role="search" aria-label="Filter of the annotations" onSubmit={(event) => event.preventDefault()}>
      <Field label="Label">
        <select class="ik-select" value={filter.label ? pathKey(filter.label) : ""} onChange={(event) => set({ label: labels.find(({ path }) => pathKey(path) === event.currentTarget.value)?.path ?? null })}>
          <option value="">any</option>
          {labels.map(({ path }) => <option key={pathKey(path)} value={pathKey(path)} selected={filter.label !== null && pathKey(filter.label) === pathKey(path)}>{pathWords(path)}</option>)}
        </select>
      </Field>
      <Field label="Status">
        <select class="ik-select" value={filter.status} onChange={(event) => set({ status: event.currentTarget.value as Status | "" })}>
          <option value="">any</option>
          {STATUSES.map((each) => <option key={each} value={each} selected={each === filter.status}>{STATUS_WORDS[each]}</option>)}
        </select>
      </Field>
      <Field label="Labelled by">
        <select class="ik-select" value={filter.author} onChange={(event) => set({ author: event.currentTarget.value })}>
          <option value="">anybody</option>
          {[...people].sort().map((name) => <option key={name} value={name} selected={name === filter.author}>{authorName(name)}</option>)}
        </select>
      </Field>
      <Field label="From"><input class="ik-input" type="date" aria-invalid={wrong} value={filter.since} onChange={(event) => set({ since: event.currentTarget.value })} /></Field>
      <Field label="To"><input class="ik-input" type="date" aria-invalid={wrong} value={filter.until} onChange={(event) => set({ until: event.currentTarget.value })} /></Field>
      <div class="ik-field">
        <span class="ik-label" id="ikl-sure">Sure, %</span>
        <span class="ikl-range" role="group" aria-labelledby="ikl-sure">
          <input class="ik-input" type="number" min={0} max={100} aria-label="at least, %" placeholder="0" value={filter.least} onInput={(event) => set({ least: event.currentTarget.value }, QUIET_MS)} />
          –
          <input class="ik-input" type="number" min={0} max={100} aria-label="at most, %" placeholder="100" value={filter.most} onInput={(event) => set({ most: event.currentTarget.value }, QUIET_MS)} />
        </span>
      </div>
      <Field label="Medium">
        <input class="ik-input" type="search" list="ikl-media" placeholder="whole name" value={filter.medium} onInput={(event) => set({ medium: event.currentTarget.value }, QUIET_MS)} />
      </Field>
      <datalist id="ikl-media">{page.queue.rows.slice(0, 500).map(({ name }) => <option key={name} value={name} />)}</datalist>
      {wrong && <p class="ik-inline-error" role="alert">The first day is after the last.</p>}
    </form>
  );
}
