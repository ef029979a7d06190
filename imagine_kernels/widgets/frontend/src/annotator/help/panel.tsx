/** Help of a model: names given in advance, training with the corrections, what to label next. */

import { useEffect, useRef } from "preact/hooks";
import { ErrorBox } from "../../parts/common";
import { count, percent } from "../../scales";
import { Field, usePage } from "../context";
import { openItem } from "../grid/opening";
import { pathKey, pathWords, labelOf } from "../labels";
import type { ModelShown, Offer, Proposed, Way } from "../protocol";
import { isUnknown } from "./helper";
import { thresholdOf, withAll, withOwn } from "./thresholds";
import { WAYS, helpedWords, offerWords, untilTraining } from "./words";

export function HelpPanel() {
  const page = usePage();
  const { helper } = page;
  const { help } = helper;
  if (!help && helper.trouble && !isUnknown(helper.trouble)) {
    return <div class="ika-form"><ErrorBox text={helper.trouble}><button class="ik-button" onClick={() => void helper.load()}>Try again</button></ErrorBox></div>;
  }
  if (!help && helper.trouble) return <div class="ika-form"><p class="ik-empty">There is no model here that could help. Labels are given by people alone.</p></div>;
  if (!help) return <div class="ika-form" aria-busy="true"><div class="ik-skeleton ikh-waits" /></div>;
  const model = help.models.find(({ name }) => name === help.model);
  return (
    <div class="ika-form ikh">
      {helper.offer && <OfferCard offer={helper.offer} />}
      <section class="ikh-part">
        <h3>The model</h3>
        {help.models.length ? (
          <select class="ik-select" aria-label="Model in use in this project" disabled={!page.mayEdit || helper.asking || help.running !== ""} value={help.model ?? ""} onChange={(event) => void helper.use(event.currentTarget.value)}>
            {!model && <option value="">none yet: choose one</option>}
            {help.models.map((each) => <option key={each.name} value={each.name} selected={each.name === help.model}>{each.name}{each.starter && " (starter)"}</option>)}
          </select>
        ) : (
          <p class="ik-empty">There is no model yet. Label and validate some, then press “Train now”.</p>
        )}
        {model && <p class="ik-small ik-muted">{model.words || count(model.classes.length, "label", "labels")}</p>}
      </section>
      {model && page.mayEdit && <Predict model={model} />}
      {page.mayEdit && <Training />}
      <Next ready={Boolean(model)} />
    </div>
  );
}

function OfferCard({ offer }: { offer: Offer }) {
  const page = usePage();
  const { helper } = page;
  return (
    <section class={`ikh-offer ${offer.better ? "ikh-better" : ""}`} role="status" aria-label="A new model">
      <h3>{offer.better ? "A better model is ready" : "A new model is no better"}</h3>
      <p class="ik-small">{offerWords(offer)}</p>
      {page.mayEdit && (
        <div class="ik-cluster">
          <button class={`ik-button ${offer.better ? "ik-button-primary" : ""}`} data-act="take-offer" disabled={helper.asking} onClick={() => void helper.use(offer.model)}>Use it</button>
          <button class="ik-button" data-act="keep-old" disabled={helper.asking} onClick={() => helper.keepOld()}>Keep the old one</button>
        </div>
      )}
    </section>
  );
}

