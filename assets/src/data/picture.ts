/** From a file that the reader gives to the pixels that the network takes. Nothing here leaves the page. */
import { type Format, inspect } from "./formats";
import { flattenOntoWhite, Reduction } from "./preprocess";
import { nextTask } from "./slices";

/** The reader's picture: decoded, with its crop square. */
export interface OwnPicture {
  readonly file: File;
  readonly bitmap: ImageBitmap;
  /** Whether it is a frame of the running camera, of which nothing is kept. */
  readonly isLive: boolean;
  /** Whether it may be transparent: then its pixels are read without a canvas where the browser can. */
  readonly transparent: boolean;
  /** Labels of notes about it. */
  readonly notes: readonly Note[];
  readonly crop: Crop;
}

/** The square that the network sees, in pixels of the picture. */
export interface Crop {
  left: number;
  top: number;
  side: number;
}

export type Note = "animated_picture" | "several_files" | "svg_without_size";

/** Why a picture cannot be used; the label that tells the reader what to do. */
export type Reason =
  | "not_a_picture"
  | "empty_file"
  | "unreadable_picture"
  | "truncated_picture"
  | "heic_picture"
  | "tiff_picture"
  | "too_large_picture"
  | "too_large_file"
  | "svg_with_html";

export class PictureError extends Error {
  constructor(readonly reason: Reason) {
    super(reason);
  }
}

/** The square in the middle; odd margins are rounded down. */
export function centralCrop(width: number, height: number): Crop {
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/**
 * Decode a file as it is stored: turned by its EXIF mark, without colour management, the first frame of an animation.
 */
export async function readPicture(file: File, signal: AbortSignal): Promise<OwnPicture> {
  if (file.size === 0) throw new PictureError("empty_file");
  if (file.size > LARGEST_FILE) throw new PictureError("too_large_file");
  const { format, whole, animated } = inspect(new Uint8Array(await file.arrayBuffer()));
  signal.throwIfAborted();
  if (!whole) throw new PictureError("truncated_picture");
  const notes: Note[] = animated ? ["animated_picture"] : [];
  const bitmap = await (format === "svg" ? drawSvg(file, notes) : decode(file, format));
  if (signal.aborted) bitmap.close();
  signal.throwIfAborted();
  return {
    file,
    bitmap,
    isLive: false,
    transparent: format !== "jpeg",
    notes,
    crop: centralCrop(bitmap.width, bitmap.height),
  };
}

/**
 * The network's input: uint8 (channels, size, size). A large picture is read in strips, with time for the page between
 * them; `onProgress` gets the share that is done.
 */
export async function pixelsOf(
  own: OwnPicture,
  size: number,
  channels: number,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { left, top, side } = own.crop;
  const reduction = new Reduction(side, size);
  const rows = Math.max(1, Math.floor(STRIP / side));
  const frame = own.transparent ? frameOf(own.bitmap) : null;
  try {
    for (let y = 0; y < side; y += rows) {
      const strip = { x: left, y: top + y, width: side, height: Math.min(rows, side - y) };
      const rgba = frame ? await framePixels(frame, strip) : drawnPixels(own.bitmap, strip);
      flattenOntoWhite(rgba);
      reduction.add(rgba);
      if (rows >= side) continue;
      onProgress(Math.min(1, (y + rows) / side));
      await new Promise((done) => setTimeout(done));
      signal.throwIfAborted();
    }
  } finally {
    frame?.close();
  }
  return reduction.finish(channels);
}

/** The first picture among what was dropped or pasted, and how many files there were. */
export function pictureIn(data: DataTransfer | null): { file: File; count: number } | null {
  const files = Array.from(data?.files ?? []);
  const file = files.find((candidate) => candidate.type.startsWith("image/")) ?? files[0];
  return file ? { file, count: files.length } : null;
}

const LARGEST_FILE = 100_000_000; // bytes: larger files are not photos and might not fit into memory
const STRIP = 400_000; // pixels read at a time: about 20 ms of work
const EXACT = 16_000_000; // pixels: above this a second copy of the picture in memory is not worth an exact last bit
const SVG_SIDE = 512; // pixels: the shorter side at which an SVG is drawn

async function decode(file: File, format: Format): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    if (format === "heic") throw new PictureError("heic_picture");
    if (format === "tiff") throw new PictureError("tiff_picture");
    throw new PictureError(
      format === "other" ? "not_a_picture" : file.size > 20_000_000 ? "too_large_picture" : "unreadable_picture",
    );
  }
}

