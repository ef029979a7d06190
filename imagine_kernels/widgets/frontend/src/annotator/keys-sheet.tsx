/** All keys: by group, searched, and changed. */

import { useState } from "preact/hooks";
import { Modal } from "../parts/common";
import { ACTIONS, caps, clash, keyName, keyOf, rebound, reset, type Action } from "./actions";
import { usePage } from "./context";
import { plain } from "./labels";

export function KeysSheet({ onClose }: { onClose: () => void }) {
  const page = usePage();
  const [text, setText] = useState("");
  const [asking, setAsking] = useState<string | null>(null);
  const [taken, setTaken] = useState<{ action: Action; key: string; by: Action } | null>(null);
  const wanted = plain(text);
  const shown = ACTIONS.filter((action) => plain(`${action.words} ${action.group} ${caps(keyOf(action.name, page.bindings)).join(" ")}`).includes(wanted));
  const groups = [...new Set(shown.map(({ group }) => group))];
  const give = (action: Action, key: string) => {
    setAsking(null);
    setTaken(null);
    page.setBindings(rebound(page.bindings, action.name, key));
  };
  const listen = (action: Action) => (event: KeyboardEvent) => {
    if (asking !== action.name) return;
    if (event.key === "Tab") return setAsking(null);
    event.preventDefault();
    event.stopPropagation();
    const key = keyName(event);
    if (!key) return;
    const by = clash(action.name, key, page.bindings);
    if (by) {
      setAsking(null);
      setTaken({ action, key, by });
    } else give(action, key);
  };
  return (
    <Modal title="Keys" wide onClose={onClose}>
      <div class="ik-cluster">
        <input class="ik-input" type="search" data-autofocus aria-label="Search the keys" placeholder="Search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <span class="ik-spacer" />
        <button class="ik-button" data-act="reset-keys" disabled={!Object.keys(page.bindings).length} onClick={() => page.setBindings({})}>All as they were</button>
      </div>
      <p class="ik-small ik-muted">To give an action another key, press the button with its key and then the new one.</p>
      {taken && (
        <div class="ik-notice" role="alert">
          <p>{caps(taken.key).join(" ")} is the key of “{taken.by.words}”. If “{taken.action.words}” takes it, that one has none.</p>
          <div class="ik-cluster">
            <button class="ik-button ik-button-primary" onClick={() => give(taken.action, taken.key)}>Take it</button>
            <button class="ik-button" onClick={() => setTaken(null)}>Leave it</button>
          </div>
        </div>
      )}
      <div class="ika-keys">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <ul>
              {shown.filter((action) => action.group === group).map((action) => {
                const key = keyOf(action.name, page.bindings);
                return (
                  <li key={action.name}>
                    <span>{action.words}</span>
                    {key !== action.key && <button class="ik-link" aria-label={`${action.words}: ${caps(action.key).join(" ")} again`} onClick={() => page.setBindings(reset(page.bindings, action.name))}>reset</button>}
                    <button
                      class="ika-key"
                      data-action={action.name}
                      aria-label={asking === action.name ? `${action.words}: press the new key` : `${action.words}: ${caps(key).join(" ") || "no key"}; change`}
                      aria-pressed={asking === action.name}
                      onClick={() => setAsking(asking === action.name ? null : action.name)}
                      onKeyDown={listen(action)}
                      onBlur={() => asking === action.name && setAsking(null)}
                    >
                      {asking === action.name ? <span class="ik-small">press a key</span> : key ? caps(key).map((cap) => <kbd key={cap}>{cap}</kbd>) : <span class="ik-small ik-muted">none</span>}
                    </button>
                  </li>
                );
              })}
            </ul>
          </section>
        ))}
        {!groups.length && <p class="ik-muted">No action fits.</p>}
      </div>
    </Modal>
  );
}
