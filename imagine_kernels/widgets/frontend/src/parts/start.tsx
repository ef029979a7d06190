/** The first screen: choose a sample. */

import { useRef, useState } from "preact/hooks";
import { sentence } from "../view";
import type { SettingField } from "../protocol";
import { bytes, count, timeLeft } from "../scales";
import { upload } from "../transfer";
import { Browser } from "./browser";
import { ErrorBox, Icon, useDesk } from "./common";

export function Start() {
  const desk = useDesk();
  const hello = desk.hello;
  const [settings, setSettings] = useState<Record<string, unknown>>({});
  const [browsing, setBrowsing] = useState(false);
  if (!hello) return null;
  const { words } = hello;
  const open = (path: string | null) => void desk.openSource(path, settings);
  return (
    <main class="ik-start">
      <header class="ik-start-head">
        <h1>Identify {words.units}</h1>
        <p class="ik-muted">{words.sentence}</p>
      </header>
      {desk.error && <ErrorBox text={desk.error} />}
      <section class="ik-sources" aria-label="Choose a sample">
        <div class="ik-card">
          <div class="ik-card-body">
            <span class="ik-source-icon"><Icon name="select" /></span>
            <h2>Bundled sample</h2>
            <p class="ik-muted">A small labelled sample to look around with. Nothing of yours is needed.</p>
            <div class="ik-card-actions">
              <button class="ik-button ik-button-primary" data-act="sample" onClick={() => open(null)}>Open the sample</button>
            </div>
          </div>
        </div>
        <div class="ik-card">
          <div class="ik-card-body">
            <span class="ik-source-icon"><Icon name="folder" /></span>
            <h2>A folder of the server</h2>
            <p class="ik-muted">{hello.reads.length ? `Reads ${list(hello.reads)}.` : "A folder or a zip that lies on this server."}</p>
            <div class="ik-card-actions">
              <button class="ik-button" data-act="browse" aria-expanded={browsing} onClick={() => setBrowsing(!browsing)}>Browse folders</button>
            </div>
          </div>
        </div>
        <Drop onPath={open} />
      </section>
      {browsing && (
        <Browser
          channel={desk.channel}
          action="Identify this folder"
          empty="There is no folder and no zip in here; to identify the pictures in it, press “Identify this folder”."
          onChoose={open}
        />
      )}
      {desk.models.length > 1 && <Models />}
      {hello.settings.length > 0 && <Settings fields={hello.settings} onChange={setSettings} />}
      <Recent />
    </main>
  );
}