/**
 * An SVG through an image element, since no browser makes a bitmap of every SVG; drawn larger than the network needs.
 */
async function drawSvg(file: File, notes: Note[]): Promise<ImageBitmap> {
  const source = await file.text();
  // Read the root tag by hand: an XML parser would log errors that the image element ignores.
  const tag = /<svg\b[^>]*>/i.exec(source)?.[0];
  if (!tag) throw new PictureError("unreadable_picture");
  // A canvas with HTML inside an SVG cannot be read back.
  if (/<(\w+:)?foreignObject[\s>]/i.test(source)) throw new PictureError("svg_with_html");
  const attribute = (name: string) =>
    new RegExp(`\\s${name}\\s*=\\s*["']([^"']*)["']`, "i").exec(tag)?.[1].trim() ?? "";
  const given = ["width", "height"].map((name) =>
    /^[\d.]+(px)?$/.test(attribute(name)) ? parseFloat(attribute(name)) : NaN,
  );
  const box = attribute("viewBox")
    .split(/[\s,]+/)
    .map(Number);
  const sized = given.every((length) => length > 0);
  if (!sized) notes.push("svg_without_size");
  const [width, height] = sized ? given : box.length === 4 && box[2] > 0 && box[3] > 0 ? box.slice(2) : [1, 1];
  // A size of its own, in pixels: without one some browsers draw nothing.
  const scale = SVG_SIDE / Math.min(width, height);
  const size = [width, height].map((length) => Math.min(8 * SVG_SIDE, Math.max(1, Math.round(length * scale))));
  const frame = box.length === 4 ? "" : ` viewBox="0 0 ${width} ${height}"`;
  const root = tag
    .replace(/\s(width|height)\s*=\s*("[^"]*"|'[^']*')/gi, "")
    .replace(/^<svg/i, `<svg width="${size[0]}" height="${size[1]}"${frame}`);
  const url = URL.createObjectURL(new Blob([source.replace(tag, () => root)], { type: "image/svg+xml" }));
  try {
    const image = await loadSvg(url);
    const canvas = new OffscreenCanvas(size[0], size[1]);
    canvas.getContext("2d")!.drawImage(image, 0, 0, size[0], size[1]);
    return canvas.transferToImageBitmap();
  } catch {
    throw new PictureError("unreadable_picture");
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The SVG at an address, ready to be drawn. */
export async function loadSvg(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  // WebKit may go on here while it calls ResizeObservers, and reports an unfinished loop if an SVG is drawn meanwhile.
  await nextTask();
  return image;
}

interface Strip {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * The picture with its transparency as stored: a canvas would multiply colour and transparency and lose bits, a video
 * frame keeps both. Null where the browser has none, or has one in another form.
 */
function frameOf(bitmap: ImageBitmap): VideoFrame | null {
  if (typeof VideoFrame === "undefined" || bitmap.width * bitmap.height > EXACT) return null;
  try {
    const frame = new VideoFrame(bitmap, { timestamp: 0, alpha: "keep" });
    if (frame.format === "RGBA" || frame.format === "BGRA") return frame;
    frame.close();
  } catch {
    // The canvas works too, except for the last bit.
  }
  return null;
}

async function framePixels(frame: VideoFrame, strip: Strip): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const pixels = new Uint8ClampedArray(strip.width * strip.height * 4);
  await frame.copyTo(pixels, { rect: strip, layout: [{ offset: 0, stride: strip.width * 4 }] });
  if (frame.format === "BGRA")
    for (let i = 0; i < pixels.length; i += 4) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
  return pixels;
}

/** The pixels over white, through a canvas: exact for what is opaque. */
function drawnPixels(bitmap: ImageBitmap, { x, y, width, height }: Strip): Uint8ClampedArray<ArrayBuffer> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, -x, -y);
  return context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
}
