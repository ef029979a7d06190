/** Annotations taken home and taken in; media added, and found again where they were moved. */

import { useState } from "preact/hooks";
import type { Download } from "../protocol";
import { Browser } from "../parts/browser";
import { ErrorBox, Modal } from "../parts/common";
import { bytes, count } from "../scales";
import { download, saveAs } from "../transfer";
import { sentence } from "../view";
import { Field, usePage } from "./context";
import { sync } from "./following";
import { Files, send } from "./files";
import { stateWords } from "./words";

/** Runs one thing at a time, and tells how it goes. */
function useWork() {
  const page = usePage();
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const work = async (words: string, does: () => Promise<void>) => {
    setError("");
    setBusy(words);
    page.progress = null;
    try {
      await does();
    } catch (problem) {
      setError(sentence(problem));
    }
    setBusy("");
  };
  return { busy, setBusy, error, work };
}

function Busy({ words }: { words: string }) {
  const { progress } = usePage();
  if (!words) return null;
  return (
    <div role="status">
      <p class="ik-small">{progress?.total ? `${progress.stage}: ${progress.done} of ${progress.total}` : words} …</p>
      <div class="ik-progress" data-unknown=""><div /></div>
    </div>
  );
}

/** What a format cannot hold is said before the file is taken. */
export function Export({ onClose }: { onClose: () => void }) {
  const page = usePage();
  const formats = page.hello!.formats.filter(({ writes }) => writes);
  const [format, setFormat] = useState(formats[0]?.name ?? "");
  const [made, setMade] = useState<(Omit<Download, "type"> & { lost: string[] }) | null>(null);
  const { busy, setBusy, error, work } = useWork();
  const unsaved = page.saving;
  const make = () => work("Making the file", async () => setMade((await page.channel.ask<Omit<Download, "type"> & { lost: string[] }>("export", { format })).value));
  const fetch = () =>
    work("Fetching", async () => {
      const file = made!;
      saveAs(await download(page.channel, { ...file, type: "application/octet-stream" }, (got) => setBusy(`Fetching ${bytes(got)} of ${bytes(file.size)}`)), file.name);
      page.say(`${file.name} is saved`);
      onClose();
    });
  return (
    <Modal title="Export" onClose={onClose}>
      {unsaved.kind !== "saved" && <p class="ik-notice">Not all is on the server yet ({stateWords(unsaved)}); the file holds what is there.</p>}
      <Field label="Format">
        <select class="ik-select" data-autofocus value={format} disabled={busy !== ""} onChange={(event) => {
          setFormat(event.currentTarget.value);
          setMade(null);
        }}>
          {formats.map((each) => <option key={each.name} value={each.name}>{each.name}: {each.words}</option>)}
        </select>
      </Field>
      {made && (
        <div class={made.lost.length ? "ik-notice" : ""} data-lost={made.lost.length}>
          {made.lost.length ? (
            <>
              <p><strong>{format} cannot hold all of it:</strong></p>
              <ul class="ika-lost">{made.lost.slice(0, 200).map((each, i) => <li key={i}>{each}</li>)}</ul>
              {made.lost.length > 200 && <p>and {made.lost.length - 200} more</p>}
              <p class="ik-small">In the project everything stays as it is.</p>
            </>
          ) : (
            <p>{format} holds all of it; nothing is left out.</p>
          )}
        </div>
      )}
      {error && <ErrorBox text={error} />}
      <Busy words={busy} />
      <div class="ik-cluster">
        {made ? (
          <button class="ik-button ik-button-primary" data-act="fetch" disabled={busy !== ""} onClick={() => void fetch()}>Download {made.name} ({bytes(made.size)})</button>
        ) : (
          <button class="ik-button ik-button-primary" data-act="make" disabled={busy !== "" || !format} onClick={() => void make()}>Make the file</button>
        )}
        <button class="ik-button" onClick={onClose}>Cancel</button>
      </div>
    </Modal>
  );
}

interface Taken {
  added: number;
  problems: string[];
}

