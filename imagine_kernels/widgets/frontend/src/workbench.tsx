/** The entry of the widget: one desk per view. */

import type { AnyModel } from "@anywidget/types";
import { render } from "preact";
import { App } from "./app";
import { Channel, type Port } from "./channel";
import { Desk } from "./desk";
import { keptTheme } from "./theme";
import "./app.css";

function show({ model, el }: { model: AnyModel; el: HTMLElement }): () => void {
  const channel = new Channel(model as unknown as Port);
  const desk = new Desk(channel);
  keptTheme();
  el.classList.add("ik-root");
  render(<App desk={desk} />, el);
  document.dispatchEvent(new CustomEvent("ik-shown"));
  return () => {
    render(null, el);
    channel.close();
  };
}

export default { render: show };
