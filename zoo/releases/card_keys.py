"""The schema of `card.json`; see `zoo.storage.schema` for its form."""

from zoo.storage.schema import COUNT, NUMBER, POSITIVE, SHA256, SIZE, TEXT, Keys, Rule

_DIMENSION = Rule(
    "a positive int or a name", lambda v: SIZE.test(v) or (type(v) is str and v != "")
)
_SHAPES = Rule(
    "dict of name -> shape, at least one",
    lambda v: (
        isinstance(v, dict)
        and len(v) > 0
        and all(isinstance(s, list) and all(map(_DIMENSION.test, s)) for s in v.values())
    ),
)
# A graph in TensorFlow Lite: dtype of the weights -> its file, and the error that it may have.
TFLITE = {str: Keys({"file": str, "tolerance": POSITIVE})}
GRAPH = Keys(
    {"file": str, "inputs": _SHAPES, "outputs": _SHAPES}, {"signature": str, "tflite": TFLITE}
)
METRIC = Keys(
    {"value": NUMBER},
    {"stderr": NUMBER, "unit": str, "note": TEXT, "num_samples": COUNT, "num_examples": COUNT},
)
METRICS = {str: METRIC}
TRAINING = Keys(
    optional={"command": str, "epochs": float, "seconds": NUMBER, "hardware": str, "cut": str}
)
CARD_KEYS = Keys(
    {
        "name": Rule("a text that is not empty", lambda v: type(v) is str and v.strip() != ""),
        "image_shape": list,
        "latent_dim": int,
        "model": dict,
        "prior": Keys({}, {"family": str, "scale": [POSITIVE]}),
        "posterior": Keys({}, {"family": str, "loc": str, "scale": str, "sampler": str}),
        "preprocessing": Keys({}, {"scale": str, "binarise": TEXT, "multiply": POSITIVE}),
        "graphs": dict,
        "saved_model": str,
        "golden": Keys({}, {"file": str, "images": str, "latents": str, "tolerance": POSITIVE}),
        "files": dict,
    },
    {
        "paper": TEXT,
        "licence": str,
        "data": Keys({}, {"name": TEXT, "binarisation": TEXT, "golden": TEXT}),
        "metrics": METRICS,
        "evaluation": dict,
        "training": TRAINING,
        "step": COUNT,
        "run_config": dict,
        "storage": dict,
        "versions": {str: str},
        "content_sha256": SHA256,
    },
)
