// Pictures decoded from draws of the prior.
import { make } from "./dom.js";
import { paint } from "./pixels.js";

const NUMBER = 24;

export class Samples {
  /** `chosen(z)` hears of a sample that was chosen. */
  constructor(model, chosen) {
    Object.assign(this, { model, chosen });
    this.tiles = make("div", { class: "tiles large" });
    this.element = make("div", {}, make("h3", {}, model.entry.name), this.tiles);
  }

  /** Draws all anew; the same seed gives the same latents. */
  async draw(seed) {
    const { prior, name } = this.model.entry;
    const z = await this.model.drawPrior(NUMBER, seed);
    if (!z) {
      const text = `This page cannot draw from the prior of ${name} (${prior.family}); ` +
        "zoo.load(...).sample(n) does it in Python.";
      this.tiles.replaceWith(make("p", { class: "muted" }, text));
      return;
    }
    const pictures = await this.model.decode(z, true);
    const tiles = pictures.map((picture, i) => {
      const canvas = make("canvas");
      paint(canvas, picture);
      const own = z.slice(i * this.model.latents, (i + 1) * this.model.latents);
      return make("button", { type: "button", class: "tile", "aria-label": `Sample ${i + 1}`,
        onclick: () => this.chosen(own) }, canvas);
    });
    this.tiles.replaceChildren(...tiles);
  }
}
