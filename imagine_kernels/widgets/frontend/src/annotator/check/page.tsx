/** The page of quality: how far people agree, what differs, what is in doubt, blind sessions, controls. */

import { useEffect } from "preact/hooks";
import { ErrorBox } from "../../parts/common";
import { count } from "../../scales";
import { Field, usePage } from "../context";
import { LeafHead } from "../grid/leaf-head";
import { checkerOf, type Checker } from "./checker";
import { Controls, Sessions } from "./sessions";
import type { Figure } from "./protocol";
import { FIGURES, PAIR_FIGURES, along, figureWords, intervalWords, pairRows, sessionWords } from "./words";

export function QualityView() {
  const page = usePage();
  const checker = checkerOf(page);
  useEffect(() => void checker.load(), [checker]);
  const { quality } = checker;
  return (
    <section class="ikl ikc" aria-label="Quality">
      <LeafHead title="Quality" remark="">{null}</LeafHead>
      <div class="ikc-body">
        <div class="ikc-cards">
          <Choice checker={checker} />
          <Figures checker={checker} />
          {quality && quality.figures.length > 0 && <Pairs checker={checker} />}
          {quality && quality.figures.length > 0 && <InDoubt checker={checker} />}
          <Sessions checker={checker} />
          {checker.mayReview && <Controls checker={checker} />}
        </div>
      </div>
    </section>
  );
}

function Choice({ checker }: { checker: Checker }) {
  const people = checker.quality?.people ?? [];
  const chosen = checker.people.length ? checker.people : people.map(({ name }) => name);
  return (
    <section class="ikc-choice-row" aria-label="What is compared">
      <Field label="Marks made">
        <select class="ik-select" name="session" value={checker.session ?? ""} onChange={(event) => checker.choose({ session: event.currentTarget.value ? Number(event.currentTarget.value) : null, people: [] })}>
          <option value="">by now, all of them</option>
          {(checker.sessions ?? []).map((each) => <option key={each.number} value={each.number} selected={each.number === checker.session}>in the blind session {sessionWords(each)}</option>)}
        </select>
      </Field>
      <Field label="The same thing from an overlap of">
        <input class="ik-input ika-short" type="number" name="iou" min={0.05} max={1} step={0.05} value={checker.iou} onChange={(event) => {
          const iou = Number(event.currentTarget.value);
          if (iou >= 0.05 && iou <= 1) checker.choose({ iou });
          else event.currentTarget.value = String(checker.iou);
        }} />
      </Field>
      {people.length > 0 && (
        <fieldset class="ikc-people">
          <legend class="ik-label">People</legend>
          {people.map(({ name, marks, media }) => (
            <label key={name} class="ikc-check" title={`${count(marks, "mark", "marks")} in ${count(media, "medium", "media")} looked at`}>
              <input type="checkbox" checked={chosen.includes(name)} onChange={(event) => {
                const on = event.currentTarget.checked;
                const next = people.map((each) => each.name).filter((each) => (each === name ? on : chosen.includes(each)));
                checker.choose({ people: next.length === people.length ? [] : next });
              }} />
              {name} <span class="ik-muted ik-small ik-number">{marks}</span>
            </label>
          ))}
        </fieldset>
      )}
    </section>
  );
}

