/** The panel at the right: labels, annotations, the look of the picture, history, people. */

import { useRef } from "preact/hooks";
import { CheckPanel } from "./check/panel";
import { roving, usePage } from "./context";
import { HelpPanel } from "./help/panel";
import { HistoryPanel } from "./history-panel";
import { LabelsPanel } from "./labels-panel";
import { LookPanel } from "./look-panel";
import { MarksPanel } from "./marks-panel";
import type { Tab } from "./page";
import { PeoplePanel } from "./people-panel";

export function Panel() {
  const page = usePage();
  const bar = useRef<HTMLDivElement>(null);
  if (page.checking) return <CheckPanel />;
  const n = page.desk.marks.length;
  const sound = page.opened?.view.kind === "sound";
  const tabs: { tab: Tab; words: string }[] = [
    { tab: "labels", words: "Labels" },
    { tab: "annotations", words: n ? `Marks ${n}` : "Marks" },
    { tab: "help", words: "Help" },
    { tab: "picture", words: sound ? "Sound" : "Picture" },
    { tab: "history", words: "History" },
    { tab: "people", words: "People" },
  ];
  return (
    <section class="ika-panel" aria-label="Labels and annotations">
      <div class="ika-tabs" role="tablist" aria-label="Panel" ref={bar} onKeyDown={(event) => roving(event, bar.current)}>
        {tabs.map(({ tab, words }) => (
          <button key={tab} id={`ika-tab-${tab}`} data-roving role="tab" aria-selected={page.tab === tab} aria-controls="ika-tab-panel" tabIndex={page.tab === tab ? 0 : -1} onClick={() => page.set({ tab })}>{words}</button>
        ))}
      </div>
      <div class="ika-tab-panel" id="ika-tab-panel" role="tabpanel" aria-labelledby={`ika-tab-${page.tab}`}>
        {page.tab === "labels" && <LabelsPanel />}
        {page.tab === "annotations" && <MarksPanel />}
        {page.tab === "help" && <HelpPanel />}
        {page.tab === "picture" && <LookPanel />}
        {page.tab === "history" && <HistoryPanel />}
        {page.tab === "people" && <PeoplePanel />}
      </div>
    </section>
  );
}
