// A straight walk between the codes of two pictures: z(t) = (1 - t) a + t b.
import { latest, make, report } from "./dom.js";
import { paint } from "./pixels.js";

const STOPS = 9;
const SECONDS = 4; // from one end to the other when it plays

class WalkView {
  constructor(model) {
    this.model = model;
    this.now = make("canvas", { class: "walk-now", role: "img", "aria-label": "The picture at this place" });
    this.stops = Array.from({ length: STOPS }, () => make("canvas"));
    this.element = make("div", {}, make("h3", {}, model.entry.name), this.now,
      make("div", { class: "strip" }, ...this.stops));
    this.decode = latest(async (t) => this.ends && paint(this.now, (await model.decode(this.between(t)))[0]));
  }

  between(t) {
    const [a, b] = this.ends;
    return a.map((value, d) => (1 - t) * value + t * b[d]);
  }

  /** Encodes both ends and decodes the stops between them in one batch. */
  async setEnds(pictures) {
    this.ends = [await this.model.encode(pictures[0]), await this.model.encode(pictures[1])];
    const z = new Float32Array(STOPS * this.model.latents);
    for (let i = 0; i < STOPS; i++) z.set(this.between(i / (STOPS - 1)), i * this.model.latents);
    (await this.model.decode(z)).forEach((picture, i) => paint(this.stops[i], picture));
  }

  at(t) {
    this.stops.forEach((canvas, i) => canvas.classList.toggle("near", i === Math.round(t * (STOPS - 1))));
    return this.decode(t);
  }
}

export class Walk {
  /** Walks in every model at once; `current()` is the picture on the pad. */
  constructor(ends, place, models, current) {
    this.views = models.map((model) => new WalkView(model));
    this.pictures = [models[0].picture(0), models[0].picture(Math.min(1, models[0].count - 1))];
    this.canvases = ["Start", "End"].map((word) => make("canvas", { role: "img", "aria-label": word }));
    this.slider = make("input", {
      type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": "Place on the walk",
      oninput: () => this.move(),
    });
    this.play = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.toggle() }, "Play");
    const end = (i, word) => make("figure", {}, this.canvases[i], make("button", {
      type: "button",
      onclick: () => this.setEnd(i, current()),
    }, `${word} from pad`));
    ends.append(end(0, "Start"), make("div", {}, this.slider, make("div", { class: "row" }, this.play)), end(1, "End"));
    place.append(...this.views.map((view) => view.element));
    this.update = latest(async () => {
      this.pictures.forEach((picture, i) => paint(this.canvases[i], picture));
      await Promise.all(this.views.map((view) => view.setEnds(this.pictures)));
      await this.move();
    });
  }

  setEnd(i, picture) {
    this.pictures[i] = picture;
    return this.update(null);
  }

  move() {
    return Promise.all(this.views.map((view) => view.at(Number(this.slider.value))));
  }

  toggle() {
    const playing = this.play.getAttribute("aria-pressed") === "false";
    this.play.setAttribute("aria-pressed", String(playing));
    this.play.textContent = playing ? "Stop" : "Play";
    if (playing) this.run(performance.now(), Number(this.slider.value));
  }

  /** There and back until it is stopped. */
  run(start, from) {
    const mine = (this.runs = (this.runs ?? 0) + 1); // stopped and started anew, this one ends
    const frame = async (now) => {
      if (mine !== this.runs || this.play.getAttribute("aria-pressed") === "false") return;
      const way = (from + (now - start) / (1000 * SECONDS)) % 2;
      this.slider.value = way < 1 ? way : 2 - way;
      await this.move();
      requestAnimationFrame((next) => frame(next).catch(report));
    };
    requestAnimationFrame((now) => frame(now).catch(report));
  }
}
