// Opens the desktop of this server with napari on the project that the address names, or on one that the person chooses,
// and says how it is where nothing is to be seen.
const { base, xsrf } = document.body.dataset;
const { default: RFB } = await import(`${base}/novnc/core/rfb.js`);

const STARTING_MS = 700;
const LOOK_MS = 4000;
const named = new URLSearchParams(location.search).get("project") || "";
const [says, words, projects, buttons, screen] = ["says", "words", "projects", "buttons", "screen"].map((id) => document.getElementById(id));
let viewer = null;
let look = 0;

function button(text, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", action);
  return made;
}

function say(text, { wait = false, rows = [], actions = [] } = {}) {
  words.textContent = text;
  says.toggleAttribute("data-wait", wait);
  projects.replaceChildren(...rows);
  buttons.replaceChildren(...actions);
  says.hidden = !text;
}

// Asks the server; that it is gone is an answer, too.
async function ask(what, method = "GET", body = undefined) {
  try {
    const answer = await fetch(`${base}/${what}`, {
      method, body: body && JSON.stringify(body), redirect: "manual", credentials: "same-origin", headers: { "X-XSRFToken": xsrf },
    });
    if (answer.ok || answer.status === 409) { return await answer.json(); }
    return { state: "gone", words: "You are logged out, or your server is stopped: reload this page." };
  } catch {
    return { state: "gone", words: "Your server does not answer: check the network, or reload this page." };
  }
}

function connect() {
  if (viewer) { return; }
  viewer = new RFB(screen, `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${base}/socket`, { shared: true });
  // The display takes the size of the window.
  viewer.resizeSession = true;
  viewer.background = "#262930";
  viewer.addEventListener("connect", () => viewer.focus());
  viewer.addEventListener("disconnect", () => { viewer = null; follow(); });
}

// Whether anything is drawn: a window is there before it has a content, and the display itself is black.
function drawn() {
  const canvas = screen.querySelector("canvas");
  if (!canvas?.width) { return false; }
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, 16).data.some((value, i) => i % 4 !== 3 && value > 8);
}

// Shows how it is, connects where that is missing, and looks again.
async function follow(known = undefined) {
  clearTimeout(look);
  const now = known ?? (document.hidden ? null : await ask("window"));
  if (now?.project) { document.title = `${now.project} · napari on a desktop`; }
  if (now?.state === "shown") { connect(); }
  const waiting = now?.state === "starting" || (now?.state === "shown" && !drawn());
  if (waiting) {
    say(now.project ? `napari is opening ${now.project}.` : "napari is starting.", { wait: true });
    connect();
  } else if (now?.state === "shown") {
    say("");
  } else if (now?.state === "gone") {
    say(now.words);
  } else if (now) {
    say(now.words || "The desktop is closed.", {
      actions: [button("Open it again", () => open(now.project)), button("Choose a project", choose)],
    });
    // Nothing changes before the person does something.
    return;
  }
  look = setTimeout(follow, waiting ? STARTING_MS : LOOK_MS);
}

async function open(project) {
  say("The desktop is starting.", { wait: true });
  follow(await ask("window", "POST", { project }));
}

function row({ name, annotations }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const count = document.createElement("span");
  link.href = `${base}?project=${encodeURIComponent(name)}`;
  count.textContent = `${annotations} annotation${annotations === 1 ? "" : "s"}`;
  link.append(name, count);
  item.append(link);
  return item;
}

async function choose() {
  say("Your projects are being looked up.", { wait: true });
  const found = await ask("projects");
  const actions = [button("napari without a project", () => open(""))];
  if (found.words) {
    say(found.words, { actions: found.state === "gone" ? [] : actions });
  } else if (found.projects.length) {
    say("Which project would you like to open?", { rows: found.projects.map(row), actions });
  } else {
    say("You have no role in any project yet: make one in the annotate app, and it stands here.", { actions });
  }
}

const now = named ? null : await ask("window");
if (named) {
  open(named);
} else if (now.state === "shown" || now.state === "starting") {
  follow(now);
} else {
  choose();
}
