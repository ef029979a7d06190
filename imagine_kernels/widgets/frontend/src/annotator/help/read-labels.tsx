/** Labels read from a file into the project that is open. */

import { useState } from "preact/hooks";
import { ErrorBox, Modal } from "../../parts/common";
import { count } from "../../scales";
import { sentence } from "../../view";
import { usePage } from "../context";
import { Files, send } from "../files";
import { pathKey } from "../labels";
import type { Tree } from "../protocol";

export function ReadLabels({ onClose }: { onClose: () => void }) {
  const page = usePage();
  const [files, setFiles] = useState<File[]>([]);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const [read, setRead] = useState<{ added: number; problems: string[] } | null>(null);
  const take = async () => {
    setError("");
    setBusy("Sending");
    try {
      const [upload] = await send(page.channel, files, setBusy);
      setBusy("Reading the labels");
      const before = new Set(page.labels.labels.map(({ path }) => pathKey(path)));
      const { value } = await page.channel.ask<{ tree: Tree; problems: string[] }>("read-labels", { upload });
      page.setTree(value.tree);
      setRead({ added: value.tree.labels.filter(({ path }) => !before.has(pathKey(path))).length, problems: value.problems });
    } catch (problem) {
      setError(sentence(problem));
    }
    setBusy("");
  };
  return (
    <Modal title="Read labels from a file" onClose={onClose}>
      {read ? (
        <>
          <p role="status"><strong>{read.added ? `${count(read.added, "label was", "labels were")} added.` : "No label was added: all that are in the file were there already."}</strong></p>
          {read.problems.length > 0 && (
            <div class="ik-notice">
              <p>To be looked at:</p>
              <ul class="ika-lost">{read.problems.slice(0, 200).map((each, i) => <li key={i}>{each}</li>)}</ul>
            </div>
          )}
          <div class="ik-cluster"><button class="ik-button ik-button-primary" data-autofocus onClick={onClose}>Close</button></div>
        </>
      ) : (
        <>
          <p class="ik-small ik-muted">A table of labels (CSV), an export of EcoTaxa, or of WoRMS. Labels that are here already stay as they are; those that no longer have their accepted name are told.</p>
          <Files files={files} onFiles={setFiles} words="Drop the file with the labels here." />
          {error && <ErrorBox text={error} />}
          {busy && <div role="status"><p class="ik-small">{busy} …</p><div class="ik-progress" data-unknown=""><div /></div></div>}
          <div class="ik-cluster">
            <button class="ik-button ik-button-primary" data-act="read-labels" disabled={!files.length || busy !== ""} onClick={() => void take()}>Read the labels</button>
            <button class="ik-button" onClick={onClose}>Cancel</button>
          </div>
        </>
      )}
    </Modal>
  );
}
