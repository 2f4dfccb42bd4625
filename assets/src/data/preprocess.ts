/**
 * How a picture becomes a network's input: `model/preprocess.py` in TypeScript, equal to the byte.
 *
 * A canvas cannot be used, since browsers scale differently and two of three badly. Pillow's BILINEAR is a triangle
 * filter, widened for downscaling, in fixed point, first along the rows and then along the columns.
 */

/** RGBA pixels over white, in place: round(c · a / 255) + 255 − a; the alpha becomes 255. */
export function flattenOntoWhite(rgba: Uint8Array | Uint8ClampedArray): void {
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3];
    if (alpha === 255) continue;
    for (let c = i; c < i + 3; c++) rgba[c] = Math.floor((rgba[c] * alpha + 127) / 255) + 255 - alpha;
    rgba[i + 3] = 255;
  }
}

/** Opaque RGBA pixels of a square → the network's input: uint8 (channels, size, size). */
export function preprocess(
  rgba: Uint8Array | Uint8ClampedArray,
  side: number,
  size: number,
  channels: number,
): Uint8Array {
  const reduction = new Reduction(side, size);
  reduction.add(rgba);
  return reduction.finish(channels);
}

/** The same for a square given in strips of rows, from the top, so that a large picture is never fully in memory. */
export class Reduction {
  private readonly rows: Uint8Array; // (side, size, 3): shrunk along the rows, not yet along the columns
  private here = 0;

  constructor(
    private readonly side: number,
    private readonly size: number,
  ) {
    this.rows = new Uint8Array(side * size * 3);
  }

  add(rgba: Uint8Array | Uint8ClampedArray): void {
    const count = rgba.length / 4 / this.side;
    this.rows.set(resampleRows(rgba, this.side, count, this.size), this.here * this.size * 3);
    this.here += count;
  }

  finish(channels: number): Uint8Array {
    const { side, size } = this;
    const small = transpose(resampleRows(transpose(this.rows, side, size), side, size, size, 3), size, size); // (size, size, 3)
    const planes = new Uint8Array(3 * size * size);
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < 3; c++) planes[c * size * size + i] = small[3 * i + c];
    }
    return channels === 3 ? planes : lumaInverted(planes, size);
  }
}

/** Luma (ITU-R 601-2, in Pillow's fixed point) of uint8 (3, size, size), inverted when the border is bright. */
function lumaInverted(planes: Uint8Array, size: number): Uint8Array {
  const area = size * size;
  const grey = Uint8Array.from(
    { length: area },
    (_, i) => (planes[i] * 19595 + planes[area + i] * 38470 + planes[2 * area + i] * 7471 + 0x8000) >> 16,
  );
  let [sum, count] = [0, 0];
  grey.forEach((value, i) => {
    const [x, y] = [i % size, Math.floor(i / size)];
    if (x === 0 || y === 0 || x === size - 1 || y === size - 1) [sum, count] = [sum + value, count + 1];
  });
  return sum * 2 > 255 * count ? grey.map((value) => 255 - value) : grey;
}

const PRECISION = 22; // bits after the point: 32 less 8 for the value and 2 to spare

/** Every row of height × width pixels (`stride` numbers each, of which 3 count) resampled to `size` pixels of 3. */
function resampleRows(
  pixels: Uint8Array | Uint8ClampedArray,
  width: number,
  height: number,
  size: number,
  stride = 4,
): Uint8Array {
  const out = new Uint8Array(height * size * 3);
  const taps = triangles(width, size);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const { first, weights } = taps[x];
      let [r, g, b] = [1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1)];
      let from = (y * width + first) * stride;
      for (let k = 0; k < weights.length; k++, from += stride) {
        r += pixels[from] * weights[k];
        g += pixels[from + 1] * weights[k];
        b += pixels[from + 2] * weights[k];
      }
      const to = (y * size + x) * 3;
      out[to] = Math.min(255, r >> PRECISION);
      out[to + 1] = Math.min(255, g >> PRECISION);
      out[to + 2] = Math.min(255, b >> PRECISION);
    }
  }
  return out;
}

/**
 * For each of `to` output pixels: the first of `from` input pixels that counts, and the fixed-point weights from there
 * on.
 */
function triangles(from: number, to: number): { first: number; weights: Int32Array }[] {
  const scale = from / to;
  const support = Math.max(scale, 1); // an enlarged picture is interpolated, a shrunk one averaged
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(from, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: last - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((first + k - center + 0.5) * (1 / support))),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: Int32Array.from(raw, (weight) => Math.trunc((weight / sum) * (1 << PRECISION) + 0.5)) };
  });
}

/** (height, width, 3) → (width, height, 3) */
function transpose(pixels: Uint8Array, height: number, width: number): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) out[(x * height + y) * 3 + c] = pixels[(y * width + x) * 3 + c];
    }
  }
  return out;
}
