/** Files from the person's computer, sent one after the other. */

import { useRef, useState } from "preact/hooks";
import type { Channel } from "../channel";
import { Icon } from "../parts/common";
import { bytes } from "../scales";
import { upload } from "../transfer";

interface Given {
  files: File[];
  onFiles(files: File[]): void;
  accept?: string;
  several?: boolean;
  words: string;
}

/** A place to drop files on, or to choose them. */
export function Files({ files, onFiles, accept, several = false, words }: Given) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = (list: FileList | null | undefined) => {
    const found = [...(list ?? [])];
    if (found.length) onFiles(several ? [...files, ...found] : found.slice(0, 1));
  };
  const size = files.reduce((sum, file) => sum + file.size, 0);
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
        take(event.dataTransfer?.files);
      }}
    >
      <div class="ik-card-body">
        {files.length ? (
          <p class="ika-files"><Icon name="file" /> {files.length === 1 ? files[0]!.name : `${files.length} files`} <span class="ik-muted">{bytes(size)}</span></p>
        ) : (
          <p class="ik-muted">{words}</p>
        )}
        <div class="ik-card-actions">
          <button class="ik-button" type="button" onClick={() => input.current?.click()}>{files.length ? (several ? "Add more" : "Choose another") : several ? "Choose files" : "Choose a file"}</button>
          {files.length > 0 && <button class="ik-button ik-button-quiet" type="button" onClick={() => onFiles([])}>Remove</button>}
        </div>
      </div>
      <input ref={input} type="file" hidden multiple={several} {...(accept ? { accept } : {})} onChange={(event) => {
        take(event.currentTarget.files);
        event.currentTarget.value = "";
      }} />
    </div>
  );
}

/** Send the files; gives where the kernel has put each. */
export async function send(channel: Pick<Channel, "ask">, files: readonly File[], told: (words: string) => void): Promise<string[]> {
  const paths: string[] = [];
  for (const [i, file] of files.entries()) {
    const path = await upload(channel, file, (sent) => told(`Sending ${file.name}${files.length > 1 ? ` (${i + 1} of ${files.length})` : ""}: ${bytes(sent)} of ${bytes(file.size)}`));
    if (path) paths.push(path);
  }
  return paths;
}
