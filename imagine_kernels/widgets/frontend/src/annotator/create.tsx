/** A new project: a name, where the media are, and which labels it begins with. */

import { useState } from "preact/hooks";
import { Browser } from "../parts/browser";
import { ErrorBox, Icon } from "../parts/common";
import { sentence } from "../view";
import { Field, useFocus, usePage } from "./context";
import { sync } from "./following";
import { Files, send } from "./files";

type From = "folder" | "files";
type Labels = "none" | "set" | "tree" | "file";

export function Create({ onDone }: { onDone: () => void }) {
  const page = usePage();
  const first = useFocus();
  const trees = page.hello!.trees;
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [from, setFrom] = useState<From>("folder");
  const [folder, setFolder] = useState("");
  const [files, setFiles] = useState<File[]>([]);
  const [labels, setLabels] = useState<Labels>("none");
  const [tree, setTree] = useState(trees[0] ?? "");
  const sets = page.hello!.label_sets;
  const [labelSet, setLabelSet] = useState(sets[0] ?? "");
  const [labelFile, setLabelFile] = useState<File[]>([]);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const missing = !name.trim()
    ? "Give the project a name."
    : from === "folder" && !folder
      ? "Choose the folder with the media: go into it and press “Take this folder”."
      : from === "files" && !files.length
        ? "Drop the files, or choose them."
        : labels === "file" && !labelFile.length
          ? "Choose the file with the labels."
          : "";
  const make = async (event: Event) => {
    event.preventDefault();
    if (missing) return setError(missing);
    setError("");
    setBusy("Making the project");
    try {
      const sent = from === "files" ? await send(page.channel, files, setBusy) : [];
      const [labelPath = null] = labels === "file" ? await send(page.channel, labelFile, setBusy) : [];
      setBusy("Looking through the media");
      await page.create({
        name: name.trim(),
        description: description.trim(),
        ...(from === "folder" ? { folder } : { upload: sent[0] }),
        tree: labels === "tree" ? tree : null,
        label_set: labels === "set" ? labelSet : null,
        labels: labelPath,
      });
      const problems: string[] = [];
      for (const upload of sent.slice(1)) {
        const { value } = await page.channel.ask<{ problems: string[] }>("add-media", { upload });
        problems.push(...value.problems);
      }
      if (sent.length > 1) await sync(page);
      if (problems[0]) page.say(problems[0], "bad");
    } catch (problem) {
      setError(sentence(problem));
      setBusy("");
    }
  };
  const { progress } = page;
  const choice = <T extends string>(group: string, value: T, held: T, set: (value: T) => void, words: string) => (
    <label class="ika-check">
      <input type="radio" name={group} checked={held === value} onChange={() => set(value)} /> {words}
    </label>
  );
  return (
    <form class="ika-create" onSubmit={(event) => void make(event)} noValidate>
      <h2>New project</h2>
      <Field label="Name">
        <input class="ik-input" name="name" ref={first} value={name} onInput={(event) => setName(event.currentTarget.value)} placeholder="Sponge grounds 2026" />
      </Field>
      <Field label="What it is for (may stay empty)">
        <input class="ik-input" name="description" value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </Field>
      <fieldset>
        <legend class="ik-label">Pictures, videos or recordings</legend>
        {page.hello!.reads.length > 0 && <p class="ik-small ik-muted">Reads {page.hello!.reads.join(", ")}.</p>}
        <div class="ik-cluster">
          {choice("from", "folder" as From, from, setFrom, "A folder of the server; nothing is copied")}
          {choice("from", "files" as From, from, setFrom, "Files from this computer")}
        </div>
        {from === "folder" && folder && (
          <p class="ika-files">
            <Icon name="folder" /> <code>{folder}</code>
            <button class="ik-button" type="button" onClick={() => setFolder("")}>Choose another</button>
          </p>
        )}
        {from === "folder" && !folder && <Browser channel={page.channel} files="media" action="Take this folder" empty="There is no folder in here; to take the files in it, press “Take this folder”." onChoose={setFolder} />}
        {from === "files" && <Files files={files} onFiles={setFiles} several words="Drop pictures, videos, recordings or a zip of them here." />}
      </fieldset>
      <fieldset>
        <legend class="ik-label">Labels</legend>
        <div class="ik-cluster">
          {choice("labels", "none" as Labels, labels, setLabels, "Begin without, and add them while working")}
          {sets.length > 0 && choice("labels", "set" as Labels, labels, setLabels, sets.length > 1 ? "A set that comes along" : sets[0]!)}
          {trees.length > 0 && choice("labels", "tree" as Labels, labels, setLabels, "A tree that is there")}
          {choice("labels", "file" as Labels, labels, setLabels, "From a file")}
        </div>
        {labels === "set" && sets.length > 1 && (
          <Field label="Set">
            <select class="ik-select" value={labelSet} onChange={(event) => setLabelSet(event.currentTarget.value)}>
              {sets.map((each) => <option key={each} value={each}>{each}</option>)}
            </select>
          </Field>
        )}
        {labels === "tree" && (
          <Field label="Tree">
            <select class="ik-select" value={tree} onChange={(event) => setTree(event.currentTarget.value)}>
              {trees.map((each) => <option key={each} value={each}>{each}</option>)}
            </select>
          </Field>
        )}
        {labels === "file" && <Files files={labelFile} onFiles={setLabelFile} accept=".csv,.tsv,.txt,.json,.zip" words="A CSV with names and parents, a file of EcoTaxa, or the result of a match with WoRMS." />}
      </fieldset>
      {error && <ErrorBox text={error} />}
      {busy && (
        <div role="status">
          <p class="ik-small">{progress ? `${progress.stage}${progress.total ? `: ${progress.done} of ${progress.total}` : ""}` : busy} …</p>
          <div class="ik-progress" data-unknown=""><div /></div>
        </div>
      )}
      <div class="ik-cluster">
        <button class="ik-button ik-button-primary" type="submit" data-act="create" disabled={busy !== ""}>Make the project</button>
        <button class="ik-button" type="button" disabled={busy !== ""} onClick={onDone}>Cancel</button>
      </div>
    </form>
  );
}
