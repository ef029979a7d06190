// napari on a desktop in the launcher of JupyterLab, on servers that have one.
(function () {
  "use strict";
  var shared = {};

  function option(name) {
    var config = document.getElementById("jupyter-config-data");
    return config ? JSON.parse(config.textContent || "{}")[name] : undefined;
  }

  function activate(app, launcher) {
    if (!launcher || !option("imagineDesktop")) { return; }
    var place = app.serviceManager.serverSettings.baseUrl + "imagine/desktop";
    var style = document.createElement("style");
    style.textContent = ".imagine-desktop-sign { background: center / contain no-repeat url('" + place + "/files/desktop.svg'); }" +
      " .jp-LauncherCard-icon .imagine-desktop-sign { width: 52px; height: 52px; }";
    document.head.appendChild(style);
    app.commands.addCommand("imagine:desktop", {
      label: "napari on a desktop",
      caption: "Annotate a project in napari, in a tab of its own",
      iconClass: "imagine-desktop-sign",
      execute: function () { window.open(place, "_blank", "noopener"); },
    });
    launcher.add({ command: "imagine:desktop", category: "Other" });
  }

  // The launcher of the JupyterLab that is open, whichever version that is; another application has none.
  function launcherToken() {
    var versions = Object.values(shared["@jupyterlab/launcher"] || {});
    if (!versions.length) { return Promise.resolve(null); }
    return Promise.resolve(versions[0].get()).then(function (factory) { return factory().ILauncher; });
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["imagine-desktop"] = {
    init: function (scope) { shared = scope; },
    get: function () {
      return launcherToken().then(function (token) {
        var plugin = { id: "imagine-desktop:plugin", autoStart: true, optional: token ? [token] : [], activate: activate };
        return function () { return { __esModule: true, default: plugin }; };
      });
    },
  };
})();
