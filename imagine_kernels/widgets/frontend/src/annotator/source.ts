/** Where the surface has its bytes from: the questions about the medium that is open. */

import type { OpenedMedium } from "./protocol";
import type { Source } from "./surface";
import type { Page } from "./page";

export function sourceOf(page: Page, medium: string): Source {
  const type = (page.opened as OpenedMedium & { view: { type?: string } }).view.type ?? "image/webp";
  return {
    async tile(level, x, y, window) {
      const { buffers } = await page.channel.ask("tile", { medium, level, x, y, ...(window ? { window } : {}) });
      return new Blob([part(buffers[0])], { type });
    },
    async frames(first, n, side) {
      const { value, buffers } = await page.channel.ask<{ first: number; times: number[]; type?: string }>("frames", { medium, first, n, side });
      return { first: value.first, times: value.times, pictures: buffers.map((each) => new Blob([part(each)], { type: value.type ?? "image/webp" })) };
    },
    async sound(from_s, to_s, band) {
      const heard = band ?? page.band;
      const { buffers } = await page.channel.ask("sound", { medium, from_s, to_s, ...(heard ? { band: heard } : {}) });
      const bytes = part(buffers[0]);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    },
  };
}

function part(buffer: DataView | undefined): DataView<ArrayBuffer> {
  if (!buffer) throw new Error("The server sent nothing: try again.");
  return buffer as DataView<ArrayBuffer>;
}
