/** How a convolution's window moves along one axis, as PyTorch's `nn.Conv2d` defines it; the other axis is alike. */
import { outputSize } from "../../arithmetic/ops";

export const NAMES = ["input_size", "padding", "kernel_size", "stride", "dilation"] as const;
export type Name = (typeof NAMES)[number];
export type Setting = Readonly<Record<Name, number>>;

export interface Geometry {
  /** The input with its padding on both sides. */
  padded: number;
  /** The window's length in cells, gaps included. */
  span: number;
  /** The number of window positions; 0 if it does not fit. */
  output: number;
  /** The cells at the end that no window reaches, since the next stride would leave the input. */
  uncovered: number;
}

export function compute({ input_size, padding, kernel_size, stride, dilation }: Setting): Geometry {
  const padded = input_size + 2 * padding;
  const span = dilation * (kernel_size - 1) + 1;
  const output = Math.max(0, outputSize(input_size, span, stride, padding));
  return { padded, span, output, uncovered: output ? padded - span - (output - 1) * stride : padded };
}

/** The cells of the padded input, along one axis, that the window at a place multiplies with its weights. */
export const taps = ({ kernel_size, stride, dilation }: Setting, place: number): number[] =>
  Array.from({ length: kernel_size }, (_, i) => place * stride + i * dilation);

/** The position whose window's centre is nearest to a cell of the padded input. */
export function placeOf(setting: Setting, cell: number): number {
  const { span, output } = compute(setting);
  return Math.min(output - 1, Math.max(0, Math.round((cell - (span - 1) / 2) / setting.stride)));
}

/** A position in the output, clamped; the first by default. */
export function inside(setting: Setting, at: readonly [number, number] | null): [number, number] {
  const along = (place: number) => Math.max(0, Math.min(compute(setting).output - 1, place));
  return at ? [along(at[0]), along(at[1])] : [0, 0];
}

/** The changes of a single value, within its limits, that make a window fit, smallest first. */
export function nearestValid(
  setting: Setting,
  limits: (name: Name) => readonly [number, number],
): { name: Name; value: number }[] {
  const candidates = NAMES.flatMap((name) => {
    const [min, max] = limits(name);
    const values = Array.from({ length: max - min + 1 }, (_, i) => min + i);
    const valid = values.filter((value) => compute({ ...setting, [name]: value }).output > 0);
    const distance = (value: number) => Math.abs(value - setting[name]);
    const nearest = valid.sort((a, b) => distance(a) - distance(b))[0];
    return nearest === undefined ? [] : [{ name, value: nearest, distance: distance(nearest) }];
  });
  return candidates.sort((a, b) => a.distance - b.distance).map(({ name, value }) => ({ name, value }));
}
