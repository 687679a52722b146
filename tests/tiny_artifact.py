"""A tiny run, and its artifact, made once for all tests that need one."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

IMAGE_SHAPE = (8, 6, 1)
LATENT_DIM = 3
STEP = 7


def images(count, seed=17):
    """Returns uint8 images [count, 8, 6, 1]."""
    return np.random.default_rng(seed).integers(0, 256, (count, *IMAGE_SHAPE), np.uint8)


def model_config(binary=False):
    """Returns the four parts; every argument that could be mistaken for another differs."""
    likelihood = "bernoulli" if binary else {"name": "gaussian", "scale": "learned"}
    return {
        "encoder": {"name": "mlp", "hidden_units": [9, 7], "latent_dim": LATENT_DIM},
        "decoder": {
            "name": "mlp",
            "hidden_units": [5],
            "latent_dim": LATENT_DIM,
            "image_shape": list(IMAGE_SHAPE),
            "likelihood": likelihood,
        },
        "marginal": {"name": "normal", "latent_dim": LATENT_DIM},
        "objective": {"name": "beta", "beta": 2.0, "seed": 17},
    }


def make_model(config=None, seed=17):
    """Returns a `VAE` in which no weight is zero or equals another."""
    import zoo

    model = zoo.build(config or model_config())
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(0.0, 0.5, weight.shape))
    return model


def make_run(workdir, binarisation="static", objective=None):
    """Writes a run's folder with a checkpoint at step 7 and an evaluation; returns its model."""
    from trainers import checkpoints, environment
    from trainers.config import default_config, plain
    from zoo.storage import files

    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    data = workdir.parent / f"{workdir.name}-data.npz"
    np.savez(data, x_train=images(20), x_test=images(9, seed=18))
    config = plain(default_config())
    config["paper"], config["latent_dim"] = "infovae", LATENT_DIM
    config["data"].update(name=f"npz:{data}", binarisation=binarisation, data_dir=str(workdir))
    parts = model_config(binary=True)
    parts["objective"] = objective or parts["objective"]
    for room, part in parts.items():
        known = ("latent_dim", "image_shape", "seed")
        config[room] = {key: value for key, value in part.items() if key not in known}
    model = make_model(parts)
    model.compile("adam")
    labels = np.zeros(2, "int32") if model.objective.needs_labels else None
    model.fit(np.zeros((2, *IMAGE_SHAPE), "float32"), labels, epochs=1, verbose=0)
    checkpoints.save(workdir / "checkpoints", model, STEP, [])
    origin = {"command": "", "versions": environment.versions(), "hardware": ""}
    shape = list(IMAGE_SHAPE)
    files.write_json(workdir / "config.json", {"config": config, "image_shape": shape, **origin})
    files.write_json(workdir / "evaluation.json", evaluation(workdir))
    return model


def evaluation(workdir):
    """Returns an evaluation with made-up numbers."""
    return {
        "split": "test",
        "num_examples": 9,
        "data": {"name": "tiny"},
        "seed": 17,
        "step": STEP,
        "metrics": {
            "nll": {"value": 31.25, "stderr": 0.5, "num_samples": 100, "unit": "nats"},
            "linear_probe": {"value": None, "stderr": None, "note": "no labels"},
        },
        "command": f"python -m trainers.evaluate --workdir={workdir}",
    }


@functools.cache
def _published():
    from export import publish

    folder = Path(tempfile.mkdtemp(prefix="tiny-artifact-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    model = make_run(folder / "run")
    publish.publish(folder / "run", "tiny", probability=False)
    return folder / "run", model


def run():
    """Returns the folder of a published run, not to be written to, and the model it trained."""
    return _published()


def copy_to(folder):
    """Returns a copy of the artifact, `folder`/tiny, to be damaged at will."""
    return Path(shutil.copytree(_published()[0] / "artifact", Path(folder) / "tiny"))


def rehash(artifact):
    """Makes the card agree with the files again, as someone who meant the change would."""
    from zoo.releases import card as cards
    from zoo.storage import files

    card = files.read_json(artifact / "card.json")
    (artifact / "card.json").unlink()
    card["files"] = cards.file_entries(artifact)
    cards.write_card(artifact, card)


def content(folder):
    """Returns path -> bytes of all files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }
