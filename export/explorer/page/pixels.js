// Pictures are {shape: [H, W, C], values: floats in [0, 1], row by row}.

/** Returns the picture as the encoder takes it: thresholded and scaled as the card says. */
export function prepare(picture, preprocessing) {
  const multiply = preprocessing.multiply ?? 1;
  const values = Float32Array.from(picture.values);
  for (let i = 0; i < values.length; i++) {
    if (preprocessing.binarise) values[i] = values[i] >= 0.5 ? 1 : 0;
    values[i] *= multiply;
  }
  return values;
}

/** Returns the RGBA bytes of a picture. */
function rgba({ shape, values }) {
  const [height, width, channels] = shape;
  const bytes = new Uint8ClampedArray(height * width * 4);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      bytes[4 * i + c] = 255 * values[i * channels + (channels === 3 ? c : 0)];
    }
    bytes[4 * i + 3] = 255;
  }
  return new ImageData(bytes, width, height);
}

/** Paints a picture, pixel for pixel, at a place of a canvas's context. */
export function paintAt(context, picture, x, y) {
  context.putImageData(rgba(picture), x, y);
}

/** Makes a canvas as large as the picture and paints it; CSS magnifies it. */
export function paint(canvas, picture) {
  const [height, width] = picture.shape;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  paintAt(canvas.getContext("2d"), picture, 0, 0);
}

/** Returns what a canvas shows as a picture of three channels. */
export function capture(canvas) {
  const { width, height } = canvas;
  const bytes = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const values = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) values[3 * i + c] = bytes[4 * i + c] / 255;
  }
  return { shape: [height, width, 3], values };
}

/** Returns the part of n source pixels that target pixel i of m averages: [first, last + 1). */
function span(i, n, m) {
  const first = Math.floor((i * n) / m);
  return [first, Math.max(first + 1, Math.floor(((i + 1) * n) / m))];
}

/** Returns a picture of another shape: the mean over the area that each pixel covers. */
export function fit(picture, shape) {
  const [height, width, channels] = shape;
  const [sourceHeight, sourceWidth, sourceChannels] = picture.shape;
  if (String(shape) === String(picture.shape)) return picture;
  const values = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = span(y, sourceHeight, height);
    for (let x = 0; x < width; x++) {
      const [left, right] = span(x, sourceWidth, width);
      const sum = new Float64Array(sourceChannels);
      for (let v = top; v < bottom; v++) {
        for (let u = left; u < right; u++) {
          const at = (v * sourceWidth + u) * sourceChannels;
          for (let c = 0; c < sourceChannels; c++) sum[c] += picture.values[at + c];
        }
      }
      const area = (bottom - top) * (right - left);
      values.set(recolour(sum.map((s) => s / area), channels), (y * width + x) * channels);
    }
  }
  return { shape, values };
}

/** Grey by luma (ITU-R BT.601, as the trainers do it), colour by repetition. */
function recolour(colour, channels) {
  if (colour.length === channels) return colour;
  if (channels === 3) return [colour[0], colour[0], colour[0]];
  return [0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]];
}
