/**
 * Inputs for the reader's picture: a file, or the camera if the browser supports it. Dropping and pasting work on the
 * whole page. While the camera runs, the figures follow it.
 */
import { html, nothing } from "lit";
import { store, takePictures } from "../data/store";
import { text } from "../drawing/text";
import { LightElement } from "./light-element";

class PictureInput extends LightElement {
  static override properties = { stream: { state: true } };
  declare stream: MediaStream | null;

  constructor() {
    super();
    this.stream = null;
  }

  override connectedCallback() {
    super.connectedCallback();
    takePictures();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.endStream();
  }

  override render() {
    return html`<label class="cn-upload"><input type="file" accept="image/*" multiple @change=${this.onFile} /><span>${text("upload")}</span></label>
      ${"mediaDevices" in navigator && !this.stream ? html`<button type="button" class="cn-quiet" @click=${this.start}>${text("camera")}</button>` : nothing}
      ${
        this.stream
          ? html`<div class="cn-camera"><video muted playsinline autoplay aria-label=${text("camera_label")} .srcObject=${this.stream}></video>
            <button type="button" class="cn-quiet" @click=${this.take}>${text("camera_take")}</button>
            <button type="button" class="cn-quiet" @click=${this.stop}>${text("camera_stop")}</button></div>`
          : html`<p class="cn-hint"><span class="cn-drop">${text("upload_hint")}</span> ${text("private")}</p>`
      }`;
  }

  private onFile = (event: Event) => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    if (files.length) void store.take(files[0], files.length);
    input.value = ""; // so that the same file can be chosen again
  };

  private start = async () => {
    if (this.starting || this.stream) return;
    this.starting = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      this.stream = stream;
      if (!this.isConnected) return this.endStream();
    } catch (error) {
      const { name } = error as DOMException;
      return store.report({
        step: "failed",
        reason: name === "NotAllowedError" ? "camera_refused" : "camera_missing",
        file: "",
      });
    } finally {
      this.starting = false;
    }
    await this.updateComplete;
    void this.follow();
  };

  private starting = false;

  /** Show camera frames, each after the network has processed the one before, until another picture is chosen. */
  private async follow() {
    const { stream } = this;
    let isFirst = true;
    while (this.stream === stream && stream) {
      const video = this.querySelector("video");
      if (!isFirst && !store.own?.isLive) return this.endStream();
      if (video && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        isFirst = false;
        await store.follow(frameOf(video).transferToImageBitmap());
      }
      await new Promise((next) => requestAnimationFrame(next));
    }
  }

  /** Keep the current frame as the reader's picture. */
  private take = async () => {
    const video = this.querySelector("video");
    if (!video?.videoWidth) return;
    const canvas = frameOf(video);
    this.endStream();
    await store.take(new File([await canvas.convertToBlob()], "camera.png", { type: "image/png" }));
  };

  /** Switch the camera off and remove its last frame. */
  private stop = () => {
    this.endStream();
    if (store.own?.isLive) store.forget();
  };

  private endStream() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }
}

function frameOf(video: HTMLVideoElement): OffscreenCanvas {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  return canvas;
}

customElements.define("picture-input", PictureInput);
