// A pad to draw on, to drop a picture on, and a gallery of stored images to choose from.
import { draggable, make, report, settle } from "./dom.js";
import { capture, paint } from "./pixels.js";

const SIDE = 280; // canvas pixels of the longer side: ten for each of an MNIST image
const PEN = 0.08; // of the longer side: a stroke of MNIST is about two pixels of 28
const GALLERY = 60;

export class Pad {
  /** Draws pictures of model's shape; `changed(picture)` hears of every new one. */
  constructor(element, model, changed) {
    Object.assign(this, { element, model, changed, down: false });
    const [height, width, channels] = model.shape;
    this.unit = SIDE / Math.max(height, width);
    this.canvas = make("canvas", {
      class: "draw", width: Math.round(width * this.unit), height: Math.round(height * this.unit),
      tabindex: 0, role: "application", "aria-label": "Drawing pad",
      onkeydown: (event) => this.key(event),
    });
    draggable(
      this.canvas,
      (place) => this.stroke((this.at = this.toPixels(place))),
      (place) => this.stroke(this.toPixels(place)),
    );
    this.colour = make("input", { type: "color", value: "#ffffff", "aria-label": "Pen colour" });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.at = [this.canvas.width / 2, this.canvas.height / 2];
    element.append(make("div", {}, this.canvas, this.buttons(channels)), this.gallery());
    for (const kind of ["dragover", "dragleave", "drop"]) {
      element.addEventListener(kind, (event) => this.drop(event));
    }
  }

  /** Passes a picture on; what went wrong with an earlier one is over. */
  tell(picture) {
    settle();
    this.changed(picture);
  }

  buttons(channels) {
    const file = make("input", {
      type: "file", accept: "image/*",
      onchange: () => {
        if (file.files.length) this.read(file.files[0]).catch(report);
        file.value = ""; // or the same file, chosen again, would be no change
      },
    });
    return make(
      "div", { class: "row" },
      make("button", { type: "button", onclick: () => this.clear() }, "Clear"),
      make("button", { type: "button", onclick: () => this.invert() }, "Invert"),
      make("label", { class: "file" }, "Open picture", file),
      ...(channels === 3 ? [this.colour] : []),
    );
  }

  gallery() {
    const tiles = Array.from({ length: Math.min(GALLERY, this.model.count) }, (_, i) =>
      this.tile(i),
    );
    const text = `Stored images (${this.model.entry.images.source})`;
    return make("div", {}, make("h3", {}, text), make("div", { class: "tiles gallery" }, ...tiles));
  }

  tile(i) {
    const canvas = make("canvas");
    paint(canvas, this.model.picture(i));
    const label = this.model.label(i);
    const name = `Stored image ${i + 1}${label === null ? "" : `, labelled ${label}`}`;
    const choose = () => this.show(this.model.picture(i));
    return make("button", { type: "button", class: "tile", "aria-label": name, onclick: choose }, canvas);
  }

  /** Puts a picture on the pad as it is and passes it on unchanged. */
  show(picture) {
    const canvas = make("canvas");
    paint(canvas, picture);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(canvas, 0, 0, this.canvas.width, this.canvas.height);
    this.tell(picture);
  }

  clear() {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.tell(capture(this.canvas));
  }

  invert() {
    this.context.globalCompositeOperation = "difference";
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.globalCompositeOperation = "source-over";
    this.tell(capture(this.canvas));
  }

  toPixels([across, down]) {
    return [across * this.canvas.width, down * this.canvas.height];
  }

  stroke(to) {
    this.context.strokeStyle = this.colour.value;
    this.context.lineWidth = SIDE * PEN;
    this.context.lineCap = "round";
    this.context.beginPath();
    this.context.moveTo(...this.at);
    this.context.lineTo(...to);
    this.context.stroke();
    this.at = to;
    this.tell(capture(this.canvas));
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const limits = [this.canvas.width, this.canvas.height];
    const to = move
      ? this.at.map((p, i) => Math.min(limits[i], Math.max(0, p + move[i] * this.unit)))
      : this.at;
    if (!move) this.down = !this.down;
    if (this.down) this.stroke(to);
    this.at = to;
    const [x, y] = to.map((p) => Math.round(p / this.unit));
    const pen = `pen ${this.down ? "down" : "up"} at ${x}, ${y}`;
    this.canvas.setAttribute("aria-label", `Drawing pad, ${pen}`);
  }

  drop(event) {
    event.preventDefault();
    this.element.classList.toggle("over", event.type === "dragover");
    const file = event.type === "drop" ? event.dataTransfer.files[0] : null;
    if (file) this.read(file).catch(report);
  }

  /** Shows the middle of a picture file, cropped to the pad's shape. */
  async read(file) {
    const image = await createImageBitmap(file).catch(() => {
      throw new Error(`expected a picture; ${file.name} is none that this browser reads`);
    });
    const { width, height } = this.canvas;
    const scale = Math.max(width / image.width, height / image.height);
    const [w, h] = [image.width * scale, image.height * scale];
    this.context.imageSmoothingEnabled = true;
    this.context.imageSmoothingQuality = "high";
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, width, height);
    this.context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
    this.tell(capture(this.canvas));
  }
}
