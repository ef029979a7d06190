/**
 * The picture itself: an OpenSeadragon viewer with tiles from the kernel, or frames drawn over an empty one, and where a place of the
 * picture lies on the screen. The pointer is followed elsewhere, so that a drawing tool and two fingers do not get in each other's way.
 */
import OpenSeadragon from "openseadragon";
import type { View } from "../protocol";
import type { Source } from "../surface";
import type { Box, Point } from "./geometry";

/** Requests for tiles at the same time. Others are not queued: what is asked next is what is in view then. */
const IN_FLIGHT = 6;
/** Screen px per px of the picture, at most. */
const CLOSEST = 64;
const QUIET_MS = 10_000;
/** The whole picture takes at least this part of the window. */
const FURTHEST = 0.4;

export interface StageHost {
  /** Something else is in view. */
  viewed(): void;
  failed(sentence: string): void;
}

export class Stage {
  readonly element = document.createElement("div");
  readonly minimap = document.createElement("div");
  /** Frames of a video; it lies over the picture. */
  readonly frame = document.createElement("canvas");
  window: [number, number] | null = null;
  private viewer: OpenSeadragon.Viewer | null = null;
  private size: Point = [1, 1];
  private bitmap: ImageBitmap | null = null;
  private filter = "";
  private abandon: (() => void) | null = null;
  /** Brings the whole into view; until the person looks at a part of it, it stays whole in a window of another size. */
  private fitted: (() => void) | null = null;
  private told = { sentence: "", at: 0 };
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly host: StageHost) {
    this.element.className = "ik-canvas-picture";
    this.minimap.className = "ik-canvas-minimap";
    this.frame.className = "ik-canvas-frame";
  }

  async open(view: View, source: Source): Promise<void> {
    this.close();
    this.size = [view.width, view.height];
    // The viewer takes its element along when it goes.
    const inner = document.createElement("div");
    inner.className = "ik-canvas-minimap-inner";
    this.minimap.replaceChildren(inner);
    this.minimap.style.setProperty("--ik-aspect", String(Math.min(5, Math.max(0.4, view.width / view.height))));
    const viewer = OpenSeadragon({
      element: this.element,
      prefixUrl: "",
      drawer: "canvas",
      showNavigationControl: false,
      showNavigator: true,
      // Where it lies is said in the style sheet.
      navigatorElement: inner,
      navigatorAutoFade: false,
      navigatorMaintainSizeRatio: false,
      mouseNavEnabled: false,
      keyboardNavEnabled: false,
      imageLoaderLimit: IN_FLIGHT,
      tileRetryMax: 1,
      tileRetryDelay: 1500,
      maxImageCacheCount: 400,
      animationTime: this.still.matches ? 0 : 0.35,
      blendTime: 0,
      springStiffness: 8,
      visibilityRatio: 0.25,
      minZoomImageRatio: FURTHEST,
      maxZoomPixelRatio: CLOSEST,
      preserveImageSizeOnResize: true,
      autoResize: true,
    } as OpenSeadragon.Options);
    this.viewer = viewer;
    this.minimap.setAttribute("aria-hidden", "true");
    for (const each of [viewer.canvas, ...this.minimap.querySelectorAll<HTMLElement>("[tabindex]")]) each.removeAttribute("tabindex");
    viewer.addHandler("update-viewport", () => this.updated());
    viewer.addHandler("resize", () => requestAnimationFrame(() => {
      this.fitted?.();
      this.updated();
    }));
    await new Promise<void>((resolve, reject) => {
      this.abandon = resolve;
      viewer.addOnceHandler("open", () => resolve());
      viewer.addOnceHandler("open-failed", () => reject(new Error("The picture cannot be shown: open it again.")));
      viewer.open(this.tiles(view, source) as unknown as OpenSeadragon.TileSourceSpecifier);
    });
    // Something else was opened meanwhile.
    if (this.viewer !== viewer) return;
    this.element.querySelector(".openseadragon-canvas")!.append(this.frame);
    this.frame.hidden = view.kind !== "video";
    this.fitted = () => {
      viewer.viewport.goHome(true);
      // A long recording would be a thin line: it begins with its first seconds, over the whole height.
      if (view.kind === "sound") this.fillHeight();
    };
    this.fitted();
    this.setFilter(this.filter);
    this.updated();
  }

  private tiles(view: View, source: Source): OpenSeadragon.TileSource {
    const tiled = view.kind === "video" ? { tile: Math.max(view.width, view.height), levels: 1 } : view;
    const tiles = new OpenSeadragon.TileSource({
      width: view.width, height: view.height, tileSize: tiled.tile, tileOverlap: 0, minLevel: 0, maxLevel: tiled.levels - 1,
    } as OpenSeadragon.TileSourceOptions);
    const told = () => (view.kind === "video" ? "" : (this.window?.join() ?? ""));
    tiles.getTileUrl = (level, x, y) => `${level}/${x}/${y}/${told()}`;
    tiles.getTileHashKey = (level, x, y) => `${level}/${x}/${y}/${told()}`;
    tiles.downloadTileStart = (job) => {
      const [level, x, y] = String(job.src).split("/").map(Number) as [number, number, number];
      const wanted = view.kind === "video" ? poster(source, view) : source.tile(level, x, y, this.window);
      wanted
        .then((blob) => createImageBitmap(blob))
        .then((bitmap) => job.finish(drawnOn(bitmap), null as never, "context2d"))
        .catch((error: unknown) => {
          this.fail(error instanceof Error ? error.message : "A part of the picture cannot be shown: try again.");
          job.fail("", null as never);
        });
    };
    tiles.downloadTileAbort = () => {};
    return tiles;
  }

  /** Many tiles fail for one reason: it is told once. */
  private fail(sentence: string): void {
    const now = performance.now();
    if (this.told.sentence === sentence && now - this.told.at < QUIET_MS) return;
    this.told = { sentence, at: now };
    this.host.failed(sentence);
  }

  /** Fetch all tiles anew, with another window. */
  reload(window: [number, number] | null): void {
    this.window = window;
    this.viewer?.world.resetItems();
    this.viewer?.forceRedraw();
  }

  setFilter(style: string): void {
    this.filter = style;
    const layers = [this.viewer?.drawer.canvas, this.viewer?.navigator?.drawer.canvas, this.frame];
    for (const layer of layers) if (layer instanceof HTMLElement) layer.style.filter = style;
  }

  /** Show a frame of a video, until the next. */
  show(bitmap: ImageBitmap): void {
    this.bitmap = bitmap;
    this.drawFrame();
  }

  private updated(): void {
    if (!this.ready) return;
    this.viewer!.drawer.setImageSmoothingEnabled(this.scale < 2);
    this.drawFrame();
    this.host.viewed();
  }

  private drawFrame(): void {
    if (this.frame.hidden || !this.bitmap || !this.ready) return;
    const [width, height] = this.extent;
    const ratio = devicePixelRatio;
    if (this.frame.width !== Math.round(width * ratio) || this.frame.height !== Math.round(height * ratio))
      [this.frame.width, this.frame.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = this.frame.getContext("2d")!;
    const [x, y] = this.toScreen([0, 0]);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = this.scale < 2;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.bitmap, x, y, this.size[0] * this.scale, this.size[1] * this.scale);
  }

  get ready(): boolean {
    return this.viewer !== null && this.viewer.world.getItemCount() > 0 && this.extent[0] > 0;
  }

  /** Of the window, in px of the screen. */
  get extent(): Point {
    return [this.element.clientWidth, this.element.clientHeight];
  }

  /** px of the screen per px of the picture. */
  get scale(): number {
    if (!this.viewer) return 1;
    const { viewport } = this.viewer;
    return (viewport.getZoom(true) * viewport.getContainerSize().x) / this.size[0];
  }

  /** Where the top left corner of the picture is on the screen. */
  get origin(): Point {
    if (!this.viewer) return [0, 0];
    const { x, y } = this.viewer.viewport.getBounds(true);
    const scale = this.scale * this.size[0];
    return [-x * scale, -y * scale];
  }

  toScreen([x, y]: Point): Point {
    const [left, top] = this.origin;
    return [left + x * this.scale, top + y * this.scale];
  }

  toPicture([x, y]: Point): Point {
    const [left, top] = this.origin;
    return [(x - left) / this.scale, (y - top) / this.scale];
  }

  /** What is in view, in px of the picture. */
  get box(): Box {
    return [...this.toPicture([0, 0]), ...this.toPicture(this.extent)];
  }

  zoomBy(factor: number, about: Point | null = null, atOnce = false): void {
    const { viewport } = this.viewer ?? {};
    if (!viewport) return;
    this.fitted = null;
    const place = about && viewport.pointFromPixel(new OpenSeadragon.Point(...about), true);
    viewport.zoomBy(factor, place ?? undefined, atOnce);
    viewport.applyConstraints(atOnce);
  }

  panBy(dx: number, dy: number, atOnce = true): void {
    const { viewport } = this.viewer ?? {};
    if (!viewport) return;
    this.fitted = null;
    viewport.panBy(viewport.deltaPointsFromPixels(new OpenSeadragon.Point(dx, dy), true), atOnce);
    if (!atOnce) viewport.applyConstraints(false);
  }

  private fillHeight(): void {
    const { viewport } = this.viewer!;
    const [width, height] = this.size;
    const shown = Math.min(width, (height * this.extent[0]) / this.extent[1]);
    if (shown > 0) viewport.fitBounds(new OpenSeadragon.Rect(0, 0, shown / width, height / width), true);
  }

  /** Bring a column of the picture into view, near the left, where it is not. */
  turnTo(x: number): void {
    const [x0, y0, x1, y1] = this.box;
    if (x >= x0 && x <= x1) return;
    this.fitted = null;
    const left = x - 0.05 * (x1 - x0);
    this.viewer?.viewport.panTo(new OpenSeadragon.Point((left + (x1 - x0) / 2) / this.size[0], (y0 + y1) / 2 / this.size[0]), true);
  }

  /** Bring back what was moved out of the window. */
  settle(): void {
    this.viewer?.viewport.applyConstraints(this.still.matches);
  }

  zoomTo(what: Box | "whole" | "actual", part = 0.25): void {
    const { viewport } = this.viewer ?? {};
    if (!viewport) return;
    this.fitted = what === "whole" ? () => viewport.goHome(true) : null;
    if (what === "whole") viewport.goHome(this.still.matches);
    else if (what === "actual") this.zoomBy(1 / this.scale / devicePixelRatio);
    else {
      const [x0, y0, x1, y1] = what;
      const room = Math.max((x1 - x0) * part, (y1 - y0) * part, 24);
      const [width] = this.size;
      const rect = new OpenSeadragon.Rect((x0 - room) / width, (y0 - room) / width, (x1 - x0 + 2 * room) / width, (y1 - y0 + 2 * room) / width);
      viewport.fitBoundsWithConstraints(rect, this.still.matches);
    }
  }

  /** The displayed pixels, without the marks; and how many of them make one px of the screen. */
  pixels(): { data: ImageData; ratio: number } | null {
    const canvas = this.frame.hidden ? this.viewer?.drawer.canvas : this.frame;
    if (!(canvas instanceof HTMLCanvasElement) || !canvas.width) return null;
    return { data: canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height), ratio: canvas.width / this.extent[0] };
  }

  close(): void {
    this.abandon?.();
    this.fitted = null;
    this.viewer?.destroy();
    this.viewer = null;
    this.bitmap = null;
    this.minimap.replaceChildren();
  }
}

function drawnOn(bitmap: ImageBitmap): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context;
}

/** The first frame, small, for the minimap and until frames come. */
async function poster(source: Source, view: { width: number; height: number }): Promise<Blob> {
  const { pictures } = await source.frames(0, 1, Math.min(480, Math.max(view.width, view.height)));
  if (!pictures[0]) throw new Error("The video has no frames that can be shown.");
  return pictures[0];
}
