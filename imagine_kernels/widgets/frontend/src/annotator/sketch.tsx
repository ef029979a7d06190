/** What two people made of one shape, drawn over each other: a number alone says little. */

import { boundingBox, points, type Box, type Figure } from "./canvas/geometry";
import { pathText } from "./canvas/painter";
import type { Shape } from "./protocol";

/** px of the screen. */
const SIDE = 180;
/** Of the longer side: room around the shapes. */
const ROOM = 0.08;

export interface Sketched {
  /** Also the class that gives it its line. */
  who: "before" | "theirs" | "mine";
  words: string;
  shape: Shape | null | undefined;
}

interface Drawn extends Sketched {
  figure: Figure;
}

/** The box around all of them with some room; null where nothing has a place. */
export function frameOf(figures: readonly Figure[]): Box | null {
  const boxes = figures.flatMap((figure) => boundingBox(figure) ?? []);
  if (!boxes.length) return null;
  const along = (i: number) => boxes.filter((_, k) => k % 4 === i);
  const [x0, y0, x1, y1] = [Math.min(...along(0)), Math.min(...along(1)), Math.max(...along(2)), Math.max(...along(3))];
  const room = ROOM * Math.max(x1 - x0, y1 - y0, 1);
  return [x0 - room, y0 - room, x1 + room, y1 + room];
}

/** Of a track its first keyframe. */
export function Sketch({ given }: { given: readonly Sketched[] }) {
  const drawn = given.flatMap((each): Drawn[] => {
    const numbers = each.shape?.keyframes[0]?.map((value) => value ?? NaN);
    return numbers?.length ? [{ ...each, figure: { kind: each.shape!.kind, numbers } }] : [];
  });
  const frame = frameOf(drawn.map(({ figure }) => figure));
  if (!frame) return null;
  const [x0, y0, x1, y1] = frame;
  const [width, height] = [x1 - x0, y1 - y0];
  const scale = SIDE / Math.max(width, height);
  return (
    <figure class="ika-sketch">
      <svg width={width * scale} height={height * scale} viewBox={`${x0} ${y0} ${width} ${height}`} role="img" aria-label={`The shape ${drawn.map(({ words }) => words.toLowerCase()).join("; ")}`}>
        {drawn.map(({ who, figure }) =>
          figure.kind === "point" || figure.kind === "keypoints" ? (
            points(figure).map(([x, y]) => <circle class={`ika-sketch-${who}`} cx={x} cy={y} r={4 / scale} />)
          ) : (
            <path class={`ika-sketch-${who}`} d={pathText(figure)} />
          ),
        )}
      </svg>
      <figcaption class="ik-small ik-muted">
        {drawn.map(({ who, words }) => (
          <span>
            <svg width="22" height="8" aria-hidden="true"><path class={`ika-sketch-${who}`} d="M1 4H21" /></svg> {words}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
