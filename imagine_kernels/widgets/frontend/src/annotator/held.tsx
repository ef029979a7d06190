/** Edits that wait for a decision: those that met somebody else's, and those that the server cannot keep. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Modal } from "../parts/common";
import { show } from "./commands";
import { usePage } from "./context";
import { PARTS, PART_WORDS, labelName, type Part } from "./marks";
import type { HeldEdit } from "./outbox";
import type { Page } from "./page";
import { Sketch } from "./sketch";
import { KIND_WORDS, authorName, partWords } from "./words";

export function HeldDialog({ onClose }: { onClose: () => void }) {
  const page = usePage();
  const held = page.outbox?.held ?? [];
  const close = useRef<HTMLButtonElement>(null);
  // What was decided is gone, and its buttons too.
  useEffect(() => close.current?.focus(), [held.length]);
  return (
    <Modal title="For you to decide" wide onClose={onClose}>
      {held.length ? (
        <>
          <p class="ik-muted">Nothing is lost: what you have done is kept here until you decide.</p>
          {held.map((each) => (each.kind === "conflict" ? <Conflicting key={each.id} held={each} onShow={() => reveal(each.id)} /> : <Refused key={each.id} held={each} onShow={() => reveal(each.id)} />))}
        </>
      ) : (
        <p role="status">All is decided.</p>
      )}
      <div class="ik-cluster"><button class="ik-button" ref={close} onClick={onClose}>Close</button></div>
    </Modal>
  );

  function reveal(id: string) {
    onClose();
    if (page.desk.get(id)) return show(page, id);
    const medium = held.find((each) => each.id === id)?.conflict?.theirs?.medium ?? held.find((each) => each.id === id)?.edit.medium;
    if (medium) void page.openMedium(medium).then(() => show(page, id));
  }
}

function Conflicting({ held, onShow }: { held: HeldEdit; onShow: () => void }) {
  const page = usePage();
  const { base, theirs, ours } = held.conflict!;
  // What was done since the conflict is part of ours.
  const mine = { ...ours, ...held.edit };
  const disputed = PARTS.filter((part) => held.conflict!.parts.includes(part));
  const [kept, setKept] = useState<ReadonlySet<Part>>(new Set());
  const choose = (part: Part, own: boolean) => {
    const next = new Set(kept);
    if (own) next.add(part);
    else next.delete(part);
    setKept(next);
  };
  const who = theirs?.labels[0]?.annotator && theirs.labels[0].annotator !== page.project?.person ? theirs.labels[0].annotator : "Theirs";
  const now = who === "Theirs" ? "Theirs, now" : `${who}, now`;
  return (
    <section class="ika-held" aria-label={`Conflict, ${labelName(theirs ?? { labels: [] })}`}>
      <p>{conflictWords(page, held)}</p>
      <div class="ik-table-box">
        <table class="ik-table">
          <thead><tr><th scope="col">Part</th><th scope="col">Before</th><th scope="col">{now}</th><th scope="col">Mine</th></tr></thead>
          <tbody>
            {disputed.map((part) => (
              <tr key={part}>
                <th scope="row">{PART_WORDS[part]}</th>
                <td>{partWords(part, base)}</td>
                {[{ own: false, from: theirs }, { own: true, from: mine }].map(({ own, from }) => (
                  <td key={String(own)}>
                    {disputed.length > 1 ? (
                      <label class="ika-check"><input type="radio" name={`${held.id}-${part}`} checked={kept.has(part) === own} onChange={() => choose(part, own)} /> {partWords(part, from)}</label>
                    ) : (
                      partWords(part, from)
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {disputed.includes("shape") && (
        <Sketch given={[{ who: "before", words: "Before", shape: base?.shape }, { who: "theirs", words: now, shape: theirs?.shape }, { who: "mine", words: "Mine", shape: mine.shape }]} />
      )}
      <div class="ik-cluster">
        <button class="ik-button" data-act="keep-theirs" onClick={() => page.outbox?.settle(held.id, [])}>Keep theirs</button>
        <button class="ik-button" data-act="keep-mine" onClick={() => page.outbox?.settle(held.id, disputed)}>Keep mine</button>
        {disputed.length > 1 && <button class="ik-button ik-button-primary" data-act="keep-chosen" onClick={() => page.outbox?.settle(held.id, [...kept])}>Keep as chosen</button>}
        <button class="ik-button ik-button-quiet" onClick={onShow}>Show it</button>
      </div>
    </section>
  );
}

/** Who has changed what; the sentence of the server has numbers in it that say nothing to a person. */
function conflictWords(page: Page, { conflict }: HeldEdit): string {
  const { theirs, base } = conflict!;
  const mark = theirs ?? base;
  if (!mark) return "Somebody else has changed it meanwhile: look at both, and decide.";
  const by = theirs?.labels[0]?.annotator;
  const who = by && by !== page.project?.person ? authorName(by) : "Somebody else";
  return `${who} has changed the ${KIND_WORDS[mark.shape.kind].toLowerCase()} “${labelName(mark)}” in ${mark.medium} meanwhile: look at both, and decide.`;
}

function Refused({ held, onShow }: { held: HeldEdit; onShow: () => void }) {
  const page = usePage();
  const parts = PARTS.filter((part) => part !== "medium" && held.edit[part] !== undefined);
  return (
    <section class="ika-held" aria-label="Not accepted">
      <p><strong>{held.sentence}</strong></p>
      <p class="ik-small ik-muted">{parts.map((part) => `${PART_WORDS[part]}: ${partWords(part, held.edit)}`).join(" · ")}</p>
      <div class="ik-cluster">
        <button class="ik-button" onClick={onShow}>Show and correct it</button>
        <button class="ik-button" data-act="retry" onClick={() => page.outbox?.retry(held.id)}>Try again</button>
        <button class="ik-button" data-act="drop" onClick={() => page.outbox?.drop(held.id)}>Give it up</button>
      </div>
    </section>
  );
}
