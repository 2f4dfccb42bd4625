/**
 * Recognise a file's format by its bytes, since names and types can be wrong, and detect truncated files. Browsers show
 * those with a grey remainder, which the network would classify as part of the picture.
 */

export type Format = "png" | "jpeg" | "gif" | "webp" | "avif" | "heic" | "tiff" | "svg" | "other";

export interface Inspection {
  format: Format;
  /** Whether the file is complete up to its format's end mark; true if that is not checked. */
  whole: boolean;
  /** Whether there is more than one frame. */
  animated: boolean;
}

export function inspect(bytes: Uint8Array): Inspection {
  const format = formatOf(bytes);
  const walk = WALKS[format];
  return { format, ...(walk ? walk(bytes) : { whole: true, animated: false }) };
}

function formatOf(bytes: Uint8Array): Format {
  const head = ascii(bytes, 0, 12);
  if (head.startsWith("\x89PNG")) return "png";
  if (head.startsWith("\xff\xd8\xff")) return "jpeg";
  if (head.startsWith("GIF8")) return "gif";
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return "webp";
  if (head.startsWith("II*\0") || head.startsWith("MM\0*")) return "tiff";
  if (/^.{4}ftypavi[fs]/s.test(head)) return "avif";
  if (/^.{4}ftyp(hei|hev|mif|msf)/s.test(head)) return "heic";
  const markup = new TextDecoder().decode(bytes.subarray(0, 4096));
  return /^\ufeff?\s*(<\?xml|<!--|<!doctype svg|<svg)/i.test(markup) && /<svg[\s>]/i.test(markup) ? "svg" : "other";
}

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

type Walk = (bytes: Uint8Array) => { whole: boolean; animated: boolean };

const WALKS: Partial<Record<Format, Walk>> = {
  /** Chunks of length, name, data and checksum, up to IEND; acTL announces an animation. */
  png(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let animated = false;
    for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
      const name = ascii(bytes, at + 4, at + 8);
      if (name === "acTL") animated = true;
      if (name === "IEND") return { whole: true, animated };
    }
    return { whole: false, animated };
  },

  /** Segments up to the scan (over any thumbnail inside them), then the end mark, which cannot stand inside a scan. */
  jpeg(bytes) {
    let at = 2;
    while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
      at += bytes[at + 1] === 0xff ? 1 : 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    }
    for (at++; at + 1 < bytes.length; at++)
      if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return { whole: true, animated: false };
    return { whole: false, animated: false };
  },

  /** Blocks up to the trailer; every image block is a frame. */
  gif(bytes) {
    const table = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
    let at = 13 + table(bytes[10]);
    let frames = 0;
    const skipSubBlocks = () => {
      while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1;
      at++;
    };
    while (at < bytes.length) {
      if (bytes[at] === 0x3b) return { whole: true, animated: frames > 1 };
      if (bytes[at] === 0x2c) {
        frames++;
        at += 11 + table(bytes[at + 9]);
      } else at += 2;
      skipSubBlocks();
    }
    return { whole: false, animated: frames > 1 };
  },

  /** The RIFF header tells the length; the extended header's second bit tells of an animation. */
  webp(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const whole = view.getUint32(4, true) + 8 <= bytes.length;
    return { whole, animated: ascii(bytes, 12, 16) === "VP8X" && (bytes[20] & 2) !== 0 };
  },
};
