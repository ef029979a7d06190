/** What is proposed for removal, rule by rule, at the side of the grid. */

import { discardProposed, leaveProposed, showProposed } from "../proposals";
import { number } from "../scales";
import { useDesk } from "./common";

export function Proposals() {
  const desk = useDesk();
  const { filter, view } = desk;
  const proposed = [...desk.table!.proposed()];
  const waiting = proposed.flatMap(([, rows]) => rows);
  if (!proposed.length) return null;
  const shown = view.by === "proposal";
  const discard = (rows: readonly number[], what: string) => (
    <button class="ik-link" data-act="discard-proposed" aria-label={`Discard all ${number(rows.length)}: ${what}`} onClick={() => discardProposed(desk, rows)}>
      Discard all {number(rows.length)}
    </button>
  );
  return (
    <section class="ik-proposals" aria-label="Proposed for removal">
      <details open>
        <summary><h3>Proposed for removal</h3></summary>
        {waiting.length === 0 && <p class="ik-small ik-muted">Nothing is left to decide.</p>}
        {waiting.length > 0 && (
          <ul>
            {proposed.map(([{ rule, name, sentence }, rows]) => rows.length > 0 && (
              <li key={rule}>
                <button
                  class="ik-proposal"
                  data-rule={rule}
                  aria-pressed={shown && filter.rules.has(rule)}
                  title={`Show only these ${desk.words.units}; once more: all by ${desk.words.taxon} again`}
                  onClick={() => (shown && filter.rules.has(rule) ? leaveProposed(desk) : showProposed(desk, rule))}
                >
                  <span>{name}</span>
                  <span class="ik-number ik-muted">{number(rows.length)}</span>
                  <span class="ik-small ik-muted ik-proposal-why">{sentence}</span>
                </button>
                {discard(rows, name)}
              </li>
            ))}
          </ul>
        )}
        {waiting.length > 0 && (
          <div class="ik-side-line">
            <button class="ik-link" data-act="proposed" aria-pressed={shown && !filter.rules.size} title="P" onClick={() => (shown && !filter.rules.size ? leaveProposed(desk) : showProposed(desk))}>
              {shown && !filter.rules.size ? "Back" : "Look at all"}
            </button>
            {discard(waiting, "all rules")}
          </div>
        )}
      </details>
    </section>
  );
}
