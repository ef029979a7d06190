/** Video and sound: play, speed, where one is, and in a video a lane for each individual with its keyframes. */

import { useRef } from "preact/hooks";
import { SPEEDS, play, run, setSpeed, show } from "./commands";
import { Glyph, useCell, usePage, withKey } from "./context";
import { clock, stretches } from "./keyframes";
import { labelName } from "./marks";
import type { Mark } from "./protocol";
import { titleOf } from "./words";

interface Lane {
  key: string;
  marks: Mark[];
}

const MOST_LANES = 400;

export function Timeline() {
  const page = usePage();
  const view = page.opened!.view;
  if (view.kind === "picture") return null;
  const video = view.kind === "video";
  const lanes = video ? lanesOf(page.desk.marks) : [];
  const act = (action: string, words: string, icon: string) => (
    <button class="ik-button ik-button-quiet ik-button-icon" aria-label={words} title={withKey(page, words, action)} onClick={() => run(page, action)}>
      <Glyph name={icon} />
    </button>
  );
  return (
    <div class="ika-timeline" role="group" aria-label={video ? "Timeline" : "Playing"}>
      <div class="ika-timeline-tools">
        <Playing />
        {video && act("frame-back", "One frame back", "back")}
        {video && act("frame-on", "One frame on", "on")}
        <Position duration={view.duration_s} />
        <select class="ik-select" aria-label="Speed" value={String(page.rate)} onChange={(event) => setSpeed(page, Number(event.currentTarget.value))}>
          {SPEEDS.map((each) => <option key={each} value={String(each)}>{each} ×</option>)}
        </select>
        {video && page.mayEdit && (
          <div class="ik-tools-group">
            <span class="ik-rule" />
            {act("keyframe", "Keyframe here", "keyframe")}
            {act("remove-keyframe", "Remove the keyframe here", "unkeyframe")}
            {act("gap", "It leaves the picture here", "gap")}
            {act("copy-on", "Copy to the next frame", "copy")}
            {act("track", "The selected ones are the same individual", "link")}
          </div>
        )}
      </div>
      <Seek duration={view.duration_s} step={video ? 1 / view.frame_rate_hz : 0.1} />
      {video && lanes.length > 0 && (
        <div class="ika-lanes" role="list" aria-label="Individuals">
          {lanes.slice(0, MOST_LANES).map((lane) => <LaneRow key={lane.key} lane={lane} duration={view.duration_s} />)}
          {lanes.length > MOST_LANES && <p class="ik-small ik-muted">and {lanes.length - MOST_LANES} more, in the list of annotations</p>}
          <Now duration={view.duration_s} />
        </div>
      )}
    </div>
  );
}

/** Marks of the same individual share a lane. */
export function lanesOf(marks: readonly Mark[]): Lane[] {
  const lanes = new Map<string, Mark[]>();
  for (const mark of marks) {
    if (!mark.shape.frames.length) continue;
    const key = mark.track || mark.id;
    lanes.set(key, [...(lanes.get(key) ?? []), mark]);
  }
  const begin = (marks: Mark[]) => Math.min(...marks.map(({ shape }) => shape.frames[0]!));
  return [...lanes].map(([key, held]) => ({ key, marks: held })).sort((a, b) => begin(a.marks) - begin(b.marks));
}

function Playing() {
  const page = usePage();
  const { playing } = useCell(page.clock);
  const words = playing ? "Pause" : "Play";
  return (
    <button class="ik-button ik-button-icon" aria-label={words} title={withKey(page, words, "play")} onClick={() => play(page)}>
      <Glyph name={playing ? "pause" : "play"} />
    </button>
  );
}

function Position({ duration }: { duration: number }) {
  const page = usePage();
  const { time } = useCell(page.clock);
  return <span class="ik-number ik-small ika-time">{clock(time)} / {clock(duration)}</span>;
}

function Seek({ duration, step }: { duration: number; step: number }) {
  const page = usePage();
  const { time } = useCell(page.clock);
  return (
    <div class="ika-seek">
      <input type="range" min={0} max={duration} step={step} value={time} aria-label="Time" aria-valuetext={clock(time)} onInput={(event) => page.surface?.seek(Number(event.currentTarget.value))} />
    </div>
  );
}

function Now({ duration }: { duration: number }) {
  const page = usePage();
  const { time } = useCell(page.clock);
  return <div class="ika-now" aria-hidden="true"><span style={{ left: `${(100 * time) / (duration || 1)}%` }} /></div>;
}

function LaneRow({ lane, duration }: { lane: Lane; duration: number }) {
  const page = usePage();
  const track = useRef<HTMLDivElement>(null);
  const part = (time: number) => `${(100 * time) / (duration || 1)}%`;
  const chosen = lane.marks.some(({ id }) => page.selection.includes(id));
  const first = lane.marks[0]!;
  const seek = (event: MouseEvent) => {
    const rect = track.current!.getBoundingClientRect();
    page.surface?.seek(((event.clientX - rect.left) / rect.width) * duration);
  };
  return (
    <div class="ika-lane" role="listitem" data-chosen={chosen}>
      <button class="ika-lane-name" title={titleOf(first)} aria-pressed={chosen} onClick={() => (lane.marks.length === 1 ? show(page, first.id) : page.select(lane.marks.map(({ id }) => id)))}>
        <i class="ika-color" style={{ background: page.labels.colorOf(first.labels[0]?.path) }} />
        <span>{labelName(first)}</span>
        {lane.marks.length > 1 && <span class="ik-muted">×{lane.marks.length}</span>}
      </button>
      <div class="ika-lane-track" ref={track} onClick={seek}>
        {lane.marks.map(({ id, shape, labels }) => (
          <div key={id} style={{ color: page.labels.colorOf(labels[0]?.path) }}>
            {stretches(shape).map(([from, to]) => <span key={from} class="ika-stretch" style={{ left: part(from), width: `calc(${part(to - from)} + 1px)` }} />)}
            {shape.frames.map((time, i) => (
              <span
                key={time}
                class={`ika-keyframe ${shape.keyframes[i]?.length || shape.kind === "whole" ? "" : "ika-keyframe-gap"}`}
                style={{ left: part(time) }}
                title={`${clock(time)}${shape.keyframes[i]?.length || shape.kind === "whole" ? "" : ", leaves the picture"}`}
                onClick={(event) => {
                  event.stopPropagation();
                  page.select([id]);
                  page.surface?.seek(time);
                }}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
