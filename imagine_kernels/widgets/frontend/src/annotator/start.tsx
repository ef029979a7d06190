/** The first screen: the person's projects, and a new one. */

import { useState } from "preact/hooks";
import { ErrorBox } from "../parts/common";
import { count } from "../scales";
import { Glyph, usePage } from "./context";
import { Create } from "./create";
import { ROLE_WORDS, annotations } from "./words";

export function Start() {
  const page = usePage();
  const [making, setMaking] = useState(false);
  const [text, setText] = useState("");
  const { hello } = page;
  if (!hello) return null;
  const projects = hello.projects.filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <main class="ik-start">
      <header class="ik-start-head">
        <h1>{hello.title}</h1>
        <p class="ik-muted">{hello.sentence}</p>
      </header>
      {page.error && <ErrorBox text={page.error} />}
      {making ? (
        <Create onDone={() => setMaking(false)} />
      ) : (
        <>
          <div class="ik-cluster">
            <button class="ik-button ik-button-primary" data-act="new-project" onClick={() => setMaking(true)}>
              <Glyph name="plus" />
              New project
            </button>
            {hello.projects.length > 8 && <input class="ik-input" type="search" aria-label="Search the projects" placeholder="Search the projects" value={text} onInput={(event) => setText(event.currentTarget.value)} />}
          </div>
          {hello.projects.length === 0 && (
            <div class="ik-empty">
              <p><strong>You have no project yet.</strong></p>
              <p>Press “New project”, give it a name and choose the folder with your pictures, videos or recordings. Or ask a colleague to give you a role in theirs.</p>
            </div>
          )}
          {projects.length > 0 && (
            <section class="ik-recent" aria-label="Your projects">
              <h2>Your projects</h2>
              <ul>
                {projects.map((each) => (
                  <li key={each.uid}>
                    <button class="ik-recent-item ika-project" onClick={() => void page.openProject(each.uid)}>
                      <span class="ik-recent-name">{each.name}</span>
                      <span class="ik-muted ik-small ika-wide">{each.description}</span>
                      <span class="ik-muted ik-small ik-recent-when">{annotations(each.annotations)} · {ROLE_WORDS[each.role]}</span>
                    </button>
                  </li>
                ))}
              </ul>
            </section>
          )}
          {hello.projects.length > 0 && !projects.length && <p class="ik-muted">No project fits: {count(hello.projects.length, "project is", "projects are")} there.</p>}
        </>
      )}
    </main>
  );
}

export function Working({ what }: { what: string }) {
  const page = usePage();
  const { progress } = page;
  const known = progress !== null && progress.total > 0;
  const share = known ? Math.min(progress.done / progress.total, 1) : 0;
  return (
    <main class="ik-working">
      <div class="ik-card ik-working-card">
        <div class="ik-card-body">
          <h2 role="status">{progress?.stage ?? what}</h2>
          <div class="ik-progress" role="progressbar" aria-label={progress?.stage ?? what} {...(known ? { "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 } : { "data-unknown": "" })}>
            <div style={known ? { width: `${share * 100}%` } : {}} />
          </div>
          {known && <p class="ik-muted ik-number">{progress.done} of {progress.total}</p>}
        </div>
      </div>
    </main>
  );
}
