/** Charts as SVG: few lines, units on the axes, shapes as well as colours. */

import type { AbundanceRow, Quantity, SpectrumFit, SpectrumPoint } from "../protocol";
import { linear, log, logLabel, logTicks, number, ticks } from "../scales";

const LINE = 26;

export function AbundanceChart({ rows, quantity, width }: { rows: readonly AbundanceRow[]; quantity: Quantity; width: number }) {
  const left = Math.min(132, width * 0.36);
  const raw = (row: AbundanceRow) => row.values[quantity.key] ?? [null, null, null];
  const corrected = (row: AbundanceRow) => (quantity.corrected ? (row.values[quantity.corrected] ?? [null, null, null]) : [null, null, null]);
  const top = Math.max(...rows.flatMap((row) => [...raw(row), ...corrected(row)].map((value) => value ?? 0)), 0);
  const marks = ticks(top || 1, 4);
  // Half of the last number stands beyond the axis.
  const right = Math.max(12, 4 * number(marks.at(-1)!).length);
  const x = linear([0, marks.at(-1)!], [left, width - right]);
  const height = rows.length * LINE + 44;
  const bottom = rows.length * LINE + 6;
  const whisker = ([value, low, high]: (number | null)[], y: number, series: string, diamond: boolean) =>
    value === null || value === undefined ? null : (
      <g style={{ color: series }}>
        {low !== null && low !== undefined && high !== null && high !== undefined && (
          <path d={`M${x(Math.max(low, 0))} ${y}H${x(high)}`} stroke="currentColor" stroke-width="2" opacity="0.55" />
        )}
        {diamond ? (
          <path d={`M${x(value) - 4.5} ${y}l4.5 -4.5 4.5 4.5 -4.5 4.5z`} fill="currentColor" />
        ) : (
          <circle cx={x(value)} cy={y} r="3.5" fill="currentColor" />
        )}
      </g>
    );
  return (
    <svg class="ik-plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${quantity.name} in ${quantity.unit} by taxon, with intervals; the table below holds the same figures`}>
      {marks.map((mark) => (
        <g key={mark}>
          <path class="ik-gridline" d={`M${x(mark)} 2V${bottom}`} />
          <text x={x(mark)} y={bottom + 14} text-anchor="middle">{number(mark)}</text>
        </g>
      ))}
      <path class="ik-axis" d={`M${left} ${bottom}H${width - right}`} fill="none" />
      <text x={(left + width - right) / 2} y={bottom + 31} text-anchor="middle">{quantity.name} [{quantity.unit}]</text>
      {rows.map((row, i) => {
        const y = i * LINE + LINE / 2 + 3;
        return (
          <g key={row.taxon}>
            <title>{`${row.taxon}: ${number(raw(row)[0])} ${quantity.unit}`}</title>
            <text x={left - 8} y={y + 4} text-anchor="end" class="ik-plot-name">{shorten(row.taxon, 17)}</text>
            {whisker(raw(row), y - 4, "var(--ik-series-1)", false)}
            {whisker(corrected(row), y + 5, "var(--ik-series-2)", true)}
          </g>
        );
      })}
    </svg>
  );
}

function shorten(text: string, n: number): string {
  return text.length <= n ? text : `${text.slice(0, n - 1)}…`;
}

export function SpectrumChart(props: { points: readonly SpectrumPoint[]; fit: SpectrumFit | null; x: string; y: string; width: number }) {
  const { width } = props;
  const height = 230;
  const [left, right, topEdge, bottom] = [52, 10, 8, height - 40];
  const points = props.points.filter((point) => (point.x ?? 0) > 0 && (point.y ?? 0) > 0);
  if (!points.length) return null;
  const xs = points.map((point) => point.x!);
  const ys = points.flatMap((point) => [point.y!, point.low, point.high]).filter((value): value is number => value !== null && value > 0);
  const pad = (values: number[]): [number, number] => [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  const x = log(pad(xs), [left, width - right]);
  const y = log(pad(ys), [bottom, topEdge]);
  const line = props.fit && props.fit.slope !== null && props.fit.intercept !== null ? props.fit : null;
  const used = points.filter((point) => point.used);
  const [x0, x1] = [Math.min(...(used.length ? used : points).map((point) => point.x!)), Math.max(...(used.length ? used : points).map((point) => point.x!))];
  const at = (value: number) => 10 ** (line!.intercept! + line!.slope! * Math.log10(value));
  return (
    <svg class="ik-plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Size spectrum: ${props.y} against ${props.x}, both logarithmic; the table below holds the same figures`}>
      <clipPath id="ik-spectrum-area"><rect x={left} y={topEdge} width={width - left - right} height={bottom - topEdge} /></clipPath>
      {logTicks(...x.domain).map((mark) => (
        <g key={`x${mark}`}>
          <path class="ik-gridline" d={`M${x(mark)} ${topEdge}V${bottom}`} />
          <text x={x(mark)} y={bottom + 14} text-anchor="middle">{logLabel(mark)}</text>
        </g>
      ))}
      {logTicks(...y.domain).map((mark) => (
        <g key={`y${mark}`}>
          <path class="ik-gridline" d={`M${left} ${y(mark)}H${width - right}`} />
          <text x={left - 6} y={y(mark) + 4} text-anchor="end">{logLabel(mark)}</text>
        </g>
      ))}
      <path class="ik-axis" d={`M${left} ${topEdge}V${bottom}H${width - right}`} fill="none" />
      <text x={(left + width - right) / 2} y={height - 8} text-anchor="middle">{props.x}</text>
      <text transform={`translate(11 ${(topEdge + bottom) / 2}) rotate(-90)`} text-anchor="middle">{props.y}</text>
      <g clip-path="url(#ik-spectrum-area)" style={{ color: "var(--ik-series-1)" }}>
        {points.map((point, i) => (
          <g key={i} opacity={point.used ? 1 : 0.55}>
            <title>{`${number(point.x)}: ${number(point.y)} (n = ${point.n})${point.used ? "" : `, not in the fit: ${point.why}`}`}</title>
            {point.low !== null && point.high !== null && point.high > 0 && (
              <path d={`M${x(point.x!)} ${y(Math.max(point.low, y.domain[0]))}V${y(point.high)}`} stroke="currentColor" stroke-width="1.5" opacity="0.5" />
            )}
            <circle cx={x(point.x!)} cy={y(point.y!)} r="3.5" fill={point.used ? "currentColor" : "var(--ik-surface)"} stroke="currentColor" stroke-width="1.5" />
          </g>
        ))}
        {line && <path d={`M${x(x0)} ${y(at(x0))}L${x(x1)} ${y(at(x1))}`} stroke="var(--ik-series-2)" stroke-width="2" stroke-dasharray="5 3" />}
      </g>
    </svg>
  );
}
