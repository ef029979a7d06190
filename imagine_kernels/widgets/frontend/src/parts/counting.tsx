/** How far a count is: so many of those wanted, what of them is of which kind, and how the taxa grow with it. */

import type { CountState } from "../protocol";
import { linear, number, percent, ticks } from "../scales";

export function Counting({ state, width }: { state: CountState; width: number }) {
  const { counted, wanted, noun } = state;
  const share = Math.min(counted / wanted, 1);
  return (
    <section class="ik-counting" aria-label="Count">
      <h3>Count</h3>
      <p class="ik-whole ik-number">
        <strong>{number(counted)}</strong> of {number(wanted)} {noun}
      </p>
      <div class={`ik-progress ${share >= 1 ? "ik-progress-done" : ""}`} role="progressbar" aria-label={`${noun} counted`} aria-valuenow={counted} aria-valuemin={0} aria-valuemax={Math.max(wanted, counted)}>
        <div style={{ width: `${share * 100}%` }} />
      </div>
      <p class="ik-small" data-count-sentence>{state.sentence}</p>
      <table class="ik-table ik-count-parts">
        <caption class="ik-visually-hidden">Parts of the count, sample {state.sample}</caption>
        <tbody>
          {state.parts.map((part) => (
            <tr key={part.name}>
              <th scope="row">{part.name.charAt(0).toUpperCase() + part.name.slice(1)}{part.remark && <span class="ik-muted"> ({part.remark})</span>}</th>
              <td class="ik-right">{number(part.n)}</td>
              <td class="ik-right ik-muted">
                {part.of > 0 && part.remark === "" && percent(part.n / part.of)}
                {part.low !== null && part.high !== null && ` (${percent(part.low)}–${percent(part.high)})`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {state.curve && (
        <>
          <CurveChart curve={state.curve} wanted={wanted} width={width} />
          <p class="ik-small ik-muted">The line is what is expected of a count in any order (rarefaction), with its 95 % interval; the points are what was met.</p>
        </>
      )}
      {state.remark && <p class="ik-small">{state.remark}</p>}
    </section>
  );
}

function CurveChart({ curve, wanted, width }: { curve: NonNullable<CountState["curve"]>; wanted: number; width: number }) {
  const { points } = curve;
  const height = 190;
  const [left, right, topEdge, bottom] = [38, 12, 8, height - 40];
  const last = points.at(-1)![0];
  // A count that has just begun would be a line at the edge of what is wanted.
  const xs = ticks(wanted > 3 * last ? 1.5 * last : Math.max(last, wanted), 4);
  const ys = ticks(Math.max(...points.map((point) => Math.max(point[1], point[4]))), 4).filter(Number.isInteger);
  const x = linear([0, xs.at(-1)!], [left, width - right]);
  const y = linear([0, ys.at(-1)!], [bottom, topEdge]);
  const line = (values: [number, number][]) => values.map(([at, value], i) => `${i ? "L" : "M"}${x(at)} ${y(value)}`).join("");
  const band = `${line(points.map((point) => [point[0], point[4]]))}${line(points.map((point): [number, number] => [point[0], point[3]]).reverse()).replace("M", "L")}Z`;
  return (
    <svg class="ik-plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Accumulation curve: ${curve.y} against ${curve.x}; the table of the same figures is below`}>
      {ys.map((mark) => (
        <g key={`y${mark}`}>
          <path class="ik-gridline" d={`M${left} ${y(mark)}H${width - right}`} />
          <text x={left - 6} y={y(mark) + 4} text-anchor="end">{number(mark)}</text>
        </g>
      ))}
      {xs.map((mark) => <text key={`x${mark}`} x={x(mark)} y={bottom + 14} text-anchor="middle">{number(mark)}</text>)}
      <path class="ik-axis" d={`M${left} ${topEdge}V${bottom}H${width - right}`} fill="none" />
      <text x={(left + width - right) / 2} y={height - 8} text-anchor="middle">{curve.x}</text>
      <text transform={`translate(9 ${(topEdge + bottom) / 2}) rotate(-90)`} text-anchor="middle">{curve.y}</text>
      {wanted <= xs.at(-1)! && <path d={`M${x(wanted)} ${topEdge}V${bottom}`} stroke="var(--ik-text-3)" stroke-dasharray="3 3"><title>{`${wanted} are wanted`}</title></path>}
      <g style={{ color: "var(--ik-series-1)" }}>
        <path d={band} fill="currentColor" opacity="0.16" />
        <path d={line(points.map((point) => [point[0], point[2]]))} stroke="currentColor" stroke-width="2" fill="none" />
      </g>
      <g style={{ color: "var(--ik-series-2)" }}>
        {points.map((point) => (
          <circle key={point[0]} cx={x(point[0])} cy={y(point[1])} r="2.5" fill="currentColor">
            <title>{`${number(point[0])} ${curve.x}: ${point[1]} ${curve.y} met, ${number(point[2])} expected (${number(point[3])}–${number(point[4])})`}</title>
          </circle>
        ))}
      </g>
    </svg>
  );
}
