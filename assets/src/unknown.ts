/** "None of the classes", from a picture's logits alone: it excites no class, or lies far from all that the classes' photos give. */
import type { Unknown } from "./manifest";
import { softmax, type Tensor } from "./ops";

/** As in model/evaluate.py, where the rule is chosen; a test holds the two together. */
const measures: Record<string, (logits: Tensor) => number> = {
  probability: (logits) => Math.max(...softmax(logits).data),
  logit: (logits) => Math.max(...logits.data),
  energy(logits) {
    const most = Math.max(...logits.data);
    return most + Math.log(logits.data.reduce((sum, value) => sum + Math.exp(value - most), 0));
  },
};

/** The squared Mahalanobis distance to the nearest centre. */
function distance({ data }: Tensor, { centres, precision }: Unknown): number {
  return Math.min(...centres.map((centre) => {
    const away = centre.map((value, i) => data[i] - value);
    return away.reduce((sum, a, i) => sum + a * away.reduce((dot, b, j) => dot + precision[i][j] * b, 0), 0);
  }));
}

export const looksUnknown = (logits: Tensor, rule: Unknown | null): boolean =>
  rule !== null && (measures[rule.measure](logits) < rule.threshold || distance(logits, rule) > rule.distance);
