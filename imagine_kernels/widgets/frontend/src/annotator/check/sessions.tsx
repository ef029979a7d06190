/** Blind sessions and controls, in the page of quality. */

import { useMemo, useState } from "preact/hooks";
import { ErrorBox } from "../../parts/common";
import { count, percent } from "../../scales";
import { Field, usePage } from "../context";
import type { Page } from "../page";
import type { Checker } from "./checker";
import { endByDefault, figureWords, mediaWords, timeWords } from "./words";

/** Everybody who has a role by name, or has marked something. */
function usePeople(checker: Checker): string[] {
  const { project } = usePage();
  return useMemo(() => {
    const named = (project?.people ?? []).filter(({ who }) => who.startsWith("user:")).map(({ who }) => who.slice(5));
    return [...new Set([...named, ...(checker.quality?.people ?? []).map(({ name }) => name)])].sort();
  }, [project, checker.quality]);
}

/** The names of all media that the list at the left shows. */
async function shown(page: Page): Promise<string[]> {
  await page.queue.ensure(page.queue.total - 1);
  return page.queue.rows.map(({ name }) => name);
}

function filtered(page: Page): boolean {
  const { filter, text, label } = page.queue.asked;
  return filter !== "all" || text !== "" || label !== null;
}

export function Sessions({ checker }: { checker: Checker }) {
  const [open, setOpen] = useState(false);
  const { sessions } = checker;
  const trouble = checker.trouble.get("blind") ?? checker.trouble.get("blind-end");
  return (
    <section class="ikc-card">
      <h3>Blind sessions</h3>
      <p class="ik-small ik-muted">People mark the same media and do not see one another’s work until the end.</p>
      {trouble && <ErrorBox text={trouble} />}
      {sessions?.length === 0 && !open && <p class="ik-empty">There was none yet. Agreement says most where people could not see one another.</p>}
      {sessions !== null && sessions.length > 0 && (
        <ul class="ikc-sessions" aria-label="Blind sessions">
          {sessions.map((each) => (
            <li key={each.number} data-session={each.name}>
              <span class="ikc-session-name"><strong>{each.name}</strong> <span class={`ik-chip ${each.running ? "ik-chip-accent" : ""}`}>{each.running ? "runs" : "over"}</span></span>
              <span class="ik-small ik-muted">{each.people.join(", ")} · {mediaWords(each.media)} · {each.running ? "until" : "ended"} {timeWords(each.ends)}</span>
              <span class="ik-spacer" />
              {each.running && checker.mayReview && <button class="ik-button" data-act="blind-end" disabled={checker.busy.has("blind-end")} onClick={() => void checker.end(each)}>End it now</button>}
              {!each.running && checker.session !== each.number && <button class="ik-button" onClick={() => checker.choose({ session: each.number, people: [] })}>Figures</button>}
            </li>
          ))}
        </ul>
      )}
      {checker.mayReview && !open && <button class="ik-button" data-act="blind-new" onClick={() => setOpen(true)}>Begin a session</button>}
      {open && <NewSession checker={checker} close={() => setOpen(false)} />}
    </section>
  );
}

function NewSession({ checker, close }: { checker: Checker; close: () => void }) {
  const page = usePage();
  const people = usePeople(checker);
  const [name, setName] = useState(`Session ${(checker.sessions?.length ?? 0) + 1}`);
  const [chosen, setChosen] = useState<string[]>([]);
  const [ends, setEnds] = useState(() => endByDefault(new Date()));
  const [media, setMedia] = useState<"all" | "shown">("all");
  const [earlier, setEarlier] = useState(false);
  const trouble = checker.trouble.get("blind-begin");
  const begin = async (event: Event) => {
    event.preventDefault();
    const names = media === "shown" ? await shown(page) : null;
    const end = new Date(ends);
    if (await checker.begin({ name, people: chosen, media: names, ends: Number.isNaN(end.getTime()) ? ends : end.toISOString(), hides_earlier: earlier })) close();
  };
  return (
    <form class="ikc-new" onSubmit={(event) => void begin(event)}>
      <div class="ikc-line-up">
        <Field label="Name"><input class="ik-input" name="session-name" required maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} /></Field>
        <Field label="Ends"><input class="ik-input" name="session-ends" type="datetime-local" required value={ends} onInput={(event) => setEnds(event.currentTarget.value)} /></Field>
        <Field label="In">
          <select class="ik-select" name="session-media" value={media} onChange={(event) => setMedia(event.currentTarget.value as "all" | "shown")}>
            <option value="all">all media, later ones too</option>
            <option value="shown">the {page.queue.total} {filtered(page) ? "that the list shows now" : "that are there now"}</option>
          </select>
        </Field>
      </div>
      <fieldset class="ikc-people">
        <legend class="ik-label">Who takes part</legend>
        {people.map((each) => (
          <label key={each} class="ikc-check">
            <input type="checkbox" data-takes-part={each} checked={chosen.includes(each)} onChange={(event) => setChosen(event.currentTarget.checked ? [...chosen, each] : chosen.filter((other) => other !== each))} />
            {each}
          </label>
        ))}
      </fieldset>
      <label class="ikc-check"><input type="checkbox" checked={earlier} onChange={(event) => setEarlier(event.currentTarget.checked)} />Hide what was marked before, too</label>
      {trouble && <ErrorBox text={trouble} />}
      <div class="ik-cluster">
        <button class="ik-button ik-button-primary" type="submit" data-act="blind-begin" disabled={chosen.length === 0 || checker.busy.has("blind-begin")}>Begin</button>
        <button class="ik-button" type="button" onClick={close}>Cancel</button>
        {chosen.length === 1 && <span class="ik-small ik-muted">One person alone can be compared with nobody.</span>}
      </div>
    </form>
  );
}

