/** The annotator's page: the bar at the top, the screen below it, the windows over it. */

import { useEffect } from "preact/hooks";
import { ErrorBox } from "../parts/common";
import { Bar } from "./bar";
import { QualityView } from "./check/page";
import { pageKey } from "./commands";
import { PageContext, usePage } from "./context";
import { Dialogs } from "./dialogs";
import { AllAnnotations } from "./grid/all-page";
import { GridView } from "./grid/grid-page";
import { MediaList } from "./media";
import type { Page } from "./page";
import { Panel } from "./panel";
import { Stage } from "./stage";
import { Start, Working } from "./start";

export function App({ page }: { page: Page }) {
  return (
    <PageContext.Provider value={page}>
      <Whole />
    </PageContext.Provider>
  );
}

function Whole() {
  const page = usePage();
  useEffect(() => {
    void page.begin();
    const keys = (event: KeyboardEvent) => pageKey(page, event);
    const leaving = (event: BeforeUnloadEvent) => {
      if (page.outbox?.mayBeLost) event.preventDefault();
    };
    const connection = (event: Event) => page.setConnection((event as CustomEvent<Page["connection"]>).detail);
    document.addEventListener("ik-connection", connection);
    window.addEventListener("keydown", keys);
    window.addEventListener("beforeunload", leaving);
    return () => {
      document.removeEventListener("ik-connection", connection);
      window.removeEventListener("keydown", keys);
      window.removeEventListener("beforeunload", leaving);
    };
  }, [page]);
  return (
    <div class="ik ik-app ika" data-screen={page.screen} data-saving={page.saving.kind === "saved" ? 0 : page.saving.n}>
      <Bar />
      {page.connection !== "open" && <Offline />}
      {page.screen === "loading" && (
        <main class="ik-start" aria-busy={!page.error}>
          {page.error ? <ErrorBox text={page.error} /> : [1, 2, 3].map((i) => <div key={i} class="ik-skeleton" style={{ height: "72px" }} />)}
        </main>
      )}
      {page.screen === "start" && <Start />}
      {page.screen === "opening" && <Working what="Opening the project" />}
      {page.screen === "work" && <Work />}
      <Dialogs />
      <div class="ik-visually-hidden" aria-live="polite" data-live>{page.announcement}</div>
      {page.toast && <div class={`ik-toast ik-toast-${page.toast.kind}`} aria-hidden="true">{page.toast.text}</div>}
    </div>
  );
}

function Offline() {
  const page = usePage();
  const kept = page.outbox && !page.outbox.mayBeLost ? " What you draw is kept in this browser and sent when the server is back." : "";
  return (
    <div class="ik-offline" role="alert">
      {page.connection === "waiting" ? (
        `The connection to the server is interrupted; trying again …${kept}`
      ) : (
        <>
          The connection to the server is lost.{kept}
          <button class="ik-button" onClick={() => location.reload()}>Reload the page</button>
        </>
      )}
    </div>
  );
}

function Work() {
  const page = usePage();
  return (
    <main class="ika-work" data-drawer={page.drawer ?? "none"} aria-label={page.project?.name}>
      <div class="ikl-under" inert={page.leaf !== null}>
        <MediaList />
        <Stage />
        <Panel />
        {page.drawer && <div class="ika-shade" onClick={() => page.set({ drawer: null })} />}
      </div>
      {page.leaf?.kind === "grid" && <GridView />}
      {page.leaf?.kind === "all" && <AllAnnotations />}
      {page.leaf?.kind === "quality" && <QualityView />}
    </main>
  );
}
