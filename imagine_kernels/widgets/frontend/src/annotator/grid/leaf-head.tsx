/** The line at the top of a whole page: back to the medium, what is shown, and choices. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../parts/common";
import { usePage, withKey } from "../context";
import { closeLeaf } from "./opening";

export function LeafHead({ title, remark, children }: { title: string; remark: string; children: ComponentChildren }) {
  const page = usePage();
  const back = useRef<HTMLButtonElement>(null);
  useEffect(() => back.current?.focus(), []);
  return (
    <header class="ikl-head">
      <button ref={back} class="ik-button ik-button-quiet" data-act="leaf-close" title={withKey(page, "Back to the medium", "escape")} onClick={() => closeLeaf(page)}>
        <Icon name="back" />
        <span>Back</span>
      </button>
      <h2>{title}</h2>
      <span class="ik-muted ik-number" role="status">{remark}</span>
      <span class="ik-spacer" />
      <div class="ikl-choices">{children}</div>
    </header>
  );
}