function list(names: string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function Drop({ onPath }: { onPath: (path: string) => void }) {
  const desk = useDesk();
  const input = useRef<HTMLInputElement>(null);
  const stop = useRef(false);
  const [over, setOver] = useState(false);
  const [state, setState] = useState<{ name: string; sent: number; size: number } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const take = async (file: File | undefined) => {
    if (!file || state) return;
    setError(null);
    if (!file.name.toLowerCase().endsWith(".zip")) {
      setError(`${file.name} is not a zip: pack the folder of the sample into one zip and drop that.`);
      return;
    }
    stop.current = false;
    setState({ name: file.name, sent: 0, size: file.size });
    try {
      const path = await upload(desk.channel, file, (sent) => setState({ name: file.name, sent, size: file.size }), () => stop.current);
      setState(null);
      if (path) onPath(path);
    } catch (problem) {
      setState(null);
      setError(sentence(problem));
    }
  };
  return (
    <div
      class={`ik-card ik-drop ${over ? "ik-drop-over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <div class="ik-card-body">
        <span class="ik-source-icon"><Icon name="drop" /></span>
        <h2>From your computer</h2>
        {state ? (
          <>
            <p class="ik-muted" role="status">
              {state.name}: {bytes(state.sent)} of {bytes(state.size)}
            </p>
            <div class="ik-progress" role="progressbar" aria-valuenow={Math.round((100 * state.sent) / (state.size || 1))} aria-label="Upload">
              <div style={{ width: `${(100 * state.sent) / (state.size || 1)}%` }} />
            </div>
            <div class="ik-card-actions">
              <button class="ik-button" onClick={() => (stop.current = true)}>Cancel</button>
            </div>
          </>
        ) : (
          <>
            <p class="ik-muted">Drop a zip of your sample here, or choose one.</p>
            {error && <p class="ik-inline-error" role="alert">{error}</p>}
            <div class="ik-card-actions">
              <button class="ik-button" onClick={() => input.current?.click()}>Choose a zip</button>
            </div>
          </>
        )}
        <input ref={input} type="file" accept=".zip,application/zip" hidden onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }} />
      </div>
    </div>
  );
}

function Settings({ fields, onChange }: { fields: SettingField[]; onChange: (values: Record<string, unknown>) => void }) {
  const [values, setValues] = useState<Record<string, unknown>>({});
  const change = (name: string, value: unknown) => {
    const next = { ...values, [name]: value };
    if (value === "") delete next[name];
    setValues(next);
    onChange(next);
  };
  return (
    <details class="ik-settings">
      <summary>Settings <span class="ik-muted">– only where your files do not say</span></summary>
      <div class="ik-settings-fields">
        {fields.map((field) => (
          <label key={field.name} class="ik-field">
            <span class="ik-label">{field.name.replace(/_/g, " ")}{field.unit && ` [${field.unit}]`}</span>
            {field.kind === "bool" ? (
              <input type="checkbox" defaultChecked={Boolean(field.value)} onChange={(event) => change(field.name, event.currentTarget.checked)} />
            ) : (
              <input
                class="ik-input"
                type={field.kind === "str" ? "text" : "number"}
                step="any"
                {...(field.minimum !== null ? { min: field.minimum } : {})}
                {...(field.maximum !== null ? { max: field.maximum } : {})}
                placeholder={field.value === null ? "as the files say" : String(field.value)}
                onInput={(event) => change(field.name, event.currentTarget.value)}
              />
            )}
            <span class="ik-muted ik-small">{field.help}</span>
          </label>
        ))}
      </div>
    </details>
  );
}

function Models() {
  const desk = useDesk();
  return (
    <label class="ik-field ik-models">
      <span class="ik-label">Model</span>
      <select class="ik-input" data-act="choose-model" onChange={(event) => (desk.chosenModel = event.currentTarget.value || null)}>
        {desk.models.map((each) => (
          <option key={each.name ?? ""} value={each.name ?? ""} selected={each.name === desk.chosenModel}>{each.words}</option>
        ))}
      </select>
    </label>
  );
}

function Recent() {
  const desk = useDesk();
  const recent = desk.hello?.recent ?? [];
  if (!recent.length) return null;
  return (
    <section class="ik-recent">
      <h2>Go on where you were</h2>
      <ul>
        {recent.map((each) => (
          <li key={each.session}>
            <button class="ik-recent-item" onClick={() => void desk.reopen(each.session)}>
              <span class="ik-recent-name">{each.name}</span>
              <span class="ik-muted ik-small">{each.source}</span>
              <span class="ik-muted ik-small ik-recent-when">{each.when} · {count(each.corrections, "correction", "corrections")}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Working() {
  const desk = useDesk();
  const { progress } = desk;
  if (!progress) return null;
  const known = progress.total > 0;
  const share = known ? Math.min(progress.done / progress.total, 1) : 0;
  return (
    <main class="ik-working">
      <div class="ik-card ik-working-card">
        <div class="ik-card-body">
          <h2 role="status">{progress.stage}</h2>
          <div
            class="ik-progress"
            role="progressbar"
            aria-label={progress.stage}
            {...(known ? { "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 } : { "data-unknown": "" })}
          >
            <div style={known ? { width: `${share * 100}%` } : {}} />
          </div>
          <p class="ik-muted ik-number ik-working-facts">
            <span>{known ? `${progress.done} of ${progress.total}` : "\u00a0"}</span>
            <span>{progress.left_s === null ? "" : timeLeft(progress.left_s)}</span>
          </p>
          <div class="ik-card-actions">
            <button class="ik-button" data-act="cancel" onClick={() => void desk.cancel()}>Cancel</button>
          </div>
        </div>
      </div>
    </main>
  );
}