function Predict({ model }: { model: ModelShown }) {
  const page = usePage();
  const { helper } = page;
  const { thresholds } = helper;
  const { running } = helper.help!;
  const own = model.classes.filter((label) => thresholds.own[label] !== undefined).length;
  return (
    <section class="ikh-part">
      <h3>Name in advance</h3>
      <p class="ik-small ik-muted">The model names what has no label yet. What a person has given stays.</p>
      <label class="ikh-slider ik-small">
        <span>Only where it is at least <strong class="ik-number">{percent(thresholds.all)}</strong> sure</span>
        <input type="range" min={0} max={100} value={Math.round(100 * thresholds.all)} aria-valuetext={percent(thresholds.all)} onInput={(event) => helper.choose({ thresholds: withAll(thresholds, Number(event.currentTarget.value) / 100) })} />
      </label>
      <details class="ikh-classes">
        <summary class="ik-small">By label{own > 0 && `: ${own} with its own`}</summary>
        <ul>
          {model.classes.map((label) => {
            const value = thresholdOf(thresholds, label);
            const differs = thresholds.own[label] !== undefined;
            return (
              <li key={label} class="ikh-class ik-small">
                <span class="ika-row-name" title={label}>{label}</span>
                <input type="range" min={0} max={100} value={Math.round(100 * value)} aria-label={`Threshold of ${label}`} aria-valuetext={percent(value)} onInput={(event) => helper.choose({ thresholds: withOwn(thresholds, label, Number(event.currentTarget.value) / 100) })} />
                <span class={`ik-number ${differs ? "" : "ik-muted"}`}>{percent(value)}</span>
                <button class="ik-link" disabled={!differs} aria-label={`${label}: as for all`} onClick={() => helper.choose({ thresholds: withOwn(thresholds, label, null) })}>as all</button>
              </li>
            );
          })}
        </ul>
      </details>
      {running === "predict" ? <Running words="The model looks through the media" /> : (
        <button class="ik-button ik-button-primary" data-act="predict" disabled={running !== "" || helper.asking} onClick={() => void helper.predict()}>Name all that have no label</button>
      )}
      <Done what="predict" />
    </section>
  );
}

function Running({ words }: { words: string }) {
  const page = usePage();
  const { progress } = page;
  const known = progress !== null && progress.total > 0;
  return (
    <div class="ikh-running" role="status">
      <p class="ik-small">{known ? `${progress.stage}: ${progress.done} of ${progress.total}` : progress?.stage || `${words} …`}</p>
      <div class="ik-progress" {...(known ? {} : { "data-unknown": "" })}><div {...(known ? { style: { width: `${(100 * progress.done) / progress.total}%` } } : {})} /></div>
      <button class="ik-button" data-act="stop-help" onClick={() => void page.helper.stop()}>Cancel</button>
    </div>
  );
}

function Done({ what }: { what: "predict" | "retrain" }) {
  const { done } = usePage().helper;
  if (done?.what !== what) return null;
  return (
    <div role="status" data-done={what}>
      {(what === "predict" || done.problems.length !== 1) && <p class="ik-small">{helpedWords(done)}</p>}
      {done.problems.length === 1 && <p class="ik-small">{done.problems[0]}</p>}
      {done.problems.length > 1 && (
        <div class="ik-notice"><ul class="ika-lost">{done.problems.slice(0, 100).map((each, i) => <li key={i}>{each}</li>)}</ul></div>
      )}
    </div>
  );
}

function Training() {
  const page = usePage();
  const { helper } = page;
  const help = helper.help!;
  const share = help.every ? Math.min(1, help.corrections / help.every) : 0;
  return (
    <section class="ikh-part">
      <h3>Learn from corrections</h3>
      {help.running === "retrain" ? <Running words="The model is being trained" /> : (
        <>
          <p class="ik-small">{untilTraining(help)}</p>
          <div class="ik-progress" role="progressbar" aria-label="Corrections until the next training" aria-valuemin={0} aria-valuemax={help.every} aria-valuenow={Math.min(help.corrections, help.every)}>
            <div style={{ width: `${100 * share}%` }} />
          </div>
          <div class="ik-cluster">
            <button class="ik-button" data-act="train" disabled={help.running !== "" || helper.asking} onClick={() => void helper.retrain({ now: true })}>Train now</button>
            <label class="ik-small ikh-every">
              every <input class="ik-input ika-short" type="number" min={0} max={100000} title="0 for never" value={help.every} onChange={(event) => {
                const every = Math.round(Number(event.currentTarget.value));
                if (every >= 0) void helper.retrain({ every });
                else event.currentTarget.value = String(help.every);
              }} /> corrections
            </label>
          </div>
        </>
      )}
      <Done what="retrain" />
    </section>
  );
}

