/*
 * Shows the widgets of this page. It speaks with the kernel over one WebSocket and runs each widget's own module, as anywidget defines it:
 * nothing but this page has to be loaded, so the first content comes as soon as the kernel has something to show.
 */
(function () {
  "use strict";

  const RETRIES = 6;
  const session = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const models = new Map();
  let socket = null;
  let address = "";
  let waiting = [];
  let failures = 0;
  let leaving = false;
  let number = 0;

  /** The front-end half of one widget: what a module of anywidget takes as its model. */
  class Model {
    constructor(id) {
      this.id = id;
      this.state = {};
      this.listeners = new Map();
      this.ready = new Promise((resolve) => (this.arrived = resolve));
    }
    get(key) {
      return this.state[key];
    }
    set(key, value) {
      this.state[key] = value;
      this.changed = Object.assign(this.changed || {}, Object.fromEntries([[key, value]]));
    }
    save_changes() {
      send(this.id, Object.fromEntries([["method", "update"], ["state", this.changed || {}], ["buffer_paths", []]]), []);
      this.changed = null;
    }
    on(event, listener) {
      if (!this.listeners.has(event)) this.listeners.set(event, new Set());
      this.listeners.get(event).add(listener);
    }
    off(event, listener) {
      const known = this.listeners.get(event);
      if (known) known.delete(listener);
    }
    send(content, _callbacks, buffers) {
      send(this.id, { method: "custom", content: content }, buffers || []);
    }
    take(data, buffers) {
      if (data.method === "custom") {
        for (const listener of [...(this.listeners.get("msg:custom") || [])]) listener(data.content, buffers);
      } else if (data.method === "update") {
        Object.assign(this.state, data.state);
        this.arrived();
        for (const key of Object.keys(data.state)) for (const listener of [...(this.listeners.get("change:" + key) || [])]) listener();
      }
    }
  }

  function send(comm, data, buffers) {
    const header = { msg_id: session + "-" + number++, username: "", session: session, date: new Date().toISOString(), msg_type: "comm_msg", version: "5.2" };
    const content = { comm_id: comm, data: data };
    const message = { header: header, parent_header: {}, metadata: {}, content: content, channel: "shell", buffers: [] };
    const packed = buffers.length ? pack(message, buffers) : JSON.stringify(message);
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(packed);
    else waiting.push(packed);
  }

  /** Message and buffers in one: their number, where each begins (32 bit, big-endian), then all of them. */
  function pack(message, buffers) {
    const parts = [new TextEncoder().encode(JSON.stringify(message)), ...buffers.map((each) => new Uint8Array(each.buffer || each, each.byteOffset || 0, each.byteLength))];
    const begin = 4 * (parts.length + 1);
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, begin));
    const view = new DataView(all.buffer);
    view.setUint32(0, parts.length);
    let at = begin;
    parts.forEach((part, i) => {
      view.setUint32(4 * (i + 1), at);
      all.set(part, at);
      at += part.byteLength;
    });
    return all.buffer;
  }

  function unpack(data) {
    if (typeof data === "string") return [JSON.parse(data), []];
    const view = new DataView(data);
    const n = view.getUint32(0);
    const begins = Array.from({ length: n }, (_, i) => view.getUint32(4 * (i + 1)));
    begins.push(data.byteLength);
    const part = (i) => new DataView(data, begins[i], begins[i + 1] - begins[i]);
    const message = JSON.parse(new TextDecoder().decode(part(0)));
    return [message, begins.slice(1, n).map((_, i) => part(i + 1))];
  }

  function open() {
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      failures = 0;
      document.dispatchEvent(new CustomEvent("ik-connection", { detail: "open" }));
      for (const packed of waiting.splice(0)) socket.send(packed);
    };
    socket.onmessage = (event) => {
      const [message, buffers] = unpack(event.data);
      if (message.header.msg_type !== "comm_msg") return;
      const model = models.get(message.content.comm_id);
      if (model) model.take(message.content.data, buffers);
    };
    socket.onclose = () => {
      if (leaving) return;
      failures++;
      document.dispatchEvent(new CustomEvent("ik-connection", { detail: failures > RETRIES ? "lost" : "waiting" }));
      // The server keeps what the kernel says in the meantime and hands it over after the pause.
      if (failures <= RETRIES) setTimeout(open, Math.min(500 * 2 ** (failures - 1), 8000));
    };
  }

  window.imagineHost = {
    /** Connect to the kernel as soon as it is known. */
    connect(base, kernel) {
      address = location.origin.replace(/^http/, "ws") + base + "api/kernels/" + kernel + "/channels?session_id=" + session;
      open();
      addEventListener("pagehide", () => {
        leaving = true;
        const token = /(?:^|; )_xsrf=([^;]+)/.exec(document.cookie);
        // Without that cookie the server ends the kernel itself when it has been idle for some time.
        if (token) fetch(base + "api/kernels/" + kernel, { method: "DELETE", keepalive: true, headers: { "X-XSRFToken": token[1] } });
      });
    },

    /** Show one output of the notebook in an element. */
    async show(element, data) {
      const view = data["application/vnd.jupyter.widget-view+json"];
      if (!view) {
        const text = (kind) => [].concat(data[kind]).join("");
        const kind = ["text/html", "image/svg+xml", "image/png", "text/plain"].find((each) => each in data);
        if (kind === "image/png") element.append(Object.assign(new Image(), { src: "data:image/png;base64," + text(kind), alt: text("text/plain") }));
        else if (kind === "text/plain") element.append(Object.assign(document.createElement("pre"), { textContent: text(kind) }));
        else if (kind) element.innerHTML = text(kind);
        document.dispatchEvent(new Event("ik-shown"));
        return;
      }
      const model = new Model(view.model_id);
      models.set(view.model_id, model);
      send(view.model_id, { method: "request_state" }, []);
      await model.ready;
      const style = document.createElement("style");
      style.textContent = model.get("_css") || "";
      document.head.append(style);
      const url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
      const module = (await import(url)).default;
      URL.revokeObjectURL(url);
      if (module.initialize) await module.initialize({ model: model });
      await module.render({ model: model, el: element });
    },
  };
})();
