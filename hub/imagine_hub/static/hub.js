// What the hub's own pages do: show the password, stop the server, follow a start.
(function () {
  "use strict";
  var root = document.documentElement.dataset;

  function byId(id) { return document.getElementById(id); }

  function api(method, path) {
    return fetch(root.base + "api/" + path, {
      method: method,
      headers: { "X-XSRFToken": root.xsrf, "Accept": "application/json" },
      credentials: "same-origin",
    });
  }

  function later(milliseconds) { return new Promise(function (done) { setTimeout(done, milliseconds); }); }

  function isStopped(user) {
    return api("GET", "users/" + encodeURIComponent(user)).then(function (answer) { return answer.json(); }).then(function (model) {
      return !model.servers || !model.servers[""];
    });
  }

  function untilStopped(user, tries) {
    return isStopped(user).then(function (stopped) {
      if (stopped || tries <= 0) { return stopped; }
      return later(400).then(function () { return untilStopped(user, tries - 1); });
    });
  }

  function stopServer(button) {
    var user = button.dataset.user;
    var says = byId("server-says");
    button.disabled = true;
    button.textContent = "Stopping …";
    api("DELETE", "users/" + encodeURIComponent(user) + "/server").then(function (answer) {
      if (!answer.ok) { throw new Error("the hub answered " + answer.status); }
      return untilStopped(user, 75);
    }).then(function (stopped) {
      if (!stopped) { throw new Error("it did not end within 30 s"); }
      window.location.assign(root.base + "home");
    }).catch(function (error) {
      button.disabled = false;
      button.textContent = "Stop server";
      says.textContent = "The server could not be stopped (" + error.message + "): try again in a moment.";
      says.classList.remove("hidden");
    });
  }

  function showPassword(button) {
    var input = byId(button.dataset.shows || "password_input");
    var show = input.type === "password";
    input.type = show ? "text" : "password";
    button.textContent = show ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(show));
  }

  function followStart(panel) {
    var bar = byId("progress");
    var fill = bar.firstElementChild;
    var words = byId("progress-message");
    var log = byId("progress-log");
    var last = "";
    var source = new EventSource(panel.dataset.progress);
    source.onmessage = function (message) {
      var event = JSON.parse(message.data);
      if (event.progress !== undefined) {
        bar.setAttribute("aria-valuenow", String(event.progress));
        fill.style.width = event.progress + "%";
      }
      if (event.message && event.message !== last) {
        last = event.message;
        words.textContent = event.message;
        var line = document.createElement("li");
        line.textContent = event.message;
        log.appendChild(line);
      }
      if (event.ready) {
        source.close();
        window.location.reload();
      } else if (event.failed) {
        source.close();
        bar.classList.add("hub-progress--failed");
        window.location.reload();
      }
    };
  }

  document.addEventListener("DOMContentLoaded", function () {
    var stop = byId("stop");
    if (stop) { stop.addEventListener("click", function () { stopServer(stop); }); }
    var show = byId("show-password");
    if (show) { show.addEventListener("click", function () { showPassword(show); }); }
    document.querySelectorAll("[data-shows]").forEach(function (button) {
      button.addEventListener("click", function () { showPassword(button); });
    });
    var form = byId("login-form");
    if (form) {
      form.addEventListener("submit", function () {
        byId("login_submit").disabled = true;
        byId("login_submit").textContent = "One moment …";
      });
    }
    // Twice clicked is still one start; whoever comes back to the page can start again.
    document.querySelectorAll("form").forEach(function (each) {
      var once = each.querySelector("[data-once]");
      if (once) {
        each.addEventListener("submit", function () { once.disabled = true; once.textContent = once.dataset.once; });
        window.addEventListener("pageshow", function (event) { if (event.persisted) { window.location.reload(); } });
      }
    });
    var starting = byId("starting");
    if (starting) { followStart(starting); }
    var again = document.querySelector("[data-reload-after]");
    if (again) { setTimeout(function () { window.location.reload(); }, Number(again.dataset.reloadAfter)); }
  });
})();
