import "@annotorious/annotorious/annotorious.css";
import "./canvas.css";
import type { Surface } from "../surface";
import { Canvas } from "./surface";

/** An empty surface; put its `element` into the page, then `open`. */
export function surface(): Surface {
  return new Canvas();
}
