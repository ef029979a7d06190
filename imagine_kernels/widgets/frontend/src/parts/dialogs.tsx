/** The windows over the page: taxon chooser, large picture, keys, problems, model. */

import { useEffect, useRef, useState } from "preact/hooks";
import { digitTaxa, keysOf } from "../keys";
import { showLike } from "../likeness";
import { join } from "../multiples";
import { mark } from "../marks";
import type { LabelMark } from "../protocol";
import { count, number, percent } from "../scales";
import { Modal, useDesk } from "./common";
import { Dividing } from "./dividing";

export function Dialogs() {
  const desk = useDesk();
  const close = () => desk.open(null);
  switch (desk.dialog?.kind) {
    case "chooser":
      return desk.table && <Chooser onClose={close} />;
    case "zoom":
      return desk.table && <Zoom key={desk.dialog.row} row={desk.dialog.row} onClose={close} />;
    case "divide":
      return desk.table?.multiple && <Dividing key={desk.dialog.row} row={desk.dialog.row} onClose={close} />;
    case "keys":
      return (
        <Modal title="Keys" onClose={close}>
          <dl class="ik-keys">
            {keysOf(desk).map(([keys, what]) => (
              <div key={what}>
                <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
          <p class="ik-muted ik-small">With the mouse: click, Shift-click and Ctrl-click select; draw a rectangle to select many; double-click shows one large. On a tablet: press long to start selecting.</p>
        </Modal>
      );
    case "problems":
      return <Problems onClose={close} />;
    case "model":
      return <Model onClose={close} />;
    default:
      return null;
  }
}

/** Names of label sets that are listed at once. */
const MOST_KNOWN = 50;

function Chooser({ onClose }: { onClose: () => void }) {
  const desk = useDesk();
  const table = desk.table!;
  const rows = useRef(desk.targets()).current;
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const suggested = table.suggestionsFor(rows, 3);
  const typed = text.trim();
  const counts = table.counts();
  const all = table.taxa();
  const matching = all
    .filter((taxon) => taxon.toLowerCase().includes(typed.toLowerCase()))
    .sort((a, b) => Number(b.toLowerCase().startsWith(typed.toLowerCase())) - Number(a.toLowerCase().startsWith(typed.toLowerCase())));
  const known = typed ? desk.knownNames(typed, MOST_KNOWN) : [];
  const isNew = typed !== "" && ![...all, ...known.map(({ taxon }) => taxon)].some((taxon) => taxon.toLowerCase() === typed.toLowerCase());
  const options: { taxon: string; note: string; section: string }[] = typed
    ? [
        ...matching.map((taxon) => ({ taxon, note: String(counts.get(taxon) ?? 0), section: "" })),
        ...known,
        ...(isNew ? [{ taxon: typed, note: "new", section: "A new name" }] : []),
      ]
    : [
        ...suggested.map(({ taxon, probability }) => ({ taxon, note: percent(probability), section: "The model suggests" })),
        ...all.filter((taxon) => !suggested.some((each) => each.taxon === taxon)).map((taxon) => ({ taxon, note: String(counts.get(taxon) ?? 0), section: "All" })),
      ];
  const chosen = Math.min(at, options.length - 1);
  const take = (taxon: string) => {
    onClose();
    desk.correct({ label: taxon });
  };
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [chosen]);
  let section = "";
  return (
    <Modal title={`Move ${count(rows.length, desk.words.unit, desk.words.units)} to`} onClose={onClose}>
      <input
        class="ik-input ik-chooser-input"
        data-autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls="ik-chooser-list"
        aria-activedescendant={`ik-choice-${chosen}`}
        aria-label={`${desk.words.taxon}: type to search`}
        placeholder="Type a name"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, options.length - 1));
          else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
          else if (event.key === "Enter" && options[chosen]) take(options[chosen].taxon);
          else return;
          event.preventDefault();
        }}
      />
      <ul class="ik-chooser" id="ik-chooser-list" role="listbox" ref={list} aria-label={desk.words.taxa}>
        {options.map((option, i) => {
          const heading = option.section !== section ? option.section : "";
          section = option.section;
          const digit = digitTaxa(desk).indexOf(option.taxon);
          return [
            heading && <li key={`h${heading}`} class="ik-chooser-head" role="presentation">{heading}</li>,
            <li key={option.taxon} id={`ik-choice-${i}`} role="option" aria-selected={i === chosen} onMouseMove={() => i !== chosen && setAt(i)} onClick={() => take(option.taxon)}>
              <span>{option.note === "new" ? `Add “${option.taxon}”` : option.taxon}</span>
              <span class="ik-muted ik-small ik-number">{option.note === "new" ? "" : option.note}</span>
              <span class="ik-chooser-digit">{digit >= 0 && <kbd>{digit + 1}</kbd>}</span>
            </li>,
          ];
        })}
      </ul>
    </Modal>
  );
}

