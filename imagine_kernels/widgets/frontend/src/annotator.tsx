/** The entry of the annotator: one page per view. */

import type { AnyModel } from "@anywidget/types";
import { render } from "preact";
import { App } from "./annotator/app";
import { surface } from "./annotator/canvas";
import { Page } from "./annotator/page";
import { Channel, type Port } from "./channel";
import { keptTheme } from "./theme";
import "./app.css";
import "./annotator/annotator.css";
import "./annotator/grid/grid.css";
import "./annotator/help/help.css";
import "./annotator/check/check.css";

function show({ model, el }: { model: AnyModel; el: HTMLElement }): () => void {
  const channel = new Channel(model as unknown as Port);
  const page = new Page(channel, surface);
  keptTheme();
  el.classList.add("ik-root");
  render(<App page={page} />, el);
  document.dispatchEvent(new CustomEvent("ik-shown"));
  return () => {
    render(null, el);
    page.outbox?.close();
    channel.close();
  };
}

export default { render: show };
