// Runs one ONNX graph under Node.js for `export.runtimes.node`.
//
// usage: node node.cjs onnxruntime-node|onnxruntime-web, the packages found through NODE_PATH
//
// Standard input: a line with the ONNX file in base64, then a line of JSON for each call, input
// name -> {"shape": [...], "data": float32 in base64}. Standard output: a line with the runtime's
// version, the inputs and the outputs, then a line for each call, likewise. What goes wrong comes
// as {"error": text}; {"missing": text} where the package is not installed.

const readline = require("node:readline");

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
// Standard output is for answers alone: what a runtime logs goes elsewhere.
console.log = console.info = console.debug = console.error;

function decode({ shape, data }) {
  const bytes = Buffer.from(data, "base64");
  // A copy of its own: four-byte numbers must lie at multiples of four.
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return [new Float32Array(copy), shape];
}

function encode(tensor) {
  const { buffer, byteOffset, byteLength } = tensor.data;
  const data = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  return { type: tensor.type, shape: [...tensor.dims], data };
}

const shapes = (metadata) => Object.fromEntries(metadata.map((item) => [item.name, item.shape]));

async function main(name) {
  let ort;
  try {
    ort = require(name);
  } catch (error) {
    return say({ missing: String(error.message).split("\n")[0] });
  }
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  let session;
  try {
    const content = Buffer.from((await lines.next()).value, "base64");
    session = await ort.InferenceSession.create(content, {
      executionProviders: [name === "onnxruntime-web" ? "wasm" : "cpu"],
    });
  } catch (error) {
    return say({ error: error.message });
  }
  say({
    version: ort.env.versions[name.split("-")[1]],
    inputs: shapes(session.inputMetadata),
    outputs: shapes(session.outputMetadata),
  });
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    try {
      const feeds = Object.entries(JSON.parse(line)).map(([key, value]) => [
        key,
        new ort.Tensor("float32", ...decode(value)),
      ]);
      const results = await session.run(Object.fromEntries(feeds));
      const outputs = Object.entries(results).map(([key, value]) => [key, encode(value)]);
      say({ outputs: Object.fromEntries(outputs) });
    } catch (error) {
      say({ error: error.message });
    }
  }
}

main(process.argv[2]).then(() => process.exit(0));