function Figures({ checker }: { checker: Checker }) {
  const page = usePage();
  const { quality } = checker;
  const trouble = checker.trouble.get("quality");
  const waits = checker.busy.has("quality");
  const rows = pairRows(quality?.figures ?? []);
  return (
    <section class="ikc-card" aria-busy={waits}>
      <h3>How far people agree</h3>
      {trouble && <ErrorBox text={trouble}><button class="ik-button" onClick={() => void checker.count()}>Try again</button></ErrorBox>}
      {quality?.problems.map((problem) => <p key={problem} class="ik-empty">{problem}</p>)}
      {waits && <p class="ik-small ik-muted" role="status">{page.progress?.stage ?? "Reading what people have marked"} …</p>}
      {!quality && waits && <div class="ik-skeleton" style={{ height: "160px" }} />}
      {quality && quality.figures.length > 0 && (
        <>
          <p class="ik-small ik-muted">{count(quality.things, "thing", "things")} in {count(quality.media, "medium", "media")} that two or more people have looked at. Each figure has its 95 % interval.</p>
          <table class="ikc-figures" aria-label="Figures of all people together">
            <tbody>
              {FIGURES.map(({ figure, words, why }) => {
                const found = quality.figures.find((each) => each.figure === figure && !each.first);
                return (
                  <tr key={figure} data-figure={figure}>
                    <th scope="row" title={why}>{words}</th>
                    <td class="ik-number ikc-value">{figureWords(found?.value)}</td>
                    <td aria-hidden="true" class="ikc-bar-cell"><Bar figure={found} /></td>
                    <td class="ik-number ik-small ik-muted">{intervalWords(found)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
          {rows.length > 1 && (
            <div class="ikc-scroll">
              <table class="ik-table">
                <thead><tr><th scope="col">Two of them</th>{PAIR_FIGURES.map(({ figure, words }) => <th key={figure} scope="col" class="ik-right">{words}</th>)}</tr></thead>
                <tbody>
                  {rows.map(({ first, second, figures }) => (
                    <tr key={`${first} ${second}`}>
                      <th scope="row">{first} – {second}</th>
                      {figures.map((figure, i) => <td key={i} class="ik-right">{figureWords(figure?.value)} <span class="ik-muted ik-small ikc-interval">{intervalWords(figure)}</span></td>)}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </section>
  );
}

/** The value as a bar from 0 to 1, its interval as a line over it. */
function Bar({ figure }: { figure: Figure | undefined }) {
  if (!figure || figure.value === null) return null;
  const [low, high] = [along(figure.low ?? figure.value), along(figure.high ?? figure.value)];
  return (
    <span class="ikc-track">
      <span class="ikc-fill" style={{ width: `${along(figure.value)}%` }} />
      {figure.low !== null && <span class="ikc-whisker" style={{ left: `${low}%`, width: `${high - low}%` }} />}
    </span>
  );
}

function Pairs({ checker }: { checker: Checker }) {
  const page = usePage();
  const { people } = checker.quality!;
  const { pair } = checker;
  const choose = (i: 0 | 1, label: string) => (
    <Field label={label}>
      <select class="ik-select" value={pair[i]} data-pair={i} onChange={(event) => checker.choose({ pair: i ? [pair[0], event.currentTarget.value] : [event.currentTarget.value, pair[1]] })}>
        {people.map(({ name }) => <option key={name} value={name} selected={name === pair[i]}>{name}</option>)}
      </select>
    </Field>
  );
  const same = pair[0] === pair[1];
  return (
    <section class="ikc-card">
      <h3>What differs</h3>
      <p class="ik-small ik-muted">The marks of two people over the picture, thing by thing, in one medium after the other.</p>
      <div class="ikc-line-up">
        {choose(0, "First")}
        {choose(1, "Second")}
        <button class="ik-button ik-button-primary" data-act="compare" disabled={same || !page.opened} onClick={() => checker.compare()}>Compare on the picture</button>
      </div>
      {same && <p class="ik-small ikc-warn">Choose two people.</p>}
    </section>
  );
}

function InDoubt({ checker }: { checker: Checker }) {
  const { decisions } = checker;
  const page = usePage();
  const waits = checker.busy.has("doubts");
  const trouble = checker.trouble.get("doubts") ?? checker.trouble.get("consensus");
  return (
    <section class="ikc-card">
      <h3>What is in doubt</h3>
      {trouble && <ErrorBox text={trouble} />}
      {!decisions.loaded && waits && <p class="ik-small ik-muted" role="status">Looking for what is in doubt …</p>}
      {decisions.loaded && (
        <p class="ik-small" data-doubts={decisions.open}>
          {decisions.open ? `${count(decisions.open, "thing is", "things are")} to be decided` : "Nothing is left to be decided"}, {decisions.sure} beyond doubt{decisions.written ? `; ${decisions.written} of a consensus are in the project` : ""}.
        </p>
      )}
      <div class="ik-cluster">
        <button class="ik-button ik-button-primary" data-act="decide" disabled={!decisions.loaded || !decisions.items.length} onClick={() => void checker.decide()}>{checker.mayReview ? "Decide one by one" : "Look at them"}</button>
        {page.mayEdit && <button class="ik-button" data-act="consensus" disabled={!decisions.sure || checker.busy.has("consensus")} title="As predicted, by “consensus”; media that have one already stay as they are" onClick={() => void checker.writeConsensus()}>Write what nobody doubts</button>}
      </div>
    </section>
  );
}
