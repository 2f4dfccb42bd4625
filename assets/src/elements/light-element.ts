/** An element in light DOM: the page's styles reach it, and so do links and tests. */
import { LitElement } from "lit";

export class LightElement extends LitElement {
  override createRenderRoot() {
    return this;
  }
}
