/** Everything that a key can do: its name, what it is called, and its key. The one table of them. */

export type Group = "Tools" | "Labels" | "Annotations" | "Video and sound" | "Media" | "View" | "Page";

export interface Action {
  name: string;
  words: string;
  group: Group;
  /** As `keyName` writes it. */
  key: string;
  /** Only where the person may annotate. */
  edits: boolean;
}

const tool = (name: string, words: string, key: string): Action => ({ name: `tool-${name}`, words, group: "Tools", key, edits: name !== "pan" && name !== "zoom" && name !== "ruler" && name !== "select" });
const mark = (name: string, words: string, key: string): Action => ({ name, words, group: "Annotations", key, edits: true });
const other = (group: Group, name: string, words: string, key: string, edits = false): Action => ({ name, words, group, key, edits });

/** Letters of the tools are those of BIIGLE, as far as F and Z are not the view. */
export const ACTIONS: readonly Action[] = [
  tool("select", "Select, move and reshape", "M"),
  tool("pan", "Move the picture", "P"),
  tool("point", "Point", "A"),
  tool("rectangle", "Rectangle", "S"),
  tool("rotated_rectangle", "Turned rectangle", "Shift+S"),
  tool("circle", "Circle", "D"),
  tool("ellipse", "Ellipse", "Shift+D"),
  tool("line", "Line", "L"),
  tool("polygon", "Polygon", "G"),
  tool("brush", "Brush", "E"),
  tool("eraser", "Eraser", "R"),
  tool("wand", "Magic wand", "Shift+G"),
  tool("ruler", "Ruler", "Shift+F"),
  tool("zoom", "Zoom into a box", "Shift+Z"),
  other("Tools", "aim", "Draw by keyboard: arrows move a crosshair, Enter presses", "B"),
  other("Tools", "brush-smaller", "Smaller brush", "Shift+E", true),
  other("Tools", "brush-larger", "Larger brush", "Shift+R", true),

  ...Array.from({ length: 9 }, (_, i) => other("Labels", `label-${i + 1}`, `Favourite label ${i + 1}`, String(i + 1), true)),
  ...Array.from({ length: 3 }, (_, i) => other("Labels", `suggest-${i + 1}`, `Suggestion ${i + 1} of the model`, `Alt+${i + 1}`, true)),
  other("Labels", "help", "Help from a model", "Shift+H"),
  other("Labels", "label", "End the shape; give the selected ones a label", "Enter", true),
  other("Labels", "find-label", "Search the labels", "Ctrl+K"),
  other("Labels", "no-label", "Draw without a label, and be asked", "0", true),
  other("Labels", "whole", "Label the whole picture", "W", true),

  mark("validated", "Validated: it is so", "V"),
  mark("dubious", "Dubious: somebody else should look", "U"),
  mark("discarded", "Discarded: it is none", "X"),
  mark("delete", "Delete", "Delete"),
  mark("copy-on", "Copy to the next frame or medium", "C"),
  mark("track", "The selected ones are the same individual", "I"),
  mark("nudge-left", "Move left", "ArrowLeft"),
  mark("nudge-right", "Move right", "ArrowRight"),
  mark("nudge-up", "Move up", "ArrowUp"),
  mark("nudge-down", "Move down", "ArrowDown"),
  mark("nudge-far-left", "Move far to the left", "Shift+ArrowLeft"),
  mark("nudge-far-right", "Move far to the right", "Shift+ArrowRight"),
  mark("nudge-far-up", "Move far up", "Shift+ArrowUp"),
  mark("nudge-far-down", "Move far down", "Shift+ArrowDown"),
  other("Annotations", "next-mark", "Go to the next annotation", "Alt+ArrowRight"),
  other("Annotations", "previous-mark", "Go to the annotation before", "Alt+ArrowLeft"),
  other("Annotations", "select-all", "Select all", "Ctrl+A"),
  other("Annotations", "escape", "Give up drawing; select nothing; close", "Escape"),

  other("Video and sound", "play", "Play or pause", "Space"),
  other("Video and sound", "frame-on", "One frame on", "."),
  other("Video and sound", "frame-back", "One frame back", ","),
  other("Video and sound", "faster", "Faster", "Shift+."),
  other("Video and sound", "slower", "Slower", "Shift+,"),
  other("Video and sound", "keyframe", "Keyframe here", "K", true),
  other("Video and sound", "remove-keyframe", "Remove the keyframe here", "Shift+K", true),
  other("Video and sound", "gap", "It leaves the picture here", "J", true),

  other("Media", "next-medium", "Next medium", "PageDown"),
  other("Media", "previous-medium", "Medium before", "PageUp"),
  other("Media", "reviewed-next", "Looked at all of it: next", "N", true),
  other("Media", "find-medium", "Search the media", "/"),
  other("Media", "grid", "Annotations side by side, many at a time", "Q"),
  other("Media", "all-annotations", "All annotations as a list", "Y"),
  other("Media", "quality", "Quality: how far people agree", "Shift+Q"),

  other("View", "zoom-in", "Closer", "+"),
  other("View", "zoom-out", "Farther", "-"),
  other("View", "whole-view", "The whole picture", "F"),
  other("View", "zoom-selection", "Zoom to the selection", "Z"),
  other("View", "actual-size", "Full size, pixel by pixel", "Shift+1"),
  other("View", "hide-shapes", "Hide or show the shapes", "H"),
  other("View", "titles", "Hide or show the names at the shapes", "T"),
  other("View", "opacity", "Fill of the shapes: none, some, strong", "O"),

  other("Page", "undo", "Undo", "Ctrl+Z"),
  other("Page", "redo", "Redo", "Ctrl+Shift+Z"),
  other("Page", "keys", "All keys", "?"),
];

