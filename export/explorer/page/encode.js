// What one model makes of a picture: its code, the reconstruction, the nearest stored images.
import { latest, make, number } from "./dom.js";
import { fit, paint, prepare } from "./pixels.js";

const NEIGHBOURS = 6;
const NUMBERS = 4; // codes of at most so many dimensions are shown as numbers, others as bars

export class EncodeView {
  /** `coded(z)` hears of every code, `chosen(picture)` of a neighbour that was chosen. */
  constructor(model, coded, chosen) {
    Object.assign(this, { model, coded, chosen });
    this.seen = make("canvas", { role: "img", "aria-label": "The picture as the model sees it" });
    this.output = make("canvas", { class: "reconstruction", role: "img", "aria-label": "Reconstruction" });
    this.text = make("p", { class: "number" });
    this.bars = make("canvas", { class: "code", width: 600, height: 168, role: "img" });
    this.near = make("div", { class: "neighbours" });
    const figure = (canvas, text) => make("figure", {}, canvas, make("figcaption", {}, text));
    this.element = make(
      "div", {}, make("h3", {}, model.entry.name),
      make("div", { class: "encoded" },
        make("div", { class: "views" }, figure(this.seen, "As the model sees it"),
          figure(this.output, model.entry.draws ? "A picture drawn from its code" : "Reconstruction")),
        make("div", {}, this.text, ...(model.latents > NUMBERS ? [this.bars] : []),
          make("p", { class: "muted" }, "Nearest stored images, by the distance of codes:"),
          this.near)),
    );
    this.show = latest((picture) => this.encode(picture));
  }

  async encode(picture) {
    const own = fit(picture, this.model.shape);
    const multiply = this.model.entry.preprocessing.multiply ?? 1;
    const values = prepare(own, this.model.entry.preprocessing).map((v) => v / multiply);
    paint(this.seen, { shape: own.shape, values });
    const z = await this.model.encode(own);
    const [decoded] = await this.model.decode(z);
    paint(this.output, decoded);
    this.showCode(z);
    this.showNeighbours(z);
    this.coded(z);
  }

  showCode(z) {
    if (this.model.latents <= NUMBERS) {
      this.text.textContent = `Code: ${[...z].map((v, d) => `z${d} = ${number(v)}`).join(", ")}`;
      return;
    }
    this.text.textContent = `Code of ${z.length} numbers, most active dimension first:`;
    this.drawBars(z);
  }

  drawBars(z) {
    const { width, height } = this.bars;
    const context = this.bars.getContext("2d");
    const style = getComputedStyle(this.bars);
    const { low, high, order } = this.model.entry;
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--line");
    context.fillRect(0, height / 2 - 1, width, 2);
    context.fillStyle = style.getPropertyValue("--accent");
    const step = width / order.length;
    order.forEach((dimension, i) => {
      const reach = Math.max(Math.abs(low[dimension]), Math.abs(high[dimension]));
      const length = (Math.max(-1, Math.min(1, z[dimension] / reach)) * height) / 2;
      context.fillRect(i * step + step * 0.12, height / 2, step * 0.76, -length);
    });
    const first = order.slice(0, 5).map((d) => `z${d} ${number(z[d])}`).join(", ");
    this.bars.setAttribute("aria-label", `Code, the most active: ${first}`);
  }

  showNeighbours(z) {
    const tiles = this.model.neighbours(z, NEIGHBOURS).map(({ index, distance }) => {
      const canvas = make("canvas");
      paint(canvas, this.model.picture(index));
      const label = this.model.label(index);
      const text = `${label === null ? "" : `${label}: `}${number(distance)}`;
      const choose = () => this.chosen(this.model.picture(index));
      return make("button", { type: "button", class: "tile", onclick: choose,
        "aria-label": `Stored image ${index + 1}, ${text}` }, canvas, text);
    });
    this.near.replaceChildren(...tiles);
  }
}
