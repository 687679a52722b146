// The latent space of one model: plane, decoded picture, sliders, most active dimensions first.
import { latest, make, number, report } from "./dom.js";
import { paint } from "./pixels.js";
import { Plane } from "./plane.js";

const FIRST = 8; // sliders before "Show all"
const DRAWS = "This decoder draws its pictures pixel after pixel, which takes about a second. " +
  "All pictures here are drawn by the same noise.";

export class Explorer {
  constructor(model) {
    this.model = model;
    this.canvas = make("canvas", { class: "output", role: "img", "aria-label": "Decoded picture" });
    this.readout = make("p", { class: "number muted" });
    this.decode = latest(async (z) => paint(this.canvas, (await model.decode(z))[0]));
    // All fit without "Show all": then their own order is easier to find.
    const order = model.latents > FIRST ? model.entry.order : model.entry.order.slice().sort((a, b) => a - b);
    this.sliders = order.map((dimension) => this.slider(dimension));
    if (model.latents > 1) {
      this.plane = new Plane(model, model.entry.order.slice(0, 2).sort((a, b) => a - b), (z) =>
        this.set(z),
      );
    }
    this.element = make(
      "div", {}, make("h3", {}, model.entry.name),
      make("div", { class: "explorer" }, ...(this.plane ? [this.left()] : []), this.right()),
    );
    this.set(new Float32Array(model.latents));
  }

  left() {
    const check = (key, text) => make(
      "label", { class: "check" },
      make("input", {
        type: "checkbox", checked: true,
        onchange: (event) => {
          this.plane.shows[key] = event.target.checked;
          this.plane.draw();
        },
      }), text,
    );
    const codes = `Codes of ${this.model.entry.images.source}`;
    return make(
      "div", {}, this.plane.canvas,
      make("div", { class: "row" }, check("pictures", "Decoded pictures"), check("codes", codes)),
      ...(this.model.latents > 2 ? [this.axes()] : []),
    );
  }

  /** Two menus that say which dimensions the plane shows. */
  axes() {
    const menus = ["Across", "Up"].map((word, axis) => {
      const options = this.model.entry.order.map((dimension) => make(
        "option", { value: dimension, selected: this.plane.axes[axis] === dimension },
        `z${dimension}`,
      ));
      return make("select", { "aria-label": `${word}: latent dimension` }, ...options);
    });
    const change = (axis) => {
      const old = this.plane.axes;
      // A dimension cannot go both ways: the other menu takes what this one had.
      if (menus[0].value === menus[1].value) menus[1 - axis].value = old[axis];
      this.plane.setAxes(menus.map((menu) => Number(menu.value)));
    };
    menus.forEach((menu, axis) => menu.addEventListener("change", () => change(axis)));
    return make("div", { class: "row" }, "Across", menus[0], "Up", menus[1]);
  }

  right() {
    const origin = () => this.set(new Float32Array(this.model.latents));
    const random = () => this.model.drawPrior(1, 2 ** 32 * Math.random())
      .then((z) => this.set(z)).catch(report);
    const buttons = [make("button", { type: "button", onclick: origin }, "Origin")];
    if (this.model.canDraw) {
      buttons.push(make("button", { type: "button", onclick: random }, "Random"));
    }
    if (this.model.entry.draws) {
      buttons.push(make("button", { type: "button", onclick: () => this.redraw() }, "New noise"));
    }
    this.rows = make("div", { class: "sliders" });
    this.showSliders(FIRST);
    if (this.sliders.length > FIRST) buttons.push(this.more());
    return make(
      "div", { class: "side" },
      make("div", { class: "decoded" }, this.canvas, make("div", { class: "row" }, ...buttons)),
      ...(this.model.entry.draws ? [make("p", { class: "muted" }, DRAWS)] : []),
      this.readout, this.rows,
    );
  }

  /** Draws the point's picture and the plane's anew, by other noise. */
  redraw() {
    this.model.noiseSeed += 1;
    this.plane?.refresh();
    return this.decode(this.z);
  }

  more() {
    const text = (all) => (all ? "Fewer sliders" : `All ${this.sliders.length} sliders`);
    const button = make("button", { type: "button", "aria-expanded": "false" }, text(false));
    button.addEventListener("click", () => {
      const all = button.getAttribute("aria-expanded") === "false";
      button.setAttribute("aria-expanded", String(all));
      button.textContent = text(all);
      this.showSliders(all ? this.sliders.length : FIRST);
    });
    return button;
  }

  showSliders(number) {
    this.rows.replaceChildren(...this.sliders.slice(0, number).map((slider) => slider.row));
  }

  slider(dimension) {
    const { low, high } = this.model.entry;
    const input = make("input", {
      type: "range", min: low[dimension], max: high[dimension], step: "any", value: 0,
      "aria-label": `z${dimension}`,
      oninput: () => {
        const z = Float32Array.from(this.z);
        z[dimension] = Number(input.value);
        this.set(z);
      },
    });
    const output = make("output", {}, number(0));
    const row = make("div", { class: "slider" }, `z${dimension}`, input, output);
    return { dimension, input, output, row };
  }

  /** Moves everything that shows a point of the latent space to z. */
  set(z) {
    this.z = Float32Array.from(z);
    for (const { dimension, input, output } of this.sliders) {
      input.value = z[dimension];
      output.textContent = number(z[dimension]);
    }
    this.plane?.show(this.z);
    const length = number(Math.hypot(...this.z));
    this.readout.textContent = `Distance from the origin: ${length}`;
    return this.decode(this.z);
  }
}
