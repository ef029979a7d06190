/** The folders of the server, to choose one. */

import { useEffect, useState } from "preact/hooks";
import type { Channel } from "../channel";
import type { Folder } from "../protocol";
import { sentence } from "../view";
import { ErrorBox, Icon } from "./common";

interface Given {
  channel: Channel;
  /** What is written on the button that takes the folder. */
  action: string;
  /** What is said of a folder with nothing to go into. */
  empty: string;
  onChoose: (path: string) => void;
  /** Which files are listed besides folders; those of a sample where nothing is said. */
  files?: "annotations" | "media";
}

export function Browser({ channel, action, empty, onChoose, files }: Given) {
  const [folder, setFolder] = useState<Folder | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(true);
  const go = (path: string | null) => {
    // Until the list is there the button would still mean the folder before.
    setBusy(true);
    channel.ask<Folder>("browse", { path, ...(files ? { files } : {}) }).then(
      ({ value }) => {
        setFolder(value);
        setError(null);
        setBusy(false);
      },
      (problem: unknown) => {
        setError(sentence(problem));
        setBusy(false);
      },
    );
  };
  useEffect(() => go(null), []);
  return (
    <section class="ik-card ik-browser" aria-label="Folders of the server">
      <div class="ik-browser-head">
        <button type="button" class="ik-button ik-button-quiet ik-button-icon" aria-label="Up one folder" disabled={!folder?.parent} onClick={() => folder?.parent && go(folder.parent)}>
          <Icon name="up" />
        </button>
        <code class="ik-browser-path">{folder?.shown ?? "…"}</code>
        <span class="ik-spacer" />
        {folder && folder.roots.length > 1 && (
          <select class="ik-select" aria-label="Place" onChange={(event) => go(event.currentTarget.value)}>
            {folder.roots.map((root) => <option key={root.path} value={root.path}>{root.name}</option>)}
          </select>
        )}
        <button type="button" class="ik-button ik-button-primary" data-act="this-folder" disabled={!folder || busy} onClick={() => folder && onChoose(folder.path)}>{action}</button>
      </div>
      {error && <ErrorBox text={error} />}
      <ul class="ik-browser-list">
        {folder?.entries.map((entry) => (
          <li key={entry.path}>
            <button type="button" onClick={() => (entry.kind === "folder" ? go(entry.path) : onChoose(entry.path))}>
              <Icon name={entry.kind} />
              <span>{entry.name}</span>
              <span class="ik-muted ik-small">{entry.note}</span>
            </button>
          </li>
        ))}
        {folder && !folder.entries.length && <li class="ik-browser-empty ik-muted">{empty}</li>}
        {folder && folder.more > 0 && <li class="ik-browser-empty ik-muted">and {folder.more} more</li>}
      </ul>
    </section>
  );
}
