// Shows what the hub has to say about the GPU of this server, in JupyterLab and wherever its extensions are loaded.
(function () {
  "use strict";
  var EVERY_MS = 30000;

  // Without the notifications of JupyterLab: one line above everything.
  function showBar(words) {
    var bar = document.getElementById("imagine-notice");
    if (!words) {
      if (bar) { bar.remove(); }
      return;
    }
    if (!bar) {
      bar = document.createElement("div");
      bar.id = "imagine-notice";
      bar.setAttribute("role", "status");
      bar.style.cssText = "position:fixed;inset:0 0 auto 0;z-index:10000;padding:8px 16px;background:#fdf1d7;color:#5c3b00;font:14px system-ui,sans-serif";
      document.body.appendChild(bar);
    }
    bar.textContent = words;
  }

  function option(name) {
    var config = document.getElementById("jupyter-config-data");
    return config ? JSON.parse(config.textContent || "{}")[name] || "" : "";
  }

  function cookie(name) {
    var found = document.cookie.match("(?:^|; )" + name + "=([^;]*)");
    return found ? found[1] : "";
  }

  function activate(app) {
    var settings = app.serviceManager.serverSettings;
    var has = function (command) { return app.commands.hasCommand(command); };
    var shown = "";
    var id = null;
    app.commands.addCommand("imagine:gpus", {
      label: "GPUs of the hub",
      execute: function () { window.open(option("hubHost") + (option("hubPrefix") || "/hub/") + "gpus", "_blank", "noopener"); },
    });

    function show(notice) {
      // How long it still is changes with every look; only another kind of notice is said again.
      var words = notice.words || "";
      if (!has("apputils:notify")) { return showBar(words); }
      if (notice.kind === shown) {
        if (id !== null) { app.commands.execute("apputils:update-notification", { id: id, message: words }); }
        return undefined;
      }
      shown = notice.kind || "";
      var before = id;
      id = null;
      if (before !== null) { app.commands.execute("apputils:dismiss-notification", { id: before }); }
      if (!words) { return undefined; }
      return app.commands.execute("apputils:notify", {
        message: words,
        type: notice.kind === "lost" ? "error" : "warning",
        options: { autoClose: false, actions: [{ label: "GPUs", commandId: "imagine:gpus" }] },
      }).then(function (made) { id = made; });
    }

    function look() {
      if (document.hidden) { return setTimeout(look, EVERY_MS); }
      // Whoever is logged out meanwhile is not sent around: the page itself asks her to log in again.
      return fetch(settings.baseUrl + "imagine/notice", {
        credentials: "same-origin", redirect: "manual", headers: { "X-XSRFToken": cookie("_xsrf") },
      }).then(function (answer) {
        if (!answer.ok) { return { watched: true, keep: true }; }
        return answer.json();
      }).catch(function () { return { watched: true, keep: true }; }).then(function (notice) {
        // A server without a GPU will have none until it is started again.
        if (!notice.watched) { return undefined; }
        if (!notice.keep) { show(notice); }
        return setTimeout(look, EVERY_MS);
      });
    }
    // The notifications of JupyterLab are there once everything is; another application may never say that it is.
    Promise.race([app.restored, new Promise(function (done) { setTimeout(done, 20000); })]).then(look);
  }

  var plugin = { id: "imagine-notice:plugin", autoStart: true, activate: activate };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["imagine-notice"] = {
    init: function () {},
    get: function () { return Promise.resolve(function () { return { __esModule: true, default: plugin }; }); },
  };
})();
