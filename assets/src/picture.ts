/** From a file that the reader gives to the pixels that the network takes. Nothing here leaves the page. */
import { centralSquare, flattenOntoWhite } from "./preprocess";

/** The central square of a picture as opaque RGBA pixels, and what to call it. */
export interface Square {
  readonly name: string;
  readonly side: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** A picture that cannot be used; `reason` is the label that tells the reader what to do. */
export class PictureError extends Error {
  constructor(readonly reason: "not_a_picture" | "empty_file" | "unreadable_picture") {
    super(reason);
  }
}

/** Decode a file as it is stored (turned by its EXIF mark, no colour management) and cut out the central square. */
export async function readPicture(file: File, signal: AbortSignal): Promise<Square> {
  if (file.size === 0) throw new PictureError("empty_file");
  if (file.type && !file.type.startsWith("image/")) throw new PictureError("not_a_picture");
  const bitmap = await decode(file);
  try {
    signal.throwIfAborted();
    const { left, top, side } = centralSquare(bitmap.width, bitmap.height);
    const rgba = (file.type !== "image/jpeg" && (await exactPixels(bitmap, left, top, side))) || drawnPixels(bitmap, left, top, side);
    flattenOntoWhite(rgba);
    return { name: file.name, side, rgba };
  } finally {
    bitmap.close();
  }
}

async function decode(file: File): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new PictureError(file.type ? "unreadable_picture" : "not_a_picture");
  }
}

/** The pixels with their transparency as stored. A canvas would multiply the two and lose bits; a video frame keeps them. */
async function exactPixels(bitmap: ImageBitmap, left: number, top: number, side: number): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
  if (typeof VideoFrame === "undefined") return null;
  const frame = new VideoFrame(bitmap, { timestamp: 0, alpha: "keep" });
  try {
    const format = frame.format;
    if (format !== "RGBA" && format !== "BGRA") return null;
    const rect = { x: left, y: top, width: side, height: side };
    const pixels = new Uint8ClampedArray(side * side * 4);
    await frame.copyTo(pixels, { rect, layout: [{ offset: 0, stride: side * 4 }] });
    if (format === "BGRA") {
      for (let i = 0; i < pixels.length; i += 4) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
    }
    return pixels;
  } catch {
    return null;
  } finally {
    frame.close();
  }
}

/** The pixels over white, through a canvas: exact for what is opaque. */
function drawnPixels(bitmap: ImageBitmap, left: number, top: number, side: number): Uint8ClampedArray<ArrayBuffer> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, -left, -top);
  return context.getImageData(0, 0, side, side).data as Uint8ClampedArray<ArrayBuffer>;
}

/** The first picture among what was dropped or pasted. */
export function pictureIn(data: DataTransfer | null): File | null {
  const files = Array.from(data?.files ?? []);
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}