/** Annotations of another tool, or media: both come from a file or from a folder of the server. */
export function TakeIn({ what, onClose }: { what: "import" | "add-media"; onClose: () => void }) {
  const page = usePage();
  const annotations = what === "import";
  const [files, setFiles] = useState<File[]>([]);
  const [browsing, setBrowsing] = useState(false);
  const [taken, setTaken] = useState<Taken | null>(null);
  const { busy, setBusy, error, work } = useWork();
  const take = (places: Record<string, string>[]) =>
    work(annotations ? "Reading the annotations" : "Looking through the media", async () => {
      const sum: Taken = { added: 0, problems: [] };
      for (const place of places) {
        const { value } = await page.channel.ask<Taken>(what, place);
        sum.added += value.added;
        sum.problems.push(...value.problems);
      }
      setTaken(sum);
      await sync(page);
      page.countSoon();
    });
  const sendAll = () =>
    work("Sending", async () => {
      const paths = await send(page.channel, files, setBusy);
      await take(paths.map((upload) => ({ upload })));
    });
  return (
    <Modal title={annotations ? "Import annotations" : "Add media"} wide={browsing} onClose={onClose}>
      {taken ? (
        <>
          <p role="status"><strong>{annotations ? count(taken.added, "annotation was", "annotations were") : count(taken.added, "medium was", "media were")} added.</strong></p>
          {taken.problems.length > 0 && (
            <div class="ik-notice">
              <p>{count(taken.problems.length, "thing", "things")} could not be used; all others are in:</p>
              <ul class="ika-lost">{taken.problems.slice(0, 200).map((each, i) => <li key={i}>{each}</li>)}</ul>
            </div>
          )}
          <div class="ik-cluster"><button class="ik-button ik-button-primary" data-autofocus onClick={onClose}>Close</button></div>
        </>
      ) : (
        <>
          {annotations && <p class="ik-small ik-muted">The format is recognised by itself: {[...new Set(page.hello!.formats.map(({ words }) => words.split(",")[0]!))].join(", ")}.</p>}
          <Files files={files} onFiles={setFiles} several={!annotations} words={annotations ? "Drop the file with the annotations here, or a zip of them." : "Drop pictures, videos, recordings or a zip of them here."} />
          {error && <ErrorBox text={error} />}
          <Busy words={busy} />
          <div class="ik-cluster">
            <button class="ik-button ik-button-primary" disabled={!files.length || busy !== ""} onClick={() => void sendAll()}>{annotations ? "Import" : "Add"}</button>
            <button class="ik-button" aria-expanded={browsing} disabled={busy !== ""} onClick={() => setBrowsing(!browsing)}>From the server instead</button>
            <button class="ik-button" onClick={onClose}>Cancel</button>
          </div>
          {browsing && <Browser channel={page.channel} files={annotations ? "annotations" : "media"} action="Take this folder" empty="There is nothing to go into here; to take the files in it, press “Take this folder”." onChoose={(path) => void take([annotations ? { path } : { folder: path }])} />}
        </>
      )}
    </Modal>
  );
}

export function Find({ onClose }: { onClose: () => void }) {
  const page = usePage();
  const { busy, error, work } = useWork();
  const find = (folder: string) =>
    work("Looking for the files", async () => {
      const { value } = await page.channel.ask<{ found: number }>("find-media", { folder });
      page.say(value.found ? `${count(value.found, "file was", "files were")} found` : "None of the files of the project is in there: try another folder", value.found ? "good" : "bad");
      if (!value.found) return;
      await page.queue.show({}, page.queue.rows.length);
      if (page.wanted) await page.openMedium(page.wanted);
      onClose();
    });
  return (
    <Modal title="Find the files" wide onClose={onClose}>
      <p class="ik-muted">Choose the folder to which the pictures, videos or recordings were moved; the folders in it are searched too.</p>
      {error && <ErrorBox text={error} />}
      <Busy words={busy} />
      <Browser channel={page.channel} files="media" action="Look in this folder" empty="There is nothing to go into here; to look in it, press “Look in this folder”." onChoose={(path) => void find(path)} />
    </Modal>
  );
}
