/**
 * `<live-line>`: a line that a screen reader reads out when it changes: once it stands still, and while it goes on
 * changing, as with the camera, every few seconds.
 */
const STILL = 700; // milliseconds without a change
const PAUSE = 3000; // milliseconds between two lines

class LiveLine extends HTMLElement {
  private line = "";
  private since = 0; // when it first differed from what was said
  private saidAt = -PAUSE;
  private timer = 0;

  connectedCallback() {
    this.role = "status";
    this.classList.add("visually-hidden");
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  set text(line: string) {
    if (line === this.line) return;
    const now = performance.now();
    if (this.line === this.textContent) this.since = now;
    this.line = line;
    clearTimeout(this.timer);
    const at = Math.max(Math.min(now + STILL, this.since + PAUSE), this.saidAt + PAUSE);
    this.timer = setTimeout(() => this.say(), at - now);
  }

  private say() {
    if (this.textContent === this.line) return;
    this.saidAt = performance.now();
    this.textContent = this.line;
  }
}

customElements.define("live-line", LiveLine);
