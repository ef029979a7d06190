/** The line over the picture while people are compared, or doubts decided: who is who, what can be chosen, the way back. */

import { Icon } from "../../parts/common";
import { run } from "../commands";
import { usePage, withKey } from "../context";
import { labelOf, pathWords } from "../labels";
import { checkerOf } from "./checker";
import { COLORS } from "./drawing";
import { alternatives } from "./words";

export function CheckBar() {
  const page = usePage();
  const checker = checkerOf(page);
  return (
    <div class="ik-tools ika-tools ikc-bar" role="group" aria-label={checker.mode === "decide" ? "What is in doubt" : "Comparison"}>
      {checker.mode === "decide" ? <Choices /> : <Legend />}
      <button class="ik-button ik-button-quiet ik-button-icon ikc-away" data-act="check-quality" aria-label="Back to the figures" title={withKey(page, "Back to the figures", "quality")} onClick={() => checker.stop(true)}><Icon name="chart" /></button>
      <button class="ik-button" data-act="check-end" title={withKey(page, "Show all marks again", "escape")} onClick={() => checker.stop()}>End</button>
    </div>
  );
}

/** As the alternatives are drawn, one after the other. */
const LINES = ["same", "other", "one"] as const;

export function Swatch({ i }: { i: number }) {
  return <i class="ikc-swatch" style={{ background: COLORS[i % COLORS.length] }} />;
}

function Legend() {
  const { pair } = checkerOf(usePage());
  return (
    <>
      {pair.map((name, i) => <span key={name} class="ikc-who"><Swatch i={i} />{name}</span>)}
      <span class="ikc-lines ik-small ik-muted">
        <span><Line kind="same" /> same</span>
        <span><Line kind="other" /> other label</span>
        <span><Line kind="one" /> only one</span>
      </span>
    </>
  );
}

export function Line({ kind }: { kind: "same" | "other" | "one" }) {
  return <i class={`ikc-line ikc-line-${kind}`} aria-hidden="true" />;
}

function Choices() {
  const page = usePage();
  const checker = checkerOf(page);
  const { decisions } = checker;
  const doubt = decisions.items[decisions.at];
  const decided = doubt && decisions.decided.get(doubt);
  const can = checker.mayReview && !decided && !checker.busy.has("settle");
  return (
    <>
      {doubt && alternatives(doubt).map(({ id, person, path }, i) => (
        <button key={id} class="ik-button ikc-choice" data-keep={i + 1} disabled={!can} title={`Keep this one: ${path.length ? pathWords(path) : "no label"}`} onClick={() => void checker.keep(i + 1)}>
          <kbd aria-hidden="true">{i + 1}</kbd><Swatch i={i} /><Line kind={LINES[i % LINES.length]!} /><span class="ikc-name">{labelOf(path)}</span> <span class="ik-muted">{person}</span>
        </button>
      ))}
      {doubt && <button class="ik-button" data-keep={0} disabled={!can} title="It is nothing: discard all of them" onClick={() => void checker.keep(0)}><kbd aria-hidden="true">0</kbd>None</button>}
      {doubt && <button class="ik-button ika-wide" data-act="keep-as" disabled={!can} title={withKey(page, "Keep the selected one, or the first, under another label", "label")} onClick={() => run(page, "label")}>Other label</button>}
      {!doubt && <span class="ik-small">{checker.busy.has("doubts") ? "Looking for what is in doubt …" : "All is decided."}</span>}
      <button class="ik-button ik-button-quiet ik-button-icon" data-act="check-undo" aria-label="Undo the last decision" title={withKey(page, decisions.nextUndo ? `Undo: ${decisions.nextUndo.words}` : "Undo", "undo")} disabled={!decisions.nextUndo || checker.busy.has("settle")} onClick={() => void checker.undo()}><Icon name="undo" /></button>
    </>
  );
}
