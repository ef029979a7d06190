/** At the right while people are compared, or doubts decided: the list of things. */

import { ErrorBox } from "../../parts/common";
import { percent } from "../../scales";
import { Key, usePage } from "../context";
import { VirtualList } from "../virtual";
import { Line, Swatch } from "./bar";
import { checkerOf, type Checker } from "./checker";
import type { Page } from "../page";
import type { Difference } from "./protocol";
import { countWords, end, foundWords, opinionWords } from "./words";

export function CheckPanel() {
  const page = usePage();
  const checker = checkerOf(page);
  return (
    <section class="ika-panel ikc-panel" aria-label={checker.mode === "decide" ? "What is in doubt" : "What differs"}>
      {checker.mode === "decide" ? <Doubts checker={checker} /> : <Things checker={checker} />}
    </section>
  );
}

const LINE: Record<Difference["found"], "same" | "other" | "one"> = { same_label: "same", other_label: "other", only_first: "one", only_second: "one" };

function Things({ checker }: { checker: Checker }) {
  const page = usePage();
  const { pair: [first, second], compared } = checker;
  const trouble = checker.trouble.get("compare");
  const unseen = compared ? [first, second].filter((who) => !compared.looked.includes(who)) : [];
  return (
    <>
      <header class="ika-head">
        <h3>{first} and {second}</h3>
        {compared && <p class="ik-small ik-muted" role="status">{countWords(compared.things, first, second)}</p>}
        {unseen.length > 0 && <p class="ik-small ikc-warn">{unseen.join(" and ")} {unseen.length > 1 ? "have" : "has"} not looked at this medium: nothing marked does not mean that nothing was seen.</p>}
        {trouble && <ErrorBox text={trouble} />}
      </header>
      <VirtualList
        id="ikc-thing"
        label="Things that differ first"
        count={compared?.things.length ?? 0}
        active={checker.at}
        rowHeight={48}
        onActive={(row) => void checker.go(row)}
        attributes={(i) => {
          const thing = compared!.things[i]!;
          return { "aria-selected": i === checker.at, "aria-label": `${end(thing.first_label || thing.second_label)}, ${foundWords(thing, first, second)}`, onClick: () => pick(page, checker, i) };
        }}
        row={(i) => {
          const thing = compared!.things[i]!;
          return (
            <>
              <span class="ikc-pairs">{thing.first !== null && <Swatch i={0} />}{thing.second !== null && <Swatch i={1} />}</span>
              <span class="ika-row-text">
                <span class="ika-row-name">{end(thing.first_label || thing.second_label)}{thing.found === "other_label" && ` / ${end(thing.second_label)}`}</span>
                <span class="ik-muted ika-row-sub"><Line kind={LINE[thing.found]} /> {thing.found === "other_label" ? "other label" : foundWords(thing, first, second)}</span>
              </span>
              {thing.overlap !== null && <span class="ik-number ik-small ik-muted" title="How far the two shapes cover one another">{percent(thing.overlap)}</span>}
            </>
          );
        }}
        empty={compared ? <p class="ik-empty">Neither has marked anything here.</p> : trouble ? null : <p class="ik-empty" role="status">They are being compared …</p>}
      />
    </>
  );
}

/** In a narrow window the list lies over the picture: it goes. */
function pick(page: Page, checker: Checker, row: number): void {
  page.set({ drawer: null });
  void checker.go(row);
}

function Doubts({ checker }: { checker: Checker }) {
  const page = usePage();
  const { decisions } = checker;
  const doubt = decisions.items[decisions.at];
  const trouble = checker.trouble.get("doubts");
  return (
    <>
      <header class="ika-head">
        <h3>What is in doubt</h3>
        <p class="ik-small ik-muted" role="status">{decisions.open} of {decisions.total} to be decided, the most doubtful first</p>
        {trouble && <ErrorBox text={trouble} />}
        {doubt && (
          <p class="ik-small" data-why>
            <strong>{doubt.reasons.join("; ")}</strong>
            <br />
            {opinionWords(doubt)}
          </p>
        )}
        {checker.mayReview && doubt && <p class="ik-small ik-muted ika-wide"><kbd>1</kbd> … <kbd>{Object.keys(doubt.ids).length}</kbd> keep one, <kbd>0</kbd> none, <Key of="undo" page={page} /> take it back</p>}
        {!checker.mayReview && <p class="ik-small ikc-warn">You may look. Who decides needs the role “review”.</p>}
      </header>
      <VirtualList
        id="ikc-doubt"
        label="What is in doubt"
        count={decisions.items.length}
        active={decisions.at}
        rowHeight={48}
        onActive={(row) => void checker.go(row)}
        onSeen={(last) => void decisions.ensure(last)}
        attributes={(i) => {
          const each = decisions.items[i]!;
          return { "aria-selected": i === decisions.at, "aria-label": `${decisions.decided.get(each) ?? each.reasons.join("; ")}, ${opinionWords(each)}, ${each.medium}`, onClick: () => pick(page, checker, i) };
        }}
        row={(i) => {
          const each = decisions.items[i]!;
          const done = decisions.decided.get(each);
          return (
            <>
              <span class="ikc-tick">{done ? "✓" : ""}</span>
              <span class="ika-row-text">
                <span class="ika-row-name">{done ?? [...new Set(Object.values(each.labels).map((path) => path.at(-1) ?? "no label"))].join(" / ")}</span>
                <span class="ik-muted ika-row-sub">{each.medium.split("/").at(-1)} · {each.reasons.join("; ")}</span>
              </span>
              <span class="ik-number ik-small ik-muted" title="How sure the marks are together">{percent(each.certainty)}</span>
            </>
          );
        }}
        empty={checker.busy.has("doubts") ? <p class="ik-empty" role="status">Looking for what is in doubt …</p> : trouble ? null : <p class="ik-empty">Nothing is in doubt here.</p>}
      />
    </>
  );
}
