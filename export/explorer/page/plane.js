// The plane of two latent dimensions: decoded pictures, the codes of stored images, and a point.
import { debounced, draggable, make, number, report } from "./dom.js";
import { paint } from "./pixels.js";

const SIZE = 660; // canvas pixels a side; CSS fits them to the page
const TILES = 13; // decoded pictures a side
const STEPS = 60; // arrow keys cross the plane in so many steps, with Shift in a tenth of them
const UNLABELLED = "#888";
const COLOURS = ["#4e9de6", "#f28e2b", "#59c45f", "#e15759", "#b07aa1", "#c49c6b", "#ff9da7",
  "#d6d6d6", "#e3c934", "#40c4c4"];

export class Plane {
  /** Shows the dimensions `axes` of model's latents; `moved(z)` hears of every move. */
  constructor(model, axes, moved) {
    Object.assign(this, { model, axes, moved, z: new Float32Array(model.latents) });
    this.shows = { pictures: true, codes: true };
    this.backdrop = make("canvas", { width: SIZE, height: SIZE });
    this.scratch = make("canvas");
    this.canvas = make("canvas", {
      class: "plane", width: SIZE, height: SIZE, tabindex: 0, role: "application",
      onkeydown: (event) => this.key(event),
    });
    const drag = ([across, down]) => this.moved(this.placed(across, 1 - down));
    draggable(this.canvas, drag, drag);
    this.refresh = debounced(() => this.decodeTiles().catch(report), 200);
  }

  /** Returns [low, high] of axis 0 or 1. */
  range(axis) {
    const { low, high } = this.model.entry;
    return [low[this.axes[axis]], high[this.axes[axis]]];
  }

  toPixel(axis, value) {
    const [low, high] = this.range(axis);
    const share = (value - low) / (high - low);
    return SIZE * (axis === 0 ? share : 1 - share);
  }

  /** Moves the point without telling anyone; pictures follow if another dimension changed. */
  show(z) {
    this.z = Float32Array.from(z);
    const key = String([this.axes, this.z.map((v, d) => (this.axes.includes(d) ? 0 : v))]);
    if (key !== this.held) {
      this.held = key;
      this.refresh();
    }
    this.draw();
  }

  setAxes(axes) {
    this.axes = axes;
    this.show(this.z);
  }

  /** Decodes the plane row by row from the middle, unless a newer call overtakes it. */
  async decodeTiles() {
    const generation = (this.generation = (this.generation ?? 0) + 1);
    const middle = (TILES - 1) / 2;
    const rows = Array.from({ length: TILES }, (_, row) => row);
    rows.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    for (const row of rows) {
      const z = new Float32Array(TILES * this.model.latents);
      for (let column = 0; column < TILES; column++) {
        const place = this.placed((column + 0.5) / TILES, 1 - (row + 0.5) / TILES);
        z.set(place, column * this.model.latents);
      }
      const pictures = await this.model.decode(z);
      if (generation !== this.generation) return;
      pictures.forEach((picture, column) => this.paintTile(picture, column, row));
      this.draw();
    }
  }

  paintTile(picture, column, row) {
    const [height, width] = picture.shape;
    const cell = SIZE / TILES;
    const scale = cell / Math.max(height, width);
    paint(this.scratch, picture);
    const context = this.backdrop.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(column * cell, row * cell, cell, cell);
    const x = (column + 0.5) * cell - (width * scale) / 2;
    const y = (row + 0.5) * cell - (height * scale) / 2;
    context.drawImage(this.scratch, x, y, width * scale, height * scale);
  }

  /** Returns z with the point's other dimensions and the axes at shares of their ranges. */
  placed(...shares) {
    const z = Float32Array.from(this.z);
    shares.forEach((share, axis) => {
      const [low, high] = this.range(axis);
      z[this.axes[axis]] = low + (high - low) * Math.min(1, Math.max(0, share));
    });
    return z;
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 1], ArrowDown: [1, -1] };
    const move = moves[event.key];
    if (!move && event.key !== "Home") return;
    event.preventDefault();
    const shares = [0, 1].map((axis) => {
      const [low, high] = this.range(axis);
      return ((event.key === "Home" ? 0 : this.z[this.axes[axis]]) - low) / (high - low);
    });
    if (move) shares[move[0]] += (move[1] * (event.shiftKey ? 10 : 1)) / STEPS;
    this.moved(this.placed(...shares));
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIZE, SIZE);
    if (this.shows.pictures) context.drawImage(this.backdrop, 0, 0);
    this.drawAxes(context);
    if (this.shows.codes) this.drawCodes(context);
    this.drawPoint(context);
    const [a, b] = this.axes;
    const place = `z${a} = ${number(this.z[a])}, z${b} = ${number(this.z[b])}`;
    this.canvas.setAttribute("aria-label", `Plane of ${this.model.entry.name}: ${place}`);
  }

  drawAxes(context) {
    context.strokeStyle = "rgba(140, 170, 200, 0.6)";
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(this.toPixel(0, 0), 0);
    context.lineTo(this.toPixel(0, 0), SIZE);
    context.moveTo(0, this.toPixel(1, 0));
    context.lineTo(SIZE, this.toPixel(1, 0));
    context.stroke();
  }

  drawCodes(context) {
    const labels = this.model.entry.images.labels;
    context.strokeStyle = "rgba(0, 0, 0, 0.85)";
    context.lineWidth = 1.5;
    for (let i = 0; i < this.model.count; i++) {
      const code = this.model.code(i);
      const [x, y] = this.axes.map((dimension, axis) => this.toPixel(axis, code[dimension]));
      const label = labels ? labels[i] : 0;
      context.fillStyle = label < 0 ? UNLABELLED : COLOURS[label % COLOURS.length];
      context.beginPath();
      context.arc(x, y, 6, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  drawPoint(context) {
    const [x, y] = this.axes.map((dimension, axis) => this.toPixel(axis, this.z[dimension]));
    for (const [width, colour] of [[10, "#000"], [5, "#fff"]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, 17, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
