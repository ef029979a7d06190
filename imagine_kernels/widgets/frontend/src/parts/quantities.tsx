/** The quantities: they follow each correction at once. */

import { useEffect, useRef, useState } from "preact/hooks";
import { count, number } from "../scales";
import type { OtherTable } from "../protocol";
import { AbundanceChart, SpectrumChart } from "./charts";
import { ErrorBox, useDesk } from "./common";
import { Counting } from "./counting";

export function QuantitiesPanel() {
  const desk = useDesk();
  const { quantities } = desk;
  const box = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(330);
  const [sample, setSample] = useState<string | null>(null);
  const [key, setKey] = useState<string | null>(null);
  const [taxon, setTaxon] = useState<string | null>(null);
  useEffect(() => {
    const watcher = new ResizeObserver(() => {
      const inner = (box.current?.clientWidth ?? 362) - 32;
      setWidth((before) => (Math.abs(before - inner) > 4 ? Math.max(inner, 260) : before));
    });
    watcher.observe(box.current!);
    return () => watcher.disconnect();
  }, []);
  const samples = [...new Set(quantities?.rows.map((row) => row.sample) ?? [])];
  const chosen = sample !== null && samples.includes(sample) ? sample : (samples[0] ?? null);
  const quantity = quantities?.quantities.find((each) => each.key === key) ?? quantities?.quantities[0] ?? null;
  const rows = (quantities?.rows ?? []).filter((row) => row.sample === chosen);
  const computed = quantity ? rows.filter((row) => row.values[quantity.key]?.[0] !== null) : [];
  // The whole sample would set the scale for all; it is in the table, and said above it.
  const drawn = computed.filter((row) => !row.total);
  const whole = computed.find((row) => row.total);
  const state = quantities?.counting.find((each) => each.sample === chosen);
  const spectrum = quantities?.spectrum ?? null;
  const ofSample = spectrum?.points.filter((point) => point.sample === chosen) ?? [];
  const spectra = [...new Set(ofSample.map((point) => point.taxon))];
  const which = taxon !== null && spectra.includes(taxon) ? taxon : (spectra.find((name) => /^(all|total)/i.test(name)) ?? spectra[0] ?? null);
  const points = ofSample.filter((point) => point.taxon === which);
  const fit = spectrum?.fits.find((each) => each.sample === chosen && each.taxon === which) ?? null;
  return (
    <aside class="ik-panel" ref={box} aria-label="Quantities" aria-busy={desk.measuring} data-sequence={quantities?.sequence ?? -1}>
      <header class="ik-panel-head">
        <h2>Quantities</h2>
        <span class="ik-small ik-muted" role="status">{desk.measuring ? "following…" : ""}</span>
      </header>
      {desk.measureError && <ErrorBox text={desk.measureError} />}
      {!quantities && !desk.measureError && (
        <div class="ik-stack">
          <div class="ik-skeleton" style={{ height: "32px" }} />
          <div class="ik-skeleton" style={{ height: "180px" }} />
          <div class="ik-skeleton" style={{ height: "180px" }} />
        </div>
      )}
      {quantities && (
        <>
          {quantities.alerts.length > 0 && (
            <div class="ik-error ik-alerts" role="alert" tabIndex={0}>
              <h3>{count(quantities.alerts.length, "alert", "alerts")}</h3>
              <ul>{quantities.alerts.map((alert) => <li key={alert}>{alert}</li>)}</ul>
            </div>
          )}
          <div class="ik-panel-choices">
            {samples.length > 1 && (
              <label class="ik-field-row">
                <span class="ik-label">Sample</span>
                <select class="ik-select" value={chosen ?? ""} onChange={(event) => setSample(event.currentTarget.value)}>
                  {samples.map((name) => <option key={name} value={name}>{name}</option>)}
                </select>
              </label>
            )}
            {quantities.quantities.length > 1 && (
              <label class="ik-field-row">
                <span class="ik-label">Quantity</span>
                <select class="ik-select" value={quantity?.key ?? ""} onChange={(event) => setKey(event.currentTarget.value)}>
                  {quantities.quantities.map((each) => <option key={each.key} value={each.key}>{each.name}{each.unit === "share" ? "" : ` [${each.unit}]`}</option>)}
                </select>
              </label>
            )}
          </div>
          {state && <Counting state={state} width={width} />}
          {quantity && computed.length > 0 ? (
            <section>
              <div class="ik-legend ik-small" aria-hidden="true">
                <span><svg viewBox="0 0 12 12" width="12"><circle cx="6" cy="6" r="3.5" fill="var(--ik-series-1)" /></svg> as counted</span>
                {quantity.corrected && <span><svg viewBox="0 0 12 12" width="12"><path d="M1.5 6 6 1.5 10.5 6 6 10.5z" fill="var(--ik-series-2)" /></svg> corrected for confusion</span>}
              </div>
              {quantity.unit !== "share" && whole && (
                <p class="ik-whole ik-number">
                  <strong>{number(whole.values[quantity.key]![0])}</strong> {quantity.unit}
                  <span class="ik-muted"> ({range(whole.values[quantity.key]!)}), {whole.counted.toLocaleString("en")} {desk.words.units}</span>
                </p>
              )}
              <AbundanceChart rows={drawn} quantity={quantity} width={width} />
              <details class="ik-figures">
                <summary>As a table</summary>
                <div class="ik-table-box">
                  <table class="ik-table">
                    <caption class="ik-visually-hidden">{quantity.name} in {quantity.unit}, sample {chosen}</caption>
                    <thead>
                      <tr>
                        <th scope="col">Taxon</th>
                        <th scope="col" class="ik-right">n</th>
                        <th scope="col" class="ik-right">as counted [{quantity.unit}]</th>
                        {quantity.corrected && <th scope="col" class="ik-right">corrected [{quantity.unit}]</th>}
                      </tr>
                    </thead>
                    <tbody>
                      {rows.map((row) => (
                        <tr key={row.taxon} class={row.total ? "ik-total" : ""}>
                          <th scope="row">{row.taxon}</th>
                          <td class="ik-right">{row.counted}</td>
                          <td class="ik-right">{interval(row.values[quantity.key])}</td>
                          {quantity.corrected && <td class="ik-right">{interval(row.values[quantity.corrected])}</td>}
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </details>
            </section>
          ) : (
            <section>
              <p class="ik-muted ik-small">{quantity ? `${quantity.name} cannot be computed for this sample; the counts can.` : "Counts"}</p>
              <table class="ik-table">
                <thead><tr><th scope="col">Taxon</th><th scope="col" class="ik-right">n</th></tr></thead>
                <tbody>{rows.map((row) => <tr key={row.taxon}><th scope="row">{row.taxon}</th><td class="ik-right">{row.counted}</td></tr>)}</tbody>
              </table>
            </section>
          )}
          {spectrum && points.length > 0 && (
            <section>
              <div class="ik-panel-sub">
                <h3>Size spectrum</h3>
                {spectra.length > 1 && (
                  <select class="ik-select" aria-label="Taxon of the size spectrum" value={which ?? ""} onChange={(event) => setTaxon(event.currentTarget.value)}>
                    {spectra.map((name) => <option key={name} value={name}>{name}</option>)}
                  </select>
                )}
              </div>
              <SpectrumChart points={points} fit={fit} x={spectrum.x} y={spectrum.y} width={width} />
              {fit != null && fit.slope !== null && (
                <p class="ik-small ik-muted ik-number">
                  Slope {number(fit.slope)}
                  {fit.low !== null && fit.high !== null && ` (${number(fit.low)} to ${number(fit.high)})`}
                  {fit.r2 !== null && `, R² ${fit.r2.toFixed(2)}`}
                </p>
              )}
              {fit?.slope == null && <p class="ik-small ik-muted">No slope: fewer than three bins hold enough objects.</p>}
              {points.some((point) => !point.used) && <p class="ik-small ik-muted">Open circles are not in the fit.</p>}
              <details class="ik-figures">
                <summary>As a table</summary>
                <div class="ik-table-box">
                  <table class="ik-table">
                    <caption class="ik-visually-hidden">Size spectrum of {which}, sample {chosen}</caption>
                    <thead><tr><th scope="col" class="ik-right">{spectrum.x}</th><th scope="col" class="ik-right">{spectrum.y}</th><th scope="col" class="ik-right">n</th><th scope="col">in the fit</th></tr></thead>
                    <tbody>
                      {points.map((point, i) => (
                        <tr key={i}>
                          <td class="ik-right">{number(point.x)}</td>
                          <td class="ik-right">{interval([point.y, point.low, point.high])}</td>
                          <td class="ik-right">{point.n}</td>
                          <td>{point.used ? "yes" : `no: ${point.why}`}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </details>
            </section>
          )}
          {quantities.tables.map((table) => <OtherTableBox key={table.title} table={table} sample={chosen} />)}
          {quantities.notes.length > 0 && (
            <details class="ik-notes" open={computed.length === 0}>
              <summary>What to know about these figures ({quantities.notes.length})</summary>
              <ul>{quantities.notes.map((note) => <li key={note}>{note}</li>)}</ul>
            </details>
          )}
        </>
      )}
    </aside>
  );
}

/** A table of which nothing is known but its columns: of the sample that is chosen, and what belongs to none. */
function OtherTableBox({ table, sample }: { table: OtherTable; sample: string | null }) {
  const rows = table.rows.filter((row) => row.sample === "" || row.sample === sample);
  const number = (i: number) => rows.some((row) => typeof row.cells[i] !== "string");
  if (!rows.length) return null;
  return (
    <section>
      <details class="ik-figures" open={rows.length <= 8}>
        <summary>{table.title}</summary>
        <div class="ik-table-box">
          <table class="ik-table">
            <caption class="ik-visually-hidden">{table.title}, sample {sample}</caption>
            <thead>
              <tr>{table.columns.map(({ name, unit }, i) => <th key={name} scope="col" class={number(i) ? "ik-right" : ""}>{name}{unit && ` [${unit}]`}</th>)}</tr>
            </thead>
            <tbody>
              {rows.map((row, at) => (
                <tr key={at}>{row.cells.map((cell, i) => <td key={i} class={number(i) ? "ik-right" : ""}>{typeof cell === "string" ? cell : interval(cell)}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
        {table.left > 0 && <p class="ik-small ik-muted">{table.left.toLocaleString("en")} more rows are in the download.</p>}
      </details>
    </section>
  );
}

function range([, low, high]: readonly (number | null)[]): string {
  return `${number(low)}–${number(high)}`;
}

function interval(values: readonly (number | null)[] | undefined): string {
  if (!values || values[0] === null || values[0] === undefined) return "–";
  const [value, low, high] = values;
  return low === null || low === undefined ? number(value) : `${number(value)} (${number(low)}–${number(high)})`;
}
