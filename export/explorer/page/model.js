// A published model in the page: its graphs behind a worker, its stored images and their codes.
import { fit, prepare } from "./pixels.js";
import { drawPrior, normals, uniform } from "./random.js";

async function bytes(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

export class Model {
  /** Loads all files of a manifest's entry. */
  static async open(entry) {
    const model = new Model(entry);
    const [images, codes] = await Promise.all([
      bytes(`${entry.folder}/images.bin`),
      bytes(`${entry.folder}/codes.bin`),
      model.request({ open: new URL(entry.folder, document.baseURI).href, parts: entry.graphs }),
    ]);
    model.images = new Uint8Array(images);
    model.codes = new Float32Array(codes);
    return model;
  }

  constructor(entry) {
    this.entry = entry;
    this.shape = entry.image_shape;
    this.size = this.shape.reduce((a, b) => a * b, 1);
    this.latents = entry.latent_dim;
    this.count = entry.images.count;
    this.waiting = new Map();
    this.requests = 0;
    this.noiseSeed = 1; // of the noise by which an autoregressive decoder draws its pictures
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.answer(data);
    this.worker.onerror = (event) => {
      const error = event.message || "the worker could not start";
      for (const id of [...this.waiting.keys()]) this.answer({ id, error });
    };
  }

  request(message) {
    const id = this.requests++;
    this.worker.postMessage({ id, ...message });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(`${this.entry.name}: ${error}`));
  }

  /** Returns the code of a picture, Z floats: the posterior's mean, or a flow's code. */
  encode(picture) {
    const values = prepare(fit(picture, this.shape), this.entry.preprocessing);
    const image = { values, dims: [1, ...this.shape] };
    return this.request({ part: "encoder", inputs: { image }, output: "loc" });
  }

  /**
   * Returns the pictures of the latents' rows: the likelihood's mean, scaled back to [0, 1].
   *
   * An autoregressive decoder draws them instead, all by the same noise, so that pictures of near
   * latents are near; each by noise of its own where `independent`.
   */
  async decode(z, independent = false) {
    const rows = z.length / this.latents;
    const inputs = { z: { values: Float32Array.from(z), dims: [rows, this.latents] } };
    if (this.entry.draws) {
      inputs.noise = { values: this.noise(rows, independent), dims: [rows, ...this.shape] };
    }
    const output = this.entry.draws ? "image" : "mean";
    const values = await this.request({ part: "decoder", inputs, output });
    const multiply = this.entry.preprocessing.multiply ?? 1;
    return Array.from({ length: rows }, (_, row) => ({
      shape: this.shape,
      values: values.subarray(row * this.size, (row + 1) * this.size).map((v) => v / multiply),
    }));
  }

  /** Whether the page can draw from the prior. */
  get canDraw() {
    const { scale, noise } = this.entry.prior;
    return Boolean(scale || noise);
  }

  /**
   * Returns n draws of the prior, n rows of Z, the same for the same seed; null where the page
   * knows neither its scales nor a graph of it.
   */
  async drawPrior(n, seed) {
    const { prior } = this.entry;
    if (!prior.noise) return drawPrior(prior, n, uniform(seed));
    const values = normals(n * prior.noise, uniform(seed));
    const noise = { values, dims: [n, prior.noise] };
    return this.request({ part: "prior", inputs: { noise }, output: "z" });
  }

  noise(rows, independent) {
    const next = uniform(this.noiseSeed);
    const values = new Float32Array(rows * this.size);
    const drawn = independent ? values.length : this.size;
    for (let i = 0; i < values.length; i++) values[i] = i < drawn ? next() : values[i - drawn];
    return values;
  }

  /** Returns stored image i. */
  picture(i) {
    const part = this.images.subarray(i * this.size, (i + 1) * this.size);
    return { shape: this.shape, values: Float32Array.from(part, (byte) => byte / 255) };
  }

  /** Returns the stored code i, Z floats. */
  code(i) {
    return this.codes.subarray(i * this.latents, (i + 1) * this.latents);
  }

  /** Returns what stored image i is called. */
  label(i) {
    const labels = this.entry.images.labels;
    return labels ? String(labels[i]) : null;
  }

  /** Returns the stored images nearest to a code: [{index, distance}], |z - z_i|, near first. */
  neighbours(z, n) {
    const found = [];
    for (let index = 0; index < this.count; index++) {
      const other = this.code(index);
      let sum = 0;
      for (let d = 0; d < this.latents; d++) sum += (z[d] - other[d]) ** 2;
      found.push({ index, distance: Math.sqrt(sum) });
    }
    return found.sort((a, b) => a.distance - b.distance).slice(0, n);
  }
}