interface Picture {
  facts: { name: string; value: string }[];
  type: string;
}

function Zoom({ row, onClose }: { row: number; onClose: () => void }) {
  const desk = useDesk();
  const table = desk.table!;
  const [url, setUrl] = useState<string | null>(null);
  const [facts, setFacts] = useState<Picture["facts"]>([]);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    let made: string | null = null;
    desk.channel.ask<Picture>("picture", { row }).then(
      ({ value, buffers }) => {
        made = URL.createObjectURL(new Blob([buffers[0] as unknown as BlobPart], { type: value.type }));
        setUrl(made);
        setFacts(value.facts);
      },
      () => setBroken(true),
    );
    return () => {
      if (made) URL.revokeObjectURL(made);
    };
  }, [row]);
  const order = desk.grid?.layout.order ?? [];
  const index = order.indexOf(row);
  const go = (step: number) => {
    const next = order[index + step];
    if (next === undefined) return;
    desk.selection.goTo(next);
    desk.grid?.reveal(next);
    desk.open({ kind: "zoom", row: next });
  };
  const act = (change: Parameters<typeof desk.correct>[0]) => {
    desk.selection.clear();
    desk.selection.goTo(row);
    onClose();
    desk.correct(change);
  };
  const marking = (key: string) => desk.hello!.marks.find((each) => each.key === key);
  const give = (given: LabelMark) => {
    desk.selection.clear();
    desk.selection.goTo(row);
    onClose();
    mark(desk, given);
  };
  const [w, h] = [table.sizes[2 * row]!, table.sizes[2 * row + 1]!];
  const mm = table.mmPerPx[row]!;
  return (
    <Modal title={table.ids[row]!} wide onClose={onClose}>
      <div
        class="ik-large"
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft") go(-1);
          else if (event.key === "ArrowRight") go(1);
          else if (event.key === "v") act({ status: "validated" });
          else if (event.key === "d") act({ status: "dubious" });
          else if (event.key === "x") act({ status: "discarded" });
          else if (event.key === "c" && table.multiple) desk.open({ kind: "divide", row });
          else if (marking(event.key)) give(marking(event.key)!);
          else return;
          event.preventDefault();
        }}
      >
        <div class="ik-large-picture">
          {url && <img src={url} alt={`${table.label[row]}, ${table.ids[row]}`} />}
          {broken && <p>The picture cannot be read.</p>}
          {!url && !broken && <div class="ik-skeleton" style={{ width: "100%", height: "100%" }} />}
        </div>
        <div class="ik-large-side">
          <p>
            <strong>{table.label[row]}</strong> <span class="ik-muted">{table.status[row] === "predicted" ? "not looked at" : table.status[row]}</span>
          </p>
          <table class="ik-probabilities">
            <caption class="ik-label">Probability of each {desk.words.taxon}</caption>
            <tbody>
              {table.suggestions(row, 12).map(({ taxon, probability }) => (
                <tr key={taxon}>
                  <th scope="row"><button class="ik-link" onClick={() => act({ label: taxon })} title={`Move to ${taxon}`}>{taxon}</button></th>
                  <td><span class="ik-sure"><span style={{ width: `${probability * 100}%` }} /></span></td>
                  <td class="ik-right ik-number">{percent(probability)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <dl class="ik-facts">
            <div><dt>Picture</dt><dd>{w} × {h} px{mm > 0 && `, ${number(table.said(w * mm))} × ${number(table.said(h * mm))} ${table.sizeUnit}`}</dd></div>
            <div><dt>Sample</dt><dd>{table.samples[table.sampleOf[row]!]}</dd></div>
            {facts.map((fact) => <div key={fact.name}><dt>{fact.name}</dt><dd>{fact.value}</dd></div>)}
          </dl>
          <div class="ik-cluster">
            <button class="ik-button" disabled={index <= 0} onClick={() => go(-1)}>Previous</button>
            <button class="ik-button" data-autofocus disabled={index < 0 || index >= order.length - 1} onClick={() => go(1)}>Next</button>
            <button class="ik-button" onClick={() => act({ status: "validated" })}>Validate</button>
            <button class="ik-button" onClick={() => act({ status: "dubious" })}>Dubious</button>
            {table.multiple && (
              <button class="ik-button" data-act="cut" title="Look at the cut, draw lines (C)" onClick={() => desk.open({ kind: "divide", row })}>Divide…</button>
            )}
            {table.isPart(row) && (
              <button class="ik-button" data-act="join" title="Put it together with its other parts (J)" onClick={() => { onClose(); void join(desk, row); }}>Join again</button>
            )}
            {table.unusual && (
              <button class="ik-button" data-act="like" title={`The ${desk.words.units} most like this one first (L)`} onClick={() => { onClose(); void showLike(desk, row); }}>More like this</button>
            )}
          </div>
        </div>
      </div>
    </Modal>
  );
}

function Problems({ onClose }: { onClose: () => void }) {
  const desk = useDesk();
  const errors = desk.problems.filter((each) => each.severity === "error").length;
  const shown = desk.problems.slice(0, 500);
  return (
    <Modal title="Problems in the data" wide onClose={onClose}>
      <p class="ik-muted">
        {errors ? `${count(errors, "item was", "items were")} left out; ` : "Nothing was left out; "}
        {count(desk.problems.length - errors, "warning", "warnings")}. All others are done. The same list is in problems.csv among the tables.
      </p>
      <div class="ik-table-box">
        <table class="ik-table">
          <thead><tr><th scope="col">Where</th><th scope="col">What</th><th scope="col">What to do</th></tr></thead>
          <tbody>
            {shown.map((each, i) => (
              <tr key={i}>
                <td><span class={`ik-chip ${each.severity === "error" ? "ik-chip-bad" : "ik-chip-warn"}`}>{each.severity === "error" ? "left out" : "warning"}</span> {each.item}{each.line !== null && `, line ${each.line}`}</td>
                <td>{each.what}</td>
                <td>{each.remedy}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {desk.problems.length > shown.length && <p class="ik-muted">and {desk.problems.length - shown.length} more in problems.csv</p>}
    </Modal>
  );
}

function Model({ onClose }: { onClose: () => void }) {
  const desk = useDesk();
  const { model } = desk;
  if (!model) return null;
  return (
    <Modal title={`Model ${model.name}`} onClose={onClose}>
      {model.recipe && <p>{model.recipe}</p>}
      <table class="ik-table">
        <caption class="ik-label">On held-out data{model.n_held_out !== null && ` (${count(model.n_held_out, desk.words.unit, desk.words.units)})`}</caption>
        <thead><tr><th scope="col">Figure</th><th scope="col" class="ik-right">Value</th><th scope="col" class="ik-right">95 % interval</th></tr></thead>
        <tbody>
          {model.metrics.map((each) => (
            <tr key={each.name}>
              <th scope="row">{each.name}</th>
              <td class="ik-right">{number(each.value)}</td>
              <td class="ik-right">{each.low === null ? "–" : `${number(each.low)} – ${number(each.high)}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="ik-small ik-muted">Version {model.version} · <code>{model.hash}</code> · knows {model.classes.join(", ")}</p>
    </Modal>
  );
}