function Next({ ready }: { ready: boolean }) {
  const page = usePage();
  const { helper, project } = page;
  const { way, target, proposed, needed } = helper;
  const quantity = way === "quantity";
  const known = WAYS.find((each) => each.way === way)!;
  const part = useRef<HTMLElement>(null);
  const before = useRef(proposed);
  useEffect(() => {
    // What was proposed comes into view when it comes.
    if (proposed && proposed !== before.current) part.current?.scrollIntoView({ block: "start" });
    before.current = proposed;
  }, [proposed]);
  return (
    <section class="ikh-part" ref={part}>
      <h3>What to label next</h3>
      <Field label="Which ones">
        <select class="ik-select" value={way} onChange={(event) => helper.choose({ way: event.currentTarget.value as Way })}>
          {WAYS.map((each) => <option key={each.way} value={each.way} selected={each.way === way}>{each.words}</option>)}
        </select>
      </Field>
      <p class="ik-small ik-muted">{known.why}</p>
      {quantity && (
        <Field label="Number of">
          <select class="ik-select" value={target ? pathKey(target) : ""} onChange={(event) => helper.choose({ target: page.labels.labels.find(({ path }) => pathKey(path) === event.currentTarget.value)?.path ?? null })}>
            <option value="">choose a label</option>
            {page.labels.labels.map(({ path }) => <option key={pathKey(path)} value={pathKey(path)} selected={target !== null && pathKey(target) === pathKey(path)}>{pathWords(path)}</option>)}
          </select>
        </Field>
      )}
      <div class="ik-cluster">
        <button class="ik-button" data-act="propose" disabled={!ready || helper.looking || (quantity && !target) || !project?.media} onClick={() => void helper.next()}>{proposed ? "Propose again" : "Propose some"}</button>
        {helper.looking && <button class="ik-button" onClick={() => void helper.stop()}>Cancel</button>}
        {helper.looking && <span class="ik-small ik-muted" role="status">{page.progress?.total ? `${page.progress.done} of ${page.progress.total}` : "Looking through the media …"}</span>}
      </div>
      {!ready && <p class="ik-small ik-muted">Choose a model first.</p>}
      {helper.lookingTrouble && <ErrorBox text={helper.lookingTrouble} />}
      {needed && <p class="ik-notice ik-small" data-needed={needed.labels}>{needed.words}</p>}
      {proposed?.length === 0 && <p class="ik-empty">Everything here has a label that a person has seen.</p>}
      {proposed && proposed.length > 0 && <ol class="ikh-next" aria-label="Proposed to be labelled next">{proposed.map((item) => <li key={`${item.medium} ${item.id}`}><Proposal item={item} /></li>)}</ol>}
    </section>
  );
}

function Proposal({ item }: { item: Proposed }) {
  const page = usePage();
  const best = item.suggestions[0];
  const open = page.opened?.medium.name === item.medium && (item.id === null || page.selection.includes(item.id));
  return (
    <button class="ikh-proposal" aria-current={open} title={`${item.why}\n${item.medium}`} onClick={() => void openItem(page, item)}>
      <i class="ika-color" style={{ background: page.labels.colorOf(item.path.length ? item.path : best?.path) }} />
      <span class="ika-row-text">
        <span class="ika-row-name">{item.path.length ? labelOf(item.path) : best ? `${labelOf(best.path)}?` : "no label"}</span>
        <span class="ik-muted ika-row-sub">{[item.why, item.medium.split("/").at(-1)].filter(Boolean).join(" · ")}</span>
      </span>
      {best && <span class="ik-number ik-small ik-muted">{percent(best.probability)}</span>}
    </button>
  );
}
