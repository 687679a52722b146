// The page: one model, or two side by side that share the pad, the walk and the seed.
import { make, report, say } from "./dom.js";
import { EncodeView } from "./encode.js";
import { Explorer } from "./explore.js";
import { Model } from "./model.js";
import { Pad } from "./pad.js";
import { Samples } from "./samples.js";
import { Walk } from "./walk.js";

const $ = (id) => document.getElementById(id);

function facts(entry) {
  const pairs = entry.facts.map(([word, text]) =>
    make("div", {}, make("dt", {}, word), make("dd", { class: "number" }, text)),
  );
  return make("div", {}, make("h3", {}, entry.name), make("dl", { class: "facts" }, ...pairs));
}

async function start() {
  const response = await fetch("manifest.json");
  if (!response.ok) throw new Error(`manifest.json: ${response.status}`);
  const manifest = await response.json();
  document.body.className = manifest.models.length > 1 ? "two" : "one";
  for (const grid of document.querySelectorAll(".models")) {
    grid.classList.add(document.body.className);
  }
  $("models").append(...manifest.models.map(facts));
  say("Loading the graphs ...");
  const models = await Promise.all(manifest.models.map((entry) => Model.open(entry)));
  $("plane-help").hidden = models.every((model) => model.latents < 2); // sliders alone
  const explorers = models.map((model) => new Explorer(model));
  $("explore").append(...explorers.map((explorer) => explorer.element));

  let current = models[0].picture(0);
  const views = models.map((model, i) =>
    new EncodeView(model, (z) => explorers[i].set(z), (picture) => pad.show(picture)),
  );
  $("encode").append(...views.map((view) => view.element));
  const pad = new Pad($("pad"), models[0], (picture) => {
    current = picture;
    for (const view of views) view.show(picture);
  });
  const walk = new Walk($("walk-ends"), $("walk"), models, () => current);

  const samples = models.map((model, i) =>
    new Samples(model, (z) => {
      explorers[i].set(z);
      $("explore").scrollIntoView({ block: "nearest" });
    }),
  );
  $("samples").append(...samples.map((view) => view.element));
  let seed = 17;
  const draw = () => {
    seed += 1; // one for all models: where the priors agree, so do the latents
    return Promise.all(samples.map((view) => view.draw(seed)));
  };
  $("draw").hidden = !models.some((model) => model.canDraw);
  $("draw").addEventListener("click", () => draw().catch(report));

  pad.show(current);
  await walk.update(null);
  await draw();
  document.body.dataset.ready = "true";
  if ($("status").className !== "error") say("Ready.");
}

start().catch(report);
