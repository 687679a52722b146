"""The config of custom images: presets, families and codes, and what follows from the size."""

import numpy as np
import pytest
from PIL import Image

from configs.images import get_config
from trainers import loop


@pytest.mark.parametrize("preset", ["small", "base", "large"])
@pytest.mark.parametrize(("size", "plane"), [("32", 64), ("(48, 64)", 48), ("128", 64)])
def test_presets_grow_with_the_image(preset, size, plane):
    flags = [f"--config.data.image_size={size}"]
    config = get_config(f"{preset},mixture", flags)
    assert config.decoder.likelihood.name == "logistic_mixture"
    depth, latents = {"small": (16, 32), "base": (32, 64), "large": (64, 128)}[preset]
    assert (config.encoder.depth, config.decoder.depth, config.latent_dim) == (
        depth,
        depth,
        latents,
    )
    assert get_config(f"planes,{preset}", flags).latent_dim == latents // 16 * plane
    config = get_config(f"dcgan,{preset}", flags)
    halvings = {"32": 3, "(48, 64)": 4, "128": 5}[size]
    assert len(config.encoder.filters) == halvings == len(config.decoder.filters) - 1
    assert config.encoder.width == {"small": 1 / 8, "base": 1 / 4, "large": 1 / 2}[preset]


def test_flags_win_over_what_is_derived():
    flags = ["--config.latent_dim=7", "--config.encoder.filters=(8, 4)"]
    config = get_config("dcgan", flags)
    assert (config.latent_dim, config.encoder.filters) == (7, (8, 4))
    assert len(config.decoder.filters) == 4
    assert get_config("planes", ["--config.latent_dim=128"]).latent_dim == 128
    assert get_config("", ["--config.objective.name=infovae"]).objective.name == "infovae"
    with pytest.raises(ValueError, match="Received: 'hugo'"):
        get_config("hugo")


def folder(root, sizes, mode="RGB"):
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(17)
    for number, (width, height) in enumerate(sizes):
        bands = len(Image.new(mode, (1, 1)).getbands())
        pixels = rng.integers(0, 256, (height, width, bands)).astype("uint8")
        picture = Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode)
        picture.save(root / f"{number:03d}.png")
    return root


def train(path, workdir, options="tiny", *flags):
    shared = ["--config.train.batch_size=4", "--config.evaluation.num_samples=2"]
    config = get_config(options, [f"--config.data.name=folder:{path}", *shared, *flags])
    config.train.jit_compile = "off"
    return loop.train_and_evaluate(config, workdir, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "size"), [("tiny,mixture,planes", "(16, 24)"), ("tiny,dcgan,small", "16")]
)
def test_a_folder_of_photographs_of_several_sizes(tmp_path, options, size):
    path = folder(tmp_path / "own", [(30 + i % 7, 20 + i % 5) for i in range(20)])
    flags = [f"--config.data.image_size={size}", "--config.data.flips=True"]
    run = train(path, tmp_path / "run", options, *flags)
    metrics = run.evaluation["metrics"]
    assert np.isfinite(metrics["elbo"]["value"])
    assert (metrics["bits_per_dimension"]["value"] is not None) == ("mixture" in options)
    assert metrics["linear_probe"]["value"] is None  # pictures without classes
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_one_picture_and_pictures_of_one_class(tmp_path):
    flags = ["--config.data.image_size=16", "--config.encoder.name=mlp"]
    one = train(folder(tmp_path / "one", [(20, 20)]), tmp_path / "a", "tiny", *flags)
    assert one.evaluation["split"] == "train" and one.step == 2
    (tmp_path / "cats").mkdir()
    folder(tmp_path / "cats" / "cat", [(20, 20)] * 12)
    cats = train(tmp_path / "cats", tmp_path / "b", "tiny", *flags)
    assert cats.evaluation["metrics"]["linear_probe"]["value"] is None
    assert cats.evaluation["metrics"]["linear_probe"]["note"]


def test_images_smaller_than_the_stride_are_refused(tmp_path):
    path = folder(tmp_path / "own", [(8, 8)] * 4)
    with pytest.raises(ValueError, match=r"at least 16 pixels a side.* Received: halvings=4"):
        train(path, tmp_path / "a", "tiny", "--config.encoder.halvings=4")


@pytest.mark.parametrize(
    ("mode", "expected"), [("RGBA", 3), ("LA", 1), ("P", 3), ("I;16", 1), ("1", 1)]
)
def test_pictures_of_other_modes_are_read_by_the_rule(tmp_path, mode, expected):
    from trainers import data

    made = Image.new({"I;16": "I;16", "1": "1", "P": "P"}.get(mode, mode), (9, 9))
    if mode == "I;16":
        made = Image.fromarray(np.full((9, 9), 65535, np.uint16))
    if mode in ("RGBA", "LA"):
        made = Image.new(mode, (9, 9), (255,) * (len(mode) - 1) + (0,))  # invisible white
    made.save(tmp_path / "it.png")
    loaded = data.load(f"folder:{tmp_path}", "all")
    assert loaded.image_shape == (9, 9, expected)
    assert (loaded.images == (255 if mode == "I;16" else 0)).all()


def test_of_an_animated_picture_the_first_frame_is_read(tmp_path):
    from trainers import data

    frames = [Image.new("RGB", (9, 9), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    frames[0].save(tmp_path / "it.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert data.load(f"folder:{tmp_path}", "all").images[0, 0, 0].tolist() == [250, 0, 0]
