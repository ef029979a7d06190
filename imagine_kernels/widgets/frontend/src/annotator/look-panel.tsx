/** How the picture is shown, and of sound what is heard. Nothing of it changes the data. */

import { useState } from "preact/hooks";
import { ErrorBox } from "../parts/common";
import { sentence } from "../view";
import { SPEEDS, setSpeed } from "./commands";
import { Field, usePage } from "./context";
import { NO_LOOK } from "./page";

const COLOURS = ["", "viridis", "magma", "cividis"];

export function LookPanel() {
  const page = usePage();
  const { look, opened } = page;
  const [low, setLow] = useState(1);
  const [high, setHigh] = useState(99);
  const [error, setError] = useState("");
  if (!opened) return <p class="ik-empty">Open a medium to change how it is shown.</p>;
  const { view, medium } = opened;
  const stretch = async () => {
    setError("");
    if (!(low >= 0 && high <= 100 && low < high)) return setError("The lower percentile must be below the higher one, both between 0 and 100.");
    const inView = page.viewBox.value?.box;
    try {
      const { value } = await page.channel.ask<{ low: number; high: number }>("levels", { medium: medium.name, low: low / 100, high: high / 100, ...(inView ? { box: inView } : {}) });
      page.setLook({ window: [value.low, value.high] });
      page.announce("Stretched");
    } catch (problem) {
      setError(sentence(problem));
    }
  };
  const slider = (name: "brightness" | "contrast" | "gamma", words: string, min: number, max: number) => (
    <label class="ik-range">
      <span class="ik-label">{words} <span class="ik-number">{look[name].toFixed(2)}</span></span>
      <input type="range" min={min} max={max} step={0.01} value={look[name]} onInput={(event) => page.setLook({ [name]: Number(event.currentTarget.value) })} />
    </label>
  );
  return (
    <div class="ika-form">
      {view.kind === "sound" && <Sound />}
      {slider("brightness", "Brightness", -1, 1)}
      {slider("contrast", "Contrast", -1, 1)}
      {slider("gamma", "Gamma", 0.2, 5)}
      <label class="ika-check"><input type="checkbox" checked={look.invert} onChange={(event) => page.setLook({ invert: event.currentTarget.checked })} /> Invert</label>
      {(view.kind === "sound" || (view.kind === "picture" && !view.colour)) && (
        <Field label="Colours">
          <select class="ik-select" value={look.colours} onChange={(event) => page.setLook({ colours: event.currentTarget.value })}>
            {COLOURS.map((each) => <option key={each} value={each}>{each || "grey"}</option>)}
          </select>
        </Field>
      )}
      {view.kind !== "video" && (
        <fieldset>
          <legend class="ik-label">Stretch what is in view to its percentiles</legend>
          <div class="ik-cluster">
            <input class="ik-input ika-short" type="number" min={0} max={100} step={0.5} aria-label="Lower percentile" value={low} onInput={(event) => setLow(Number(event.currentTarget.value))} />
            <span>to</span>
            <input class="ik-input ika-short" type="number" min={0} max={100} step={0.5} aria-label="Higher percentile" value={high} onInput={(event) => setHigh(Number(event.currentTarget.value))} />
            <button class="ik-button" data-act="stretch" onClick={() => void stretch()}>Stretch</button>
          </div>
          {error && <ErrorBox text={error} />}
        </fieldset>
      )}
      <div>
        <button class="ik-button" data-act="reset-look" onClick={() => page.setLook({ ...NO_LOOK })}>As it is in the file</button>
      </div>
      <p class="ik-small ik-muted">This changes only how it is shown to you; the data stay as they are.</p>
    </div>
  );
}

function Sound() {
  const page = usePage();
  const view = page.opened!.view;
  const [low, setLow] = useState(page.band?.[0] ?? 0);
  const [high, setHigh] = useState(page.band?.[1] ?? 0);
  if (view.kind !== "sound") return null;
  const most = view.sample_rate_hz / 2;
  const wrong = high !== 0 && !(low >= 0 && low < high && high <= most);
  const hear = (band: [number, number] | null) => {
    page.set({ band });
    page.announce(band ? `Heard from ${band[0]} to ${band[1]} Hz` : "The whole band is heard");
  };
  return (
    <fieldset>
      <legend class="ik-label">What is heard</legend>
      <Field label="Speed">
        <select class="ik-select" value={String(page.rate)} onChange={(event) => setSpeed(page, Number(event.currentTarget.value))}>
          {SPEEDS.map((each) => <option key={each} value={String(each)}>{each} ×</option>)}
        </select>
      </Field>
      <div class="ik-cluster">
        <input class="ik-input ika-short" type="number" min={0} aria-label="Lowest frequency, Hz" value={low} onInput={(event) => setLow(Number(event.currentTarget.value))} />
        <span>to</span>
        <input class="ik-input ika-short" type="number" min={0} aria-label="Highest frequency, Hz" value={high || ""} placeholder={String(most)} onInput={(event) => setHigh(Number(event.currentTarget.value))} />
        <span>Hz</span>
        <button class="ik-button" disabled={wrong || !high} onClick={() => hear([low, high])}>Hear this band</button>
        <button class="ik-button" disabled={!page.band} onClick={() => hear(null)}>Hear all</button>
      </div>
      {wrong && <p class="ik-inline-error" role="alert">The band goes from a lower to a higher frequency, at most {most} Hz.</p>}
    </fieldset>
  );
}
