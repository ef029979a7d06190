/** How the picture is shown: curves and colour maps as tables for an SVG filter, so that nothing is fetched anew. */
import type { Look } from "../surface";

export const NEUTRAL: Look = { brightness: 0, contrast: 0, gamma: 1, window: [0, 1], invert: false, colours: "" };

/** 33 colours each of the maps of matplotlib; the values between are at most 5 of 255 off. */
const MAPS: Record<string, string> = {
  viridis:
    "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725",
  magma:
    "0000040303120a0822130d341d114729115a36106b440f7651127c5d177f6a1c81762181832681902a819c2e7faa337db73779c43c75d0416fdc4869e75263ef5d5ef56b5cf9795dfc8961fd9869fea772feb67cfec488fed395fde2a3fcf0b2fcfdbf",
  cividis:
    "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c788482798c8878938e789b9476a39a74aba072b4a76fbcae6cc4b468cdbb63d5c25edec958e7d150f0d846f9e03afee838",
  grey: "000000ffffff",
};

export const COLOUR_MAPS: readonly string[] = Object.keys(MAPS);

function colour(name: string, value: number): [number, number, number] {
  const hex = MAPS[name]!;
  const steps = hex.length / 6 - 1;
  const at = Math.min(steps - 1, Math.floor(value * steps));
  const t = value * steps - at;
  const part = (index: number, channel: number) => parseInt(hex.slice(6 * index + 2 * channel, 6 * index + 2 * channel + 2), 16) / 255;
  const mixed = (channel: number) => part(at, channel) * (1 - t) + part(at + 1, channel) * t;
  return [mixed(0), mixed(1), mixed(2)];
}

/** What a value of 0…1 is shown as; `stretch`: the window has not been taken into account by the kernel. */
export function toned(value: number, look: Look, stretch: boolean): number {
  const clamp = (v: number) => Math.min(1, Math.max(0, v));
  const [low, high] = stretch ? look.window : [0, 1];
  let v = clamp((value - low) / Math.max(1e-6, high - low));
  v = v ** (1 / look.gamma);
  const steep = Math.min(64, Math.tan(((Math.min(1, Math.max(-1, look.contrast)) + 1) * Math.PI) / 4));
  v = clamp((v - 0.5) * steep + 0.5 + look.brightness);
  return look.invert ? 1 - v : v;
}

export interface Curves {
  /** Colours become grey first. */
  grey: boolean;
  /** For red, green and blue, 256 values of 0…1. */
  tables: [number[], number[], number[]];
}

/** Null where the picture is shown as it is. */
export function curves(look: Look, stretch: boolean): Curves | null {
  const map = look.colours in MAPS ? look.colours : "";
  const tables: [number[], number[], number[]] = [[], [], []];
  let plain = !map;
  for (let i = 0; i < 256; i++) {
    const v = toned(i / 255, look, stretch);
    if (Math.abs(v - i / 255) > 1e-6) plain = false;
    const rgb = map ? colour(map, v) : [v, v, v];
    rgb.forEach((each, channel) => tables[channel as 0 | 1 | 2].push(each));
  }
  return plain ? null : { grey: map !== "", tables };
}

const SVG = "http://www.w3.org/2000/svg";
let filters = 0;

/** The filter in the page; `style` is for `filter` of the picture's layer. */
export class LookFilter {
  readonly element: SVGSVGElement;
  private readonly filter: SVGFilterElement;
  private readonly id = `ik-look-${++filters}`;

  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "ik-canvas-filter");
    this.element.setAttribute("aria-hidden", "true");
    this.filter = document.createElementNS(SVG, "filter");
    this.filter.id = this.id;
    this.filter.setAttribute("color-interpolation-filters", "sRGB");
    for (const [name, value] of Object.entries({ x: "0", y: "0", width: "1", height: "1" })) this.filter.setAttribute(name, value);
    this.element.append(this.filter);
  }

  set(found: Curves | null): string {
    this.filter.replaceChildren();
    if (!found) return "";
    if (found.grey) {
      const matrix = document.createElementNS(SVG, "feColorMatrix");
      const luma = "0.2126 0.7152 0.0722 0 0 ";
      matrix.setAttribute("values", `${luma}${luma}${luma}0 0 0 1 0`);
      this.filter.append(matrix);
    }
    const transfer = document.createElementNS(SVG, "feComponentTransfer");
    (["feFuncR", "feFuncG", "feFuncB"] as const).forEach((name, channel) => {
      const curve = document.createElementNS(SVG, name);
      curve.setAttribute("type", "table");
      curve.setAttribute("tableValues", found.tables[channel as 0 | 1 | 2].map((v) => v.toFixed(4)).join(" "));
      transfer.append(curve);
    });
    this.filter.append(transfer);
    return `url(#${this.id})`;
  }
}
