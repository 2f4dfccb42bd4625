/** Controls that figures share: a labelled slider, steps by the arrow keys, a line of code to copy. */
import { html } from "lit";
import { text } from "../drawing/text";
import { LightElement } from "./light-element";
import type { Field } from "./state";

/** A slider for a number of a figure's declaration, with its value beside it. */
export function slider(name: string, field: Field, label: string, value: number, go: (value: number) => void) {
  const { min = 0, max = 1, step = 1 } = field as Extract<Field, { type: "number" }>;
  return html`<label class="fig-slider" data-name=${name}><span>${label}</span><output class="number" .textContent=${String(value)}></output>
    <input type="range" name=${name} min=${min} max=${max} step=${step} .value=${String(value)}
      @input=${(event: Event) => go(Number((event.target as HTMLInputElement).value))}></label>`;
}

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The rows and columns that an arrow key moves by; null for other keys and with a modifier. */
export const arrowStep = (event: KeyboardEvent): readonly [number, number] | null =>
  event.altKey || event.ctrlKey || event.metaKey ? null : (ARROWS[event.key] ?? null);

/**
 * A drawing to point at: one tab stop, steps by the arrow keys, Escape to leave it. A finger points while it presses.
 */
export function explorable(
  label: string,
  drawing: unknown,
  point: (event: PointerEvent) => void,
  step: (rows: number, columns: number) => void,
) {
  const onPointer = (event: PointerEvent) => (event.pointerType === "mouse" || event.buttons) && point(event);
  const onKey = (event: KeyboardEvent) => {
    const by = arrowStep(event);
    if (event.key === "Escape") (event.currentTarget as HTMLElement).blur();
    if (!by) return;
    event.preventDefault();
    step(by[0], by[1]);
  };
  return html`<div class="fig-explorable" tabindex="0" role="application" aria-label=${label}
    @pointermove=${onPointer} @pointerdown=${onPointer} @keydown=${onKey}>${drawing}</div>`;
}

class CopyLine extends LightElement {
  static override properties = { code: {}, isCopied: { state: true } };
  declare code: string;
  declare isCopied: boolean;

  constructor() {
    super();
    this.isCopied = false;
  }

  override render() {
    return html`<code translate="no" .textContent=${this.code}></code>
      <button type="button" class="cn-quiet" @click=${this.copy}>${text(this.isCopied ? "copied" : "copy_code")}</button>`;
  }

  private copy = async () => {
    try {
      await navigator.clipboard.writeText(this.code);
      this.isCopied = true;
      setTimeout(() => (this.isCopied = false), 2500);
    } catch {
      prompt(text("copy_code"), this.code); // no clipboard here
    }
  };
}

customElements.define("copy-line", CopyLine);
