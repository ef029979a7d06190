/** Files to the kernel and from it, a megabyte at a time. */

import type { Channel } from "./channel";
import type { Download } from "./protocol";

export const CHUNK = 1_000_000;

/** Send a file; returns where the kernel has put it. */
export async function upload(
  channel: Pick<Channel, "ask">,
  file: File,
  progress: (sent: number) => void,
  cancelled: () => boolean = () => false,
): Promise<string | null> {
  const { value: begun } = await channel.ask<{ token: string }>("upload-begin", { name: file.name, size: file.size });
  for (let at = 0; at < file.size; at += CHUNK) {
    if (cancelled()) {
      await channel.ask("upload-drop", { token: begun.token });
      return null;
    }
    const data = await file.slice(at, at + CHUNK).arrayBuffer();
    await channel.ask("upload-part", { token: begun.token, at }, [data]);
    progress(Math.min(at + CHUNK, file.size));
  }
  const { value } = await channel.ask<{ path: string }>("upload-end", { token: begun.token });
  return value.path;
}

/** Fetch a file that the kernel has made and hand it to the browser to save. */
export async function download(channel: Pick<Channel, "ask">, file: Download, progress: (got: number) => void): Promise<Blob> {
  const parts: BlobPart[] = [];
  for (let at = 0; at < file.size; at += CHUNK) {
    const { buffers } = await channel.ask("download-part", { token: file.token, at, size: Math.min(CHUNK, file.size - at) }, [], 60_000);
    parts.push(buffers[0] as unknown as BlobPart);
    progress(Math.min(at + CHUNK, file.size));
  }
  await channel.ask("download-end", { token: file.token });
  return new Blob(parts, { type: file.type });
}

export function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
