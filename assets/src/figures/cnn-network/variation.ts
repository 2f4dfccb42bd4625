/**
 * The trace to draw: as loaded, or, for views with numbers, computed exactly and without maps that are switched off.
 * Cached until the picture or the maps change.
 */
import type { Manifest } from "../../arithmetic/manifest";
import { forward, type MapName, type Trace, type Weights } from "../../arithmetic/trace";
import { PAINTED } from "../../data/store";

export class Variation {
  private kept: { base: Trace; off: string; trace: Trace } | null = null;

  trace(
    manifest: Manifest,
    base: Trace | null,
    weights: Weights | null,
    off: readonly MapName[],
    exact: boolean,
  ): Trace | null {
    const isExact = base?.source === PAINTED && !off.length;
    if (!base || !weights || isExact || (!exact && !off.length)) {
      if (!base) this.kept = null;
      return base;
    }
    const key = JSON.stringify(off);
    if (this.kept?.base !== base || this.kept.off !== key) {
      const layers = forward(manifest, weights, base.layers.image, off);
      this.kept = { base, off: key, trace: { source: base.source, layers } };
    }
    return this.kept.trace;
  }
}
