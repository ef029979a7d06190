/** The middle: tools, the surface, what is said about it, and the timeline. */

import { useEffect, useRef } from "preact/hooks";
import { ErrorBox } from "../parts/common";
import { CheckBar } from "./check/bar";
import { chooseTool, run, setBrush } from "./commands";
import { Glyph, Key, roving, useCell, usePage, withKey } from "./context";
import { drawn, reshaped } from "./marking";
import { Picker } from "./picker";
import { Timeline } from "./timeline";
import type { Shape } from "./protocol";
import type { Tool } from "./surface";
import { lengthWords, mediumWords, placeWords } from "./words";

const TOOLS: { tool: Tool; words: string }[][] = [
  [
    { tool: "select", words: "Select" },
    { tool: "pan", words: "Move the picture" },
    { tool: "zoom", words: "Zoom into a box" },
  ],
  [
    { tool: "point", words: "Point" },
    { tool: "line", words: "Line" },
    { tool: "rectangle", words: "Rectangle" },
    { tool: "rotated_rectangle", words: "Turned rectangle" },
    { tool: "circle", words: "Circle" },
    { tool: "ellipse", words: "Ellipse" },
    { tool: "polygon", words: "Polygon" },
  ],
  [
    { tool: "brush", words: "Brush" },
    { tool: "eraser", words: "Eraser" },
    { tool: "wand", words: "Magic wand" },
  ],
  [{ tool: "ruler", words: "Ruler" }],
];
/** In a spectrogram time and frequency have no turn and no circle. */
const SOUND_TOOLS = new Set<Tool>(["select", "pan", "zoom", "point", "line", "rectangle", "polygon", "ruler"]);
const LOOKING = new Set<Tool>(["select", "pan", "zoom", "ruler"]);

export function Stage() {
  const page = usePage();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const surface = page.makeSurface();
    const moved = new Map<string, Shape>();
    host.current!.append(surface.element);
    const offs = [
      surface.on("drawn", (shape) => drawn(page, shape)),
      surface.on("changed", (id, shape) => {
        // Several that are moved together are told one by one.
        if (!moved.size) queueMicrotask(() => {
          reshaped(page, moved);
          moved.clear();
        });
        moved.set(id, shape);
      }),
      surface.on("selected", (ids) => page.select(ids, "surface")),
      surface.on("pointed", (at) => page.pointer.set(at)),
      surface.on("moved", (time, playing) => page.clock.set({ time, playing })),
      surface.on("viewed", (box, scale) => page.viewBox.set({ box, scale })),
      surface.on("measured", (length) => page.length.set(length)),
      surface.on("tool", (tool) => page.set({ tool })),
      surface.on("failed", (failure) => page.set({ failure })),
    ];
    void page.mount(surface);
    return () => {
      for (const off of offs) off();
      if (page.surface === surface) {
        page.surface = null;
        surface.close();
      }
    };
  }, [page]);
  const { opened } = page;
  const gone = opened && !opened.medium.here;
  return (
    <section class="ika-stage" aria-label={opened ? opened.medium.name : "No medium"}>
      {page.checking ? <CheckBar /> : <ToolBar />}
      <div class="ika-surface" data-kind={opened?.view.kind} ref={host}>
        {page.note && <div class="ika-note" role="status">{page.note}</div>}
        {page.mediumError && (
          <div class="ika-over">
            <ErrorBox text={page.mediumError}>
              <div class="ik-cluster">
                <button class="ik-button" onClick={() => page.open({ kind: "find" })}>Find the files</button>
              </div>
            </ErrorBox>
          </div>
        )}
        {!page.mediumError && gone && (
          <div class="ika-over">
            <div class="ik-empty">
              <p>{opened.medium.note || "The file is not where it was."}</p>
              <p>Its annotations are in the list; the picture can be shown when the file is found.</p>
              <button class="ik-button ik-button-primary" onClick={() => page.open({ kind: "find" })}>Find the files</button>
            </div>
          </div>
        )}
        {!opened && !page.opening && !page.mediumError && page.queue.total === 0 && (
          <div class="ika-over"><p class="ik-empty">Open a medium from the list, or add some with “Files”, “Add media”.</p></div>
        )}
        {page.opening && <div class="ika-opening ik-small" role="status">Opening {page.opening} …</div>}
        {page.failure && (
          <div class="ika-failure ik-small" role="alert">
            {page.failure}
            <button class="ik-button" onClick={() => page.set({ failure: "" })}>Close</button>
          </div>
        )}
        {opened?.medium.here && <ViewTools />}
        {page.picker && !page.leaf && <Picker key={page.picker.ids.join()} host={host} />}
      </div>
      {opened && opened.view.kind !== "picture" && <Timeline />}
      <StatusLine />
    </section>
  );
}

