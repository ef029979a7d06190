/** The queue of media: found by name, what is still to do, who looks at it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ErrorBox, Icon } from "../parts/common";
import { count } from "../scales";
import { sentence } from "../view";
import { Glyph, Key, usePage } from "./context";
import { pathKey, pathWords } from "./labels";
import { reviewed, reviewedNext } from "./marking";
import type { MediaFilter } from "./queue";
import type { MediumShown } from "./protocol";
import { mediumWords } from "./words";
import { VirtualList } from "./virtual";

const FILTERS: { filter: MediaFilter["filter"]; words: string }[] = [
  { filter: "all", words: "All" },
  { filter: "todo", words: "To do" },
  { filter: "reviewed", words: "Looked at" },
  { filter: "mine", words: "Mine" },
];

export function MediaList() {
  const page = usePage();
  const { queue, project } = page;
  const [active, setActive] = useState<number | null>(null);
  const timer = useRef(0);
  const current = page.opening ?? page.opened?.medium.name ?? null;
  const openIndex = current === null ? -1 : queue.indexOf(current);
  useEffect(() => setActive(null), [current]);
  const at = active ?? openIndex;
  if (!project) return null;
  const ask = (change: Partial<MediaFilter>, wait = 0) => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => void queue.show(change), wait);
  };
  const open = (index: number) => {
    const row = queue.rows[index];
    if (!row) return;
    page.set({ drawer: null });
    void page.openMedium(row.name);
  };
  const share = project.media ? project.reviewed / project.media : 0;
  return (
    <section class="ika-media" aria-label="Media">
      <div class="ika-head">
        <div class="ik-side-search">
          <Icon name="search" />
          <input class="ik-input" type="search" data-find-medium aria-label="Search the media by name" placeholder="Name of a medium" value={queue.asked.text} onInput={(event) => ask({ text: event.currentTarget.value }, 200)} />
        </div>
        <div class="ika-segments" role="group" aria-label="Which media">
          {FILTERS.map(({ filter, words }) => (
            <button key={filter} aria-pressed={queue.asked.filter === filter} onClick={() => ask({ filter })}>{words}</button>
          ))}
        </div>
        <select class="ik-select" aria-label="Only media with the label" onChange={(event) => ask({ label: page.labels.labels.find(({ path }) => pathKey(path) === event.currentTarget.value)?.path ?? null })}>
          <option value="">Any label</option>
          {project.labels.filter(({ path }) => path.length).slice(0, 500).map(({ path }) => (
            <option key={pathKey(path)} value={pathKey(path)} selected={queue.asked.label !== null && pathKey(queue.asked.label) === pathKey(path)}>{pathWords(path)}</option>
          ))}
        </select>
      </div>
      {queue.error && <ErrorBox text={queue.error}><button class="ik-button" onClick={() => ask({})}>Try again</button></ErrorBox>}
      <VirtualList
        id="ika-medium"
        label={`Media, ${queue.total}`}
        count={queue.total}
        active={at}
        rowHeight={42}
        onActive={setActive}
        onSeen={(last) => void queue.ensure(last)}
        onKey={(event) => {
          if (event.key === "Enter" && at >= 0) open(at);
          else if (event.key === " " && queue.rows[at] && page.mayEdit) toggle(queue.rows[at]!);
          else return;
          event.preventDefault();
        }}
        attributes={(i) => ({
          "aria-selected": i === openIndex,
          "aria-label": queue.rows[i] ? rowWords(queue.rows[i]!) : "being fetched",
          onClick: () => open(i),
        })}
        row={(i) => rowOf(queue.rows[i])}
        empty={<p class="ik-empty">{empty(queue.asked, project.media)}</p>}
      />
      <div class="ika-foot">
        <p class="ik-small">
          <strong class="ik-number">{project.reviewed}</strong> of <span class="ik-number">{count(project.media, "medium", "media")}</span> looked at
        </p>
        <div class="ik-progress" role="progressbar" aria-label="Media looked at" aria-valuemin={0} aria-valuemax={project.media} aria-valuenow={project.reviewed}>
          <div style={{ width: `${share * 100}%` }} />
        </div>
        {page.opened && <Assigned medium={page.opened.medium} />}
        {page.mayEdit && (
          <button class="ik-button ik-button-primary" data-act="reviewed-next" disabled={!page.opened} onClick={() => void reviewedNext(page)}>
            Looked at, next <Key of="reviewed-next" page={page} />
          </button>
        )}
      </div>
    </section>
  );

  function toggle(row: MediumShown) {
    reviewed(page, row.name, !row.reviewed_by[project!.person]);
  }

  function rowOf(row: MediumShown | undefined) {
    if (!row) return <span class="ik-skeleton ika-row-waits" />;
    const by = Object.keys(row.reviewed_by);
    const n = Object.values(row.counts).reduce((sum, each) => sum + each, 0);
    return (
      <>
        <span
          class={`ika-tick ${by.length ? "ika-ticked" : ""}`}
          title={by.length ? `Looked at by ${by.join(", ")}` : "Nobody has looked at all of it"}
          onClick={(event) => {
            if (!page.mayEdit) return;
            event.stopPropagation();
            toggle(row);
          }}
        >
          {by.length > 0 && <Icon name="check" />}
        </span>
        <span class="ika-row-text">
          <span class="ika-row-name" title={row.name}>{row.name}</span>
          <span class="ik-muted ika-row-sub">{[row.here ? mediumWords(row) : "file is not here", row.assigned_to.length > 0 && `for ${row.assigned_to.join(", ")}`].filter(Boolean).join(" · ")}</span>
        </span>
        <span class="ik-number ik-muted ik-small" title={`${n} annotations`}>{n || ""}</span>
      </>
    );
  }
}

function rowWords(row: MediumShown): string {
  const n = Object.values(row.counts).reduce((sum, each) => sum + each, 0);
  const by = Object.keys(row.reviewed_by);
  return [row.name, count(n, "annotation", "annotations"), by.length ? `looked at by ${by.join(", ")}` : "to do", row.assigned_to.length && `for ${row.assigned_to.join(", ")}`, !row.here && "file is not here"]
    .filter(Boolean)
    .join(", ");
}

function empty(asked: MediaFilter, media: number): string {
  if (!media) return "There are no media yet: add some with “Files”, “Add media”.";
  if (asked.filter === "todo" && !asked.text && !asked.label) return "Everything was looked at.";
  if (asked.filter === "mine" && !asked.text && !asked.label) return "Nothing was given to you: choose “All”.";
  return "No medium fits: change the search or the filter.";
}

function Assigned({ medium }: { medium: MediumShown }) {
  const page = usePage();
  const people = page.project!.people.filter(({ who }) => !who.startsWith("group:")).map(({ who }) => who.replace(/^user:/, ""));
  if (!page.mayEdit || people.length < 2) return null;
  const held = medium.assigned_to[0] ?? "";
  const assign = async (to: string | null) => {
    try {
      await page.channel.ask("assign", { media: [medium.name], to });
      const assigned_to = to ? [to] : [];
      page.queue.update(medium.name, (row) => ({ ...row, assigned_to }));
      if (page.opened?.medium.name === medium.name) page.opened = { ...page.opened, medium: { ...page.opened.medium, assigned_to } };
      page.say(to ? `${medium.name} is for ${to}` : `${medium.name} is for anybody`);
    } catch (error) {
      page.say(sentence(error), "bad");
    }
  };
  return (
    <label class="ika-assigned ik-small">
      <Glyph name="label" />
      <span>For</span>
      <select class="ik-select" value={held} onChange={(event) => void assign(event.currentTarget.value || null)}>
        <option value="">anybody</option>
        {people.map((who) => <option key={who} value={who} selected={who === held}>{who}</option>)}
      </select>
    </label>
  );
}
