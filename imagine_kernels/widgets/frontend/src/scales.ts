/** Scales, ticks and numbers for charts. */

export interface Scale {
  (value: number): number;
  domain: [number, number];
}

export function linear(domain: [number, number], range: [number, number]): Scale {
  const [d0, d1] = domain;
  const span = d1 - d0 || 1;
  return Object.assign((value: number) => range[0] + ((value - d0) / span) * (range[1] - range[0]), { domain });
}

export function log(domain: [number, number], range: [number, number]): Scale {
  const [d0, d1] = [Math.log10(domain[0]), Math.log10(domain[1])];
  const span = d1 - d0 || 1;
  return Object.assign((value: number) => range[0] + ((Math.log10(value) - d0) / span) * (range[1] - range[0]), { domain });
}

/** Round numbers that cover 0 … `top` with about `n` steps. */
export function ticks(top: number, n = 5): number[] {
  if (!(top > 0) || !Number.isFinite(top)) return [0, 1];
  const rough = top / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((each) => each >= rough * 0.999)!;
  const count = Math.ceil(top / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** Powers of ten that cover low … high; where they are few, 2 and 5 times them too. */
export function logTicks(low: number, high: number): number[] {
  if (!(low > 0) || !(high > low)) return [1];
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const decades = last - first;
  const step = Math.max(1, Math.ceil(decades / 6));
  const values: number[] = [];
  for (let e = first; e <= last; e += step) {
    for (const m of decades <= 2 ? [1, 2, 5] : [1]) values.push(Number(`${m}e${e}`));
  }
  const inside = values.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  return inside.length >= 2 ? inside : [low, high];
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Three significant figures, thousands apart, powers of ten where numbers are very large or small. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 0.000999) {
    const exponent = Math.floor(Math.log10(size));
    const mantissa = value / 10 ** exponent;
    return `${trim(mantissa.toFixed(2))} × ${power(exponent)}`;
  }
  if (size >= 1000) return Math.round(value).toLocaleString("en").replace(/,/g, "\u202f");
  return trim(value.toPrecision(3));
}

/** A tick on a logarithmic axis. */
export function logLabel(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (Math.abs(Math.log10(value) - exponent) < 1e-6 && (exponent > 3 || exponent < -3)) return power(exponent);
  return number(value);
}

export function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

function trim(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function percent(value: number): string {
  const rounded = Math.round(value * 100);
  // 0 and 100 % are said only of what is certain.
  if (rounded === 100 && value < 0.9995) return ">99 %";
  return rounded === 0 && value > 0.0005 ? "<1 %" : `${rounded} %`;
}

export function count(n: number, one: string, many: string): string {
  return `${n.toLocaleString("en").replace(/,/g, "\u202f")} ${n === 1 ? one : many}`;
}

/** "about 2 min left" */
export function timeLeft(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  if (seconds < 1.5) return "a moment left";
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(0)} kB`;
  if (n < 1e9) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(2)} GB`;
}

/** A round length for a scale bar that takes up to `widest` px. */
export function scaleBar(pxPerMm: number, widest: number): { mm: number; px: number; text: string } {
  const most = widest / pxPerMm;
  const exponent = 10 ** Math.floor(Math.log10(most));
  const mm = [5, 2, 1].map((m) => m * exponent).find((each) => each <= most * 1.0001) ?? exponent;
  return { mm, px: mm * pxPerMm, text: mm >= 1 ? `${trim(mm.toPrecision(3))} mm` : `${trim((mm * 1000).toPrecision(3))} µm` };
}