export function Controls({ checker }: { checker: Checker }) {
  const page = usePage();
  const people = usePeople(checker);
  const [truth, setTruth] = useState("");
  const [to, setTo] = useState("");
  const [every, setEvery] = useState(10);
  const held = checker.controls?.controls ?? null;
  const scores = checker.controls?.scores ?? [];
  const trouble = checker.trouble.get("controls") ?? checker.trouble.get("plant");
  const marked = (checker.quality?.people ?? []).filter(({ marks }) => marks > 0).map(({ name }) => name);
  const person = (label: string, name: string, value: string, choose: (who: string) => void, among: string[]) => (
    <Field label={label}>
      <select class="ik-select" name={name} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">choose a person</option>
        {among.map((each) => <option key={each} value={each} selected={each === value}>{each}</option>)}
      </select>
    </Field>
  );
  return (
    <section class="ikc-card">
      <h3>Controls</h3>
      <p class="ik-small ik-muted">Media of which the answer is known, mixed among the others, so that it shows early who goes astray. Who is checked must not see the marks there: let them take part in a blind session.</p>
      {trouble && <ErrorBox text={trouble} />}
      {held === null ? (
        <div class="ikc-line-up">
          {person("Whose marks are right", "truth", truth, setTruth, marked)}
          <button class="ik-button" data-act="set-controls" disabled={!truth || checker.busy.has("controls")} onClick={() => void shown(page).then((media) => checker.readControls({ media, labels_of: truth }))}>Take the media that the list shows ({page.queue.total})</button>
        </div>
      ) : (
        <>
          <p class="ik-small" data-controls={held.media.length}>{count(held.media.length, "medium is a control", "media are controls")}; the marks of {held.truth} are right. <button class="ik-link" onClick={() => void checker.readControls({ media: [], labels_of: "" })}>No controls any more</button></p>
          {scores.length === 0 ? <p class="ik-small ik-muted">Nobody else has looked at them yet.</p> : (
            <table class="ik-table">
              <thead><tr><th scope="col">Person</th><th scope="col" class="ik-right">Right</th><th scope="col" class="ik-right">Share, 95 %</th><th scope="col">Verdict</th></tr></thead>
              <tbody>
                {scores.map((each) => (
                  <tr key={each.person}>
                    <th scope="row">{each.person}</th>
                    <td class="ik-right">{each.right} of {each.n}</td>
                    <td class="ik-right">{percent(each.value)} <span class="ik-muted ik-small ikc-interval">{figureWords(each.low)} to {figureWords(each.high)}</span></td>
                    <td>{each.alarm ? <span class="ik-chip ik-chip-bad">too often wrong</span> : each.n < each.needed ? <span class="ik-muted ik-small">too few to tell: {each.needed} needed</span> : <span class="ik-chip ik-chip-good">good</span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <div class="ikc-line-up">
            {person("Plant some for", "plant-to", to, setTo, people.filter((each) => each !== held.truth))}
            <Field label="One after every"><input class="ik-input ika-short" type="number" min={1} max={1000} value={every} onInput={(event) => setEvery(Math.max(1, Math.round(Number(event.currentTarget.value)) || 10))} /></Field>
            <button class="ik-button" data-act="plant" disabled={!to || checker.busy.has("plant")} onClick={() => void checker.plant(to, every)}>Plant</button>
          </div>
        </>
      )}
    </section>
  );
}
