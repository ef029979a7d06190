// Before the first paint: what this person chose last, light or dark; without a choice the system decides.
(function () {
  "use strict";
  var root = document.documentElement;
  var stored = null;
  try { stored = window.localStorage.getItem("ik-theme"); } catch (error) { stored = null; }
  function show(theme) {
    var dark = theme ? theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
    if (theme) { root.dataset.theme = theme; } else { delete root.dataset.theme; }
    root.dataset.bsTheme = dark ? "dark" : "light";
  }
  show(stored === "light" || stored === "dark" ? stored : null);
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("theme-toggle");
    if (!button) { return; }
    button.addEventListener("click", function () {
      var next = root.dataset.bsTheme === "dark" ? "light" : "dark";
      try { window.localStorage.setItem("ik-theme", next); } catch (error) { /* private window: for this page only */ }
      show(next);
    });
  });
})();
