/**
 * When a browser translates the page, it puts each text into a `<font>`. Lit writes a text that changes into the node
 * after its marker, by `data`: in a `<font>` as well from here on, so that no figure has to think of it. Nothing else
 * here uses the element.
 */
Object.defineProperty(HTMLFontElement.prototype, "data", {
  set(this: HTMLFontElement, text: string) {
    this.textContent = text;
  },
});
