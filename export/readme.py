"""The README of an artifact, written from its card."""

import json

from export import cover
from export.front_matter import citation, front_matter
from trainers.scripts import metric_text
from trainers.wording import duration
from zoo.storage import escape

TEMPLATE = """{front_matter}

# {name}

{summary}
{picture}
## Use

Features, with NumPy and ONNX Runtime alone (`pip install elbo-zoo`):

```python
import zoo
encoder = zoo.load_encoder({quoted})  # or the path of this folder
z = encoder.features(images)  # {image_forms} -> float32 [N, {latent_dim}]
```

The graphs in ONNX Runtime, or any other runtime; fetch outputs by name:

```python
import onnxruntime
graph = onnxruntime.InferenceSession("encoder.onnx")
{encoder_outputs} = graph.run({encoder_names}, {{"image": x}})  # x: float32 [batch, {shape}]
```
{sampler}{draws}{prior_graph}{probability}
The Keras model (`pip install "elbo-zoo[train]"`):

```python
import zoo
model = zoo.load({quoted})
reconstructions = model.predict(x)
```

`decoder.onnx` takes {decoder_inputs} and gives {decoder_outputs}. {saved_model}
{prior}

`python -m export.verify FOLDER` proves that all files are whole and that every number of
`golden.npz` comes out again.

## Preprocessing

{preprocessing}

## Data

{data}

## Training

{training}

## Metrics

{metrics}

## Use and limits

- Meant for features, samples and densities of images like its data, and for comparison with
  its paper; not for decisions about people.
- {limits}
- Samples and reconstructions are {images} of p(x|z), not photographs of anyone or anything.
- Latents have no names: no coordinate is promised to mean something.

## Licence

{licence}
{citation}"""

_PREPROCESSING = """`encoder.features` does this; whoever calls a graph directly does it first.

1. uint8 is divided by 255, bool becomes 0 or 1, floats must lie in [0, 1].
2. {binarise}{multiply}"""

_BINARISE = {
    None: "Nothing else: grey levels go in as they are.",
    "threshold 0.5": "Pixels become 1 where they are at least 0.5, otherwise 0.",
}


_SAMPLER = """
`loc` is the code, for which no noise is needed. A sample of the posterior, a flow:

```python
sampler = onnxruntime.InferenceSession("posterior.onnx")
given = {{"base_loc": base_loc, "base_scale": base_scale, "noise": noise}}
(z,) = sampler.run(["sample"], given)  # noise: standard normal, float32 [batch, {latent_dim}]
```
"""
_DRAWS = """
`sampler.onnx` draws images, pixel after pixel, as a function of uniform noise:

```python
import numpy
sampler = onnxruntime.InferenceSession("sampler.onnx")
noise = numpy.random.default_rng().random((len(z), {shape}), numpy.float32)
(images,) = sampler.run(["image"], {{"z": z, "noise": noise}})  # zeros and ones
```
"""
_PRIOR = """
`prior.onnx` draws latents from the prior as a function of standard normal noise:

```python
import numpy
prior = onnxruntime.InferenceSession("prior.onnx")
noise = numpy.random.default_rng().standard_normal((16, {size}), numpy.float32)
(z,) = prior.run(["z"], {{"noise": noise}})
```
"""
_PROBABILITY = """
Log-densities in nats, with NumPy and ONNX Runtime alone, of `probability.onnx` and `density.onnx`:

```python
import zoo
densities = zoo.load_probability({quoted})  # or the path of this folder
{calls}
```
{drawn}"""
_DRAWN = """
Images are zeros and ones here: draw them, `images = rng.random(x.shape) < x` of grey levels `x`, as
the metrics below did. Densities of grey levels are not the model's.
"""
_CALLS = {
    True: "nll = densities.nll(images, num_samples=100)  # importance-weighted bound, [N]\n"
    "terms = densities.rate_distortion(images)  # the ELBO is -(rate + distortion)",
    False: "terms = densities.rate_distortion(images)  # no rate: the encoder is deterministic",
}
_DECODER_INPUTS = {
    False: "`z` [batch, {latent_dim}]",
    True: "`z` [batch, {latent_dim}] and `image` (each output is of a pixel given those before it)",
}
_SAVED_MODEL = "`saved_model/` has the same two as the signatures `encode` and `decode`."


def make_readme(card):
    """Returns the Markdown text of a card, whose texts may hold anything."""
    head, cited, picture = front_matter(card), citation(card), cover.section(card)
    card = _inert(card)
    height, width, channels = card["image_shape"]
    grey = f"[N, {height}, {width}] or " if channels == 1 else ""
    outputs = (f"`{name}`" for name in sorted(card["graphs"]["decoder"]["outputs"]))
    return TEMPLATE.format(
        front_matter=head,
        citation=cited,
        picture=picture,
        name=card["name"],
        quoted=json.dumps(card["name"]),
        summary=_summary(card),
        image_forms=f"{grey}[N, {height}, {width}, {channels}]",
        shape=", ".join(map(str, card["image_shape"])),
        latent_dim=card["latent_dim"],
        encoder_outputs=_targets(card["graphs"]["encoder"]["outputs"]),
        encoder_names=json.dumps(sorted(card["graphs"]["encoder"]["outputs"])),
        sampler=_SAMPLER.format(**card) if "posterior" in card["graphs"] else "",
        draws=_draws(card),
        prior_graph=_prior_graph(card),
        probability=_probability(card),
        decoder_inputs=_DECODER_INPUTS["image" in card["graphs"]["decoder"]["inputs"]].format(
            **card
        ),
        decoder_outputs=", ".join(outputs),
        saved_model=_SAVED_MODEL if card["saved_model"] else "",
        preprocessing=_PREPROCESSING.format(
            binarise=_BINARISE[card["preprocessing"]["binarise"]],
            multiply=_multiply(card["preprocessing"].get("multiply", 1)),
        ),
        prior=_prior(card),
        data=_data(card["data"]),
        training=_training(card),
        metrics=_metrics(card),
        limits=f"Trained on {card['data'].get('name')} alone: features of other images may mean "
        "little.",
        images="draws" if "sampler" in card["graphs"] else "means",
        licence=_licence(card["licence"]),
    )


