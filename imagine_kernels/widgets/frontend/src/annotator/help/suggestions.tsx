/** What the model would call the mark that is selected: up to three chips, each with a key. */

import { percent } from "../../scales";
import { caps, keyOf } from "../actions";
import { Key, usePage } from "../context";
import { labelOf, pathKey, pathWords } from "../labels";

export function Suggestions({ ids, onDemand = false }: { ids: readonly string[]; onDemand?: boolean }) {
  const page = usePage();
  const { helper } = page;
  const { found, waiting, trouble } = helper.suggestionsFor(ids);
  if (!helper.ready || ids.length !== 1 || !page.mayEdit) return null;
  if (!waiting && !found.length && !trouble) {
    if (!onDemand) return null;
    return (
      <button class="ik-button ik-button-quiet ikh-ask" data-act="ask-model" onClick={() => helper.askFor(ids[0]!)}>
        What would the model say? <Key of="suggest-1" page={page} />
      </button>
    );
  }
  return (
    <div class="ika-suggested" role="group" aria-label="The model suggests" aria-busy={waiting}>
      {waiting && <span class="ik-small ik-muted">The model looks at it …</span>}
      {trouble && <span class="ik-small ik-muted">{trouble}</span>}
      {found.map(({ path, probability }, i) => (
        <button key={pathKey(path)} class="ik-chip ik-chip-accent ik-chip-button" data-suggestion={i + 1} title={pathWords(path)} onClick={() => helper.give(path, ids)}>
          <i class="ika-color" style={{ background: page.labels.colorOf(path) }} />
          <span class="ikh-name">{labelOf(path)}</span> <span class="ik-number">{percent(probability)}</span> <kbd aria-hidden="true">{caps(keyOf(`suggest-${i + 1}`, page.bindings)).join(" ")}</kbd>
        </button>
      ))}
    </div>
  );
}
