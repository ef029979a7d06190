/** Marks as they are drawn while people are compared, or while one decides: by person in a colour, and by line in what differs. */

import type { Mark } from "../protocol";
import type { Drawn } from "../surface";
import { labelName } from "../marks";
import { alternatives, end } from "./words";
import type { Difference, Doubt } from "./protocol";

/** Blue and orange first: they are told apart with every kind of sight (Okabe and Ito 2008). */
export const COLORS = ["#3b9ae8", "#f0a202", "#2fb380", "#d884b7", "#e2622d", "#efe24a"];

interface Style {
  color: string;
  dashed: Drawn["dashed"];
  title: string;
}

/** How each mark is drawn, by its id; what is not in it is hidden. */
export type Styles = ReadonlyMap<string, Style>;

const LINES: Record<Difference["found"], Drawn["dashed"]> = { same_label: false, other_label: true, only_first: "dots", only_second: "dots" };

const WORDS: Record<Difference["found"], string> = { same_label: "both the same", other_label: "the other has another label", only_first: "the other has nothing", only_second: "the other has nothing" };

export function comparisonStyles(things: readonly Difference[], first: string, second: string): Styles {
  const styles = new Map<string, Style>();
  for (const { found, first: one, second: other, first_label, second_label } of things) {
    const dashed = LINES[found];
    if (one !== null) styles.set(one, { color: COLORS[0]!, dashed, title: `${end(first_label)}, ${first}, ${WORDS[found]}` });
    if (other !== null) styles.set(other, { color: COLORS[1]!, dashed, title: `${end(second_label)}, ${second}, ${WORDS[found]}` });
  }
  return styles;
}

/** Of alternatives: the first has a whole line, the second a broken one, the third dots, and so on. */
const ALTERNATING: readonly Drawn["dashed"][] = [false, true, "dots"];

export function doubtStyles(doubt: Doubt): Styles {
  return new Map(alternatives(doubt).map(({ person, id, path }, i) => [id, { color: COLORS[i % COLORS.length]!, dashed: ALTERNATING[i % ALTERNATING.length]!, title: `${i + 1} ${path.at(-1) ?? "no label"}, ${person}` }]));
}

export class Drawer {
  /** Below those of the ordinary drawings, so that each is drawn anew as it comes and goes. */
  private stamp = 0;
  private readonly known = new Map<string, { mark: Mark; style: Style; drawn: Drawn }>();

  draw(marks: readonly Mark[], styles: Styles): Drawn[] {
    return marks.flatMap((mark) => {
      const style = styles.get(mark.id);
      if (!style) return [];
      const before = this.known.get(mark.id);
      if (before?.mark === mark && before.style === style) return [before.drawn];
      const drawn: Drawn = { id: mark.id, version: --this.stamp, shape: mark.shape, color: style.color, dashed: style.dashed, title: style.title || labelName(mark), locked: true };
      this.known.set(mark.id, { mark, style, drawn });
      return [drawn];
    });
  }
}
