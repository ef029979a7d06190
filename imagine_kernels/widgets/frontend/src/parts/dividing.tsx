/** One object large, with the lines that would divide it: proposed, drawn by hand, applied. */

import { useEffect, useRef, useState } from "preact/hooks";
import { divide, showMultiples, simplified } from "../multiples";
import type { CutView, Point } from "../protocol";
import { number, percent } from "../scales";
import { sentence } from "../view";
import { ErrorBox, Modal, useDesk } from "./common";

const MOVES: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** A shorter line than this is a slip of the hand, px. */
const SHORTEST = 3;

export function Dividing({ row, onClose }: { row: number; onClose: () => void }) {
  const desk = useDesk();
  const table = desk.table!;
  const [view, setView] = useState<CutView | null>(null);
  const [url, setUrl] = useState<string | null>(null);
  const [lines, setLines] = useState<Point[][]>([]);
  const [drawn, setDrawn] = useState<Point[] | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const surface = useRef<SVGSVGElement>(null);
  useEffect(() => {
    let made: string | null = null;
    desk.channel.ask<CutView>("cut", { row }).then(
      ({ value, buffers }) => {
        made = URL.createObjectURL(new Blob([buffers[0] as unknown as BlobPart], { type: value.type }));
        setUrl(made);
        setView(value);
        setLines(value.lines);
      },
      (problem: unknown) => setError(sentence(problem)),
    );
    return () => {
      if (made) URL.revokeObjectURL(made);
    };
  }, [row]);
  useEffect(() => surface.current?.focus({ preventScroll: true }), [url]);
  // Others may have been divided or judged meanwhile.
  const others = table.multiples().filter((each) => each !== row);
  const next = () => {
    const after = [...others].sort((a, b) => order(a) - order(b)).find((each) => order(each) > order(row)) ?? others[0];
    if (after === undefined) return onClose();
    desk.selection.goTo(after);
    desk.grid?.reveal(after);
    desk.open({ kind: "divide", row: after });
  };
  const places = desk.grid?.layout.placeOf;
  const order = (each: number) => places?.get(each)?.index ?? Infinity;
  const apply = async () => {
    if (busy || !view) return;
    if (!lines.length) return setError(`Draw a line right through the ${desk.words.unit} first.`);
    setBusy(true);
    setError(null);
    const waiting = others.length > 0;
    const parts = await divide(desk, row, lines);
    setBusy(false);
    if (typeof parts === "string") return setError(parts);
    if (waiting) return next();
    onClose();
    if (parts[0] !== undefined && parts[0] >= 0) {
      desk.selection.goTo(parts[0]);
      desk.grid?.reveal(parts[0]);
    }
  };
  const one = () => {
    desk.correct({ status: "validated" }, [row]);
    next();
  };
  const add = (line: Point[]) => {
    setDrawn(null);
    const [a, b] = [line[0]!, line.at(-1)!];
    if (Math.hypot(b[0] - a[0], b[1] - a[1]) < SHORTEST && line.length < 4) return;
    setError(null);
    setLines([...lines, line.map(([x, y]) => [Math.round(x), Math.round(y)])]);
    desk.announce(`Line ${lines.length + 1} is drawn`);
  };
  const remove = (at: number) => setLines(lines.filter((_, i) => i !== at));
  const at = (event: PointerEvent): Point => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(surface.current!.getScreenCTM()!.inverse());
    return [place.x - 0.5 + view!.x, place.y - 0.5 + view!.y];
  };
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.altKey || event.key.toLowerCase() !== "z") return;
      if (event.shiftKey) desk.redo();
      else desk.undo();
      return event.preventDefault();
    }
    const button = (event.target as Element).closest("button");
    const move = MOVES[event.key];
    if (move && view) {
      const step = event.shiftKey ? 10 : 1;
      const from = cursor ?? [view.x + view.width / 2, view.y + view.height / 2];
      const to: Point = [
        Math.min(Math.max(Math.round(from[0]) + step * move[0], view.x), view.x + view.width - 1),
        Math.min(Math.max(Math.round(from[1]) + step * move[1], view.y), view.y + view.height - 1),
      ];
      setCursor(to);
      if (drawn) setDrawn([drawn[0]!, to]);
    } else if (event.key === " " && !button && view) {
      const here: Point = cursor ?? [Math.round(view.x + view.width / 2), Math.round(view.y + view.height / 2)];
      setCursor(here);
      if (drawn) add([drawn[0]!, here]);
      else {
        setDrawn([here, here]);
        desk.announce("The line begins here: go to its end and press Space");
      }
    } else if (event.key === "Enter" && !button) void apply();
    else if (event.key === "Backspace" || event.key === "Delete") {
      if (drawn) setDrawn(null);
      else remove(lines.length - 1);
    } else if (event.key === "p") setLines(view?.lines ?? []);
    else if (event.key === "v") one();
    else if (event.key === "n") next();
    else return;
    event.preventDefault();
  };
  const points = (line: readonly Point[]) => line.map(([x, y]) => `${x - view!.x + 0.5},${y - view!.y + 0.5}`).join(" ");
  const probability = table.multiple?.[row] ?? NaN;
  return (
    <Modal title={`Divide ${table.ids[row]}`} wide onClose={onClose}>
      <div class="ik-large ik-dividing" tabIndex={-1} data-autofocus onKeyDown={keys} aria-busy={busy || !view}>
        <div class="ik-large-picture">
          {view && url ? (
            <svg
              ref={surface}
              tabindex={0}
              role="application"
              aria-label={`${table.label[row]}, ${table.ids[row]}, ${lines.length} lines. Arrows move the cross, Space begins and ends a line, Enter divides`}
              viewBox={`0 0 ${view.width} ${view.height}`}
              onPointerDown={(event) => {
                if (event.button !== 0) return;
                event.currentTarget.setPointerCapture(event.pointerId);
                setCursor(null);
                setDrawn([at(event)]);
              }}
              onPointerMove={(event) => {
                if (drawn && !cursor) setDrawn([...drawn, at(event)]);
              }}
              onPointerUp={(event) => {
                if (drawn && !cursor) add(simplified([...drawn, at(event)], 1));
              }}
              onPointerCancel={() => setDrawn(null)}
            >
              <image href={url} width={view.width} height={view.height} />
              {lines.map((line, i) => (
                <g key={i} class="ik-cut" onPointerDown={(event) => event.stopPropagation()} onClick={() => remove(i)}>
                  <title>Click to remove this line</title>
                  <polyline class="ik-cut-reach" points={points(line)} />
                  <polyline points={points(line)} />
                </g>
              ))}
              {drawn && <polyline class="ik-cut-new" points={points(drawn)} />}
              {cursor && <path class="ik-cross" d={`M${cursor[0] - view.x + 0.5} ${cursor[1] - view.y + 0.5}m-6 0h12m-6 -6v12`} />}
            </svg>
          ) : (
            !error && <div class="ik-skeleton" style={{ width: "100%", height: "100%" }} />
          )}
        </div>
        <div class="ik-large-side">
          <p>
            <strong>{table.label[row]}</strong> <span class="ik-muted">{Number.isFinite(probability) && `several with a probability of ${percent(probability)}`}</span>
          </p>
          <p class="ik-small" data-lines={lines.length}>
            {lines.length === 0
              ? "No cut is proposed. Draw a line from background to background, right through it."
              : `${number(lines.length)} ${lines.length === 1 ? "line" : "lines"}. Draw further ones; click one to remove it.`}
          </p>
          {error && <ErrorBox text={error} />}
          <div class="ik-cluster">
            <button class="ik-button ik-button-primary" data-act="divide" disabled={busy || !view} onClick={() => void apply()}>{busy ? "Dividing …" : "Divide"} <kbd>Enter</kbd></button>
            <button class="ik-button" data-act="remove-line" disabled={!lines.length} onClick={() => remove(lines.length - 1)}>Remove last line <kbd>⌫</kbd></button>
            <button class="ik-button" data-act="proposed-lines" disabled={!view?.lines.length} onClick={() => setLines(view?.lines ?? [])}>Proposed lines <kbd>P</kbd></button>
            <button class="ik-button" data-act="one" onClick={one}>It is one <kbd>V</kbd></button>
            <button class="ik-button" data-act="next" disabled={!others.length} onClick={next}>Next <kbd>N</kbd></button>
          </div>
          <p class="ik-muted ik-small">Without a mouse: the arrows move a cross (with Shift by 10 px), Space begins and ends a line. Ctrl Z takes a division back.</p>
        </div>
      </div>
    </Modal>
  );
}

/** How many are likely several, at the side of the grid. */
export function Multiples() {
  const desk = useDesk();
  const table = desk.table!;
  if (!table.multiple) return null;
  const shown = desk.view.by === "multiple";
  return (
    <section class="ik-proposals" aria-label="Likely multiples">
      <h3>Several in one</h3>
      <button class="ik-proposal" data-act="multiples" aria-pressed={shown} title="Shift C" onClick={() => (shown ? desk.setView({ by: "taxon" }) : showMultiples(desk))}>
        <span>Likely multiples</span>
        <span class="ik-number ik-muted">{number(table.multiples().length)}</span>
        <span class="ik-small ik-muted ik-proposal-why">Go to one and press C to divide it.</span>
      </button>
    </section>
  );
}
