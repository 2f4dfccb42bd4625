/** Pictures of none of the classes: low logits, or a channel mean outside the range for photos of the classes. */
import type { Unknown } from "./manifest";
import { channel, softmax, type Tensor } from "./ops";

/** As in model/unknown.py, where the rule is chosen; a test compares the two. */
const measures: Record<string, (logits: Tensor) => number> = {
  probability: (logits) => Math.max(...softmax(logits).data),
  logit: (logits) => Math.max(...logits.data),
  energy(logits) {
    const most = Math.max(...logits.data);
    return most + Math.log(logits.data.reduce((sum, value) => sum + Math.exp(value - most), 0));
  },
};

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `logits` is the activation of the last layer. */
export function looksUnknown(layers: Readonly<Record<string, Tensor>>, logits: Tensor, rule: Unknown): boolean {
  const { layer } = rule;
  const unusual =
    layer !== null &&
    rule.least.some((least, c) => {
      const bright = mean(channel(layers[layer], c));
      return bright < least || bright > rule.most[c];
    });
  return unusual || measures[rule.measure](logits) < rule.threshold;
}