const BY_NAME = new Map(ACTIONS.map((action) => [action.name, action]));

/** Keys as the person has them: action to key, "" for none. */
export type Bindings = Record<string, string>;

export function actionOf(name: string): Action | undefined {
  return BY_NAME.get(name);
}

export function keyOf(name: string, changed: Bindings): string {
  return changed[name] ?? BY_NAME.get(name)?.key ?? "";
}

/** The action of a key. */
export function actionFor(key: string, changed: Bindings): Action | null {
  return (key && ACTIONS.find((action) => keyOf(action.name, changed) === key)) || null;
}

/** The other action that has the key already. */
export function clash(name: string, key: string, changed: Bindings): Action | null {
  return (key && ACTIONS.find((action) => action.name !== name && keyOf(action.name, changed) === key)) || null;
}

/** With another key for an action; whoever had it loses it. */
export function rebound(changed: Bindings, name: string, key: string): Bindings {
  const other = clash(name, key, changed);
  return kept({ ...changed, [name]: key, ...(other ? { [other.name]: "" } : {}) });
}

/** With the key that the table has; it is taken back from whoever has it now. */
export function reset(changed: Bindings, name: string): Bindings {
  return rebound(changed, name, BY_NAME.get(name)?.key ?? "");
}

/** Only what differs from the table. */
function kept(changed: Bindings): Bindings {
  return Object.fromEntries(Object.entries(changed).filter(([name, key]) => BY_NAME.has(name) && BY_NAME.get(name)!.key !== key));
}

interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

const PUNCTUATION: Record<string, string> = { Comma: ",", Period: "." };
const LONE = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "Tab", "Dead", "Process", "Unidentified", "CapsLock"]);

/** A key as people read it: "Ctrl+Shift+Z", "A", "?", "Space"; empty for keys that cannot be given. */
export function keyName(event: Pressed): string {
  if (LONE.has(event.key)) return "";
  let key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  let shift = event.shiftKey && (event.key.length > 1 || key.toLowerCase() !== key.toUpperCase() || key === "Space");
  // Of digits and of , and . the key counts, of other characters what is written: keyboards differ in what Shift makes of them.
  if (digit !== undefined && !/^[\d?/+-]$/.test(event.key)) [key, shift] = [digit, event.shiftKey];
  else if (event.shiftKey && PUNCTUATION[event.code] && !/[\p{L}?.,]/u.test(event.key)) [key, shift] = [PUNCTUATION[event.code]!, true];
  const control = event.ctrlKey || event.metaKey;
  return [control && "Ctrl", event.altKey && "Alt", shift && "Shift", key].filter(Boolean).join("+");
}

const SHOWN: Record<string, string> = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del", PageUp: "Page ↑", PageDown: "Page ↓" };

/** The caps of a key, for `kbd`. */
export function caps(key: string): string[] {
  if (key === "+" || key === "") return key ? [key] : [];
  return key.replace(/\+\+$/, "+plus").split("+").map((part) => SHOWN[part] ?? (part === "plus" ? "+" : part));
}