function ToolBar() {
  const page = usePage();
  const box = useRef<HTMLDivElement>(null);
  const sound = page.opened?.view.kind === "sound";
  const shown = TOOLS.map((group) => group.filter(({ tool }) => (!sound || SOUND_TOOLS.has(tool)) && (page.mayEdit || LOOKING.has(tool)))).filter((group) => group.length);
  const label = page.label?.at(-1);
  const whole = `Label the whole ${sound ? "recording" : page.opened?.view.kind === "video" ? "frame" : "picture"}`;
  return (
    <div class="ik-tools ika-tools" role="toolbar" aria-label="Tools" ref={box} onKeyDown={(event) => !(event.target as HTMLElement).matches("input") && roving(event, box.current)}>
      {shown.map((group, i) => (
        <div key={i} class="ik-tools-group">
          {group.map(({ tool, words }) => (
            <button
              key={tool}
              data-roving
              data-tool={tool}
              tabIndex={page.tool === tool ? 0 : -1}
              class="ik-button ik-button-quiet ik-button-icon"
              aria-label={words}
              aria-pressed={page.tool === tool}
              title={withKey(page, words, `tool-${tool}`)}
              onClick={() => chooseTool(page, tool)}
            >
              <Glyph name={tool} />
            </button>
          ))}
          {i < shown.length - 1 && <span class="ik-rule" />}
        </div>
      ))}
      {page.mayEdit && (
        <button data-roving tabIndex={-1} class="ik-button ik-button-quiet ik-button-icon" aria-label={whole} title={withKey(page, whole, "whole")} disabled={!page.opened} onClick={() => run(page, "whole")}>
          <Glyph name="whole" />
        </button>
      )}
      <span class="ik-spacer" />
      {page.mayEdit && (
        <button data-roving tabIndex={-1} class="ik-button ika-drawn-next" title={withKey(page, label ? `Drawn next: ${label}; choose another` : "Each shape asks for its label; choose one", "find-label")} onClick={() => run(page, "find-label")}>
          <i style={{ background: page.labels.colorOf(page.label ?? undefined) }} />
          <span>{label ?? "Ask for a label"}</span>
        </button>
      )}
    </div>
  );
}

/** How it is looked at; it lies over the picture, so that the tools have a line of their own. */
function ViewTools() {
  const page = usePage();
  const act = (action: string, words: string, remark: string, icon: string) => (
    <button class="ik-button ik-button-quiet ik-button-icon" aria-label={words} title={withKey(page, remark, action)} {...(action === "hide-shapes" ? { "aria-pressed": page.shapesShown } : {})} onClick={() => run(page, action)}>
      <Glyph name={icon} />
    </button>
  );
  return (
    <div class="ika-view-tools" role="group" aria-label="View">
      {(page.tool === "brush" || page.tool === "eraser") && (
        <label class="ika-brush ik-small">
          <span>{page.brush} px</span>
          <input type="range" min={1} max={200} value={page.brush} aria-label="Diameter of the brush, px" onInput={(event) => setBrush(page, Number(event.currentTarget.value))} />
        </label>
      )}
      {act("hide-shapes", "Shapes", "Hide or show the shapes", "hide")}
      {act("zoom-out", "Farther", "Farther", "minus")}
      {act("zoom-in", "Closer", "Closer", "plus")}
      {act("whole-view", "The whole picture", "The whole picture", "fit")}
    </div>
  );
}

function StatusLine() {
  const page = usePage();
  const { opened } = page;
  return (
    <div class="ika-status ik-small ik-muted">
      <span class="ika-status-name">{opened ? `${opened.medium.name}${opened.medium.here ? ` · ${mediumWords(opened.medium)}` : ""}` : " "}</span>
      <Length />
      <span class="ik-spacer" />
      <Place />
      <Scale />
      {!page.mayEdit && !page.checking && <span>You may look at this project and change nothing.</span>}
      <span class="ika-wide"><Key of="keys" page={page} /> all keys</span>
    </div>
  );
}

function Length() {
  const page = usePage();
  const length = useCell(page.length);
  return length ? <strong role="status">{lengthWords(length)}</strong> : null;
}

function Place() {
  const page = usePage();
  const at = useCell(page.pointer);
  const sound = page.opened?.view.kind === "sound";
  return <span class="ik-number ika-place ika-wide">{at && placeWords(at, sound)}</span>;
}

function Scale() {
  const page = usePage();
  const view = useCell(page.viewBox);
  return view && page.opened?.view.kind !== "sound" ? <span class="ik-number ika-wide">{Math.round(view.scale * 100)} %</span> : null;
}