def _inert(value):
    """Returns JSON types with every text made safe for Markdown, keys too."""
    if isinstance(value, dict):
        return {escape.markdown(key): _inert(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inert(item) for item in value]
    return escape.markdown(value) if isinstance(value, str) else value


def _draws(card):
    if "sampler" not in card["graphs"]:
        return ""
    return _DRAWS.format(shape=", ".join(map(str, card["image_shape"])))


def _targets(outputs):
    """Returns what a list of these outputs is assigned to."""
    names = ", ".join(sorted(outputs))
    return f"({names},)" if len(outputs) == 1 else names


def _licence(licence):
    sentence = f"{licence}, code and weights." if licence else "Of the weights: not stated."
    return f"{sentence} The data has its own terms."


def _prior_graph(card):
    if "prior" not in card["graphs"]:
        return ""
    return _PRIOR.format(size=card["graphs"]["prior"]["inputs"]["noise"][-1])


def _probability(card):
    if "probability" not in card["graphs"]:
        return ""
    has_rate = "noise" in card["graphs"]["probability"]["inputs"]
    drawn = _DRAWN if card["data"].get("binarisation") == "dynamic" else ""
    return _PROBABILITY.format(quoted=json.dumps(card["name"]), calls=_CALLS[has_rate], drawn=drawn)


def _multiply(number):
    return f"\n3. Pixels are multiplied by {number}; so are decoded images." if number != 1 else ""


def _prior(card):
    """Returns how to draw latents for the decoder."""
    prior = card["prior"]
    if prior["family"] == "standard_normal":
        return "New images: z from the prior, N(0, I); `zoo.load_decoder` has `sample`."
    if prior["family"] == "diagonal_normal":
        return (
            "New images: z from the prior, which is **not** N(0, I): each coordinate of z is a "
            "standard normal number times that of `prior.scale` in `card.json`. "
            "`zoo.load_decoder` has `sample`, which does so."
        )
    if prior["family"] == "logistic":
        return (
            "New images: z from the prior, a logistic around 0 of unit variance, not a Gaussian: "
            "each coordinate is s log(u / (1 - u)), u uniform in (0, 1), s that of `prior.scale` "
            "in `card.json`. `zoo.load_decoder` has `sample`, which does so."
        )
    if "prior" in card["graphs"]:
        return (
            f"New images: z from the prior, a learned `{prior['family']}`, by `prior.onnx`; "
            "`zoo.load_decoder` has `sample`, which does so."
        )
    return f"New images: the prior is a `{prior['family']}`, which `zoo.load(...).sample(n)` draws."


def _summary(card):
    parts = ", ".join(f"{room} `{part['name']}`" for room, part in card["model"].items())
    paper = f" Paper: `{card['paper']}`." if card.get("paper") else ""
    height, width, channels = card["image_shape"]
    return (
        f"A variational autoencoder of elbo-zoo: {parts}. {card['latent_dim']} latents, images "
        f"{height} x {width} x {channels}, {card['step']:,} training steps.{paper}"
    )


def _data(data):
    labels = {
        "name": "Data set",
        "source": "Source",
        "split": "Trained on",
        "number": "Images",
        "preprocessing": "Made by",
        "binarisation": "Binarisation",
        "binarisation_rule": "Rule",
    }
    lines = [f"- {label}: {data[key]}" for key, label in labels.items() if data.get(key)]
    return "\n".join(lines)


def _training(card):
    training = card.get("training") or {}
    if not training:
        return "Not noted."
    seconds = training["seconds"]
    time = "" if seconds is None else f" in {duration(seconds)}"
    lines = [f"{training['epochs']} epochs{time}, {training['hardware']}."]
    if training["cut"]:
        lines.append(f"Not the paper's whole run: {training['cut']}.")
    if training["command"]:
        lines.append(f"\n```sh\n{training['command']}\n```")
    return "\n".join(lines)


def _metrics(card):
    if not card["metrics"]:
        return "Not evaluated."
    lines = ["| metric | value +- standard error |", "|---|---|"]
    rows = [(name, metric_text(entry)) for name, entry in card["metrics"].items()]
    lines += [f"| {escape.cell(name)} | {escape.cell(text)} |" for name, text in rows]
    evaluation = card["evaluation"]
    count, split = evaluation.get("num_examples", "?"), evaluation.get("split", "?")
    where = f"{count} examples of the split {split!r}"
    command = f", by `{evaluation['command']}`" if evaluation.get("command") else ""
    lines += ["", f"On {where}, seed {evaluation.get('seed', '?')}{command}."]
    for again in evaluation.get("again", []):
        names = ", ".join(f"`{name}`" for name in again["metrics"])
        lines.append(f"Measured again by `{again['command']}`: {names}.")
    return "\n".join(lines)
