// Runs one model's graphs away from the page, so that a slow decoder never blocks a drag.
import * as ort from "./ort/ort.wasm.min.mjs";

// One thread: more need SharedArrayBuffer, and so headers that plain static servers do not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

const sessions = {};

async function open(folder, parts) {
  for (const part of parts) {
    const response = await fetch(`${folder}/${part}.onnx`);
    if (!response.ok) throw new Error(`${folder}/${part}.onnx: ${response.status}`);
    const content = new Uint8Array(await response.arrayBuffer());
    sessions[part] = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  }
}

async function run({ part, inputs, output }) {
  const given = {};
  for (const [name, { values, dims }] of Object.entries(inputs)) {
    given[name] = new ort.Tensor("float32", values, dims);
  }
  const results = await sessions[part].run(given, [output]);
  return Float32Array.from(results[output].data);
}

// One request at a time, in order: a session cannot run twice at once.
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      const result = data.open ? await open(data.open, data.parts) : await run(data);
      self.postMessage({ id: data.id, result });
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error.message ?? error) });
    }
  });
};
