/** What has happened to the selected annotation, and the way back. */

import { useEffect, useState } from "preact/hooks";
import { ErrorBox } from "../parts/common";
import { sentence } from "../view";
import { usePage } from "./context";
import { sync } from "./following";
import type { HistoryEvent, Written } from "./protocol";
import { authorName, titleOf } from "./words";

export function HistoryPanel() {
  const page = usePage();
  const id = page.selection.length === 1 ? page.selection[0]! : null;
  const mark = id ? page.desk.get(id) : undefined;
  const saved = id ? page.desk.saved(id) : undefined;
  const [events, setEvents] = useState<HistoryEvent[] | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let here = true;
    setEvents(null);
    setError("");
    if (id && saved) {
      page.channel.ask<HistoryEvent[]>("history", { id }).then(
        ({ value }) => here && setEvents(value),
        (problem: unknown) => here && setError(sentence(problem)),
      );
    }
    return () => {
      here = false;
    };
  }, [id, saved?.version]);
  if (!mark) return <p class="ik-empty">{page.selection.length > 1 ? "Select only one annotation to see its history." : "Select an annotation to see what has happened to it."}</p>;
  const waiting = page.outbox?.of(mark.id).length ?? 0;
  const revert = async (to: number) => {
    try {
      const { value } = await page.channel.ask<Written>("revert", { id: mark.id, to });
      const problem = value.refused[0]?.why ?? value.conflicts[0]?.sentence;
      if (problem) return setError(problem);
      page.say("Set back");
      await sync(page);
    } catch (problem) {
      setError(sentence(problem));
    }
  };
  return (
    <div class="ika-history">
      <p><strong>{titleOf(mark)}</strong></p>
      {mark.labels.length > 1 && (
        <ul class="ika-opinions ik-small" aria-label="Labels given">
          {mark.labels.map((each, i) => <li key={i}>{each.path.join(" > ")} <span class="ik-muted">by {authorName(each.annotator || "nobody")}{i === 0 && ", in force"}</span></li>)}
        </ul>
      )}
      {error && <ErrorBox text={error} />}
      {waiting > 0 && <p class="ik-small ik-muted">What you have just done is on its way; it is in the history once it is saved.</p>}
      {!saved && !waiting && <p class="ik-small ik-muted">It is new.</p>}
      {saved && !events && !error && <div class="ik-skeleton" style={{ height: "80px" }} />}
      <ol class="ika-events">
        {events?.toReversed().map((event, i) => (
          <li key={event.sequence}>
            <span><strong>{authorName(event.author)}</strong> {event.words}</span>
            <span class="ik-small ik-muted">{when(event.time)}</span>
            {i > 0 && page.mayEdit && <button class="ik-link" disabled={waiting > 0} onClick={() => void revert(event.sequence)}>Back to this</button>}
          </li>
        ))}
      </ol>
    </div>
  );
}

function when(time: string): string {
  const moment = new Date(time);
  return Number.isNaN(moment.getTime()) ? time : moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
