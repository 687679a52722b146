"""Your own images: a folder, an npz file, a TFDS name or shards, 32 to 128 pixels a side.

    python -m trainers.train --config=configs/images.py --workdir=DIR \\
        --config.data.name=folder:PATH --config.data.image_size=64

docs/images.md is the guide. Without a data set it trains on `photos`, patches of the two
photographs that scikit-learn ships. `image_size` is a side or "(H, W)"; 0 takes pictures as they
are, which must then have one size. Pictures of another shape are cropped to the middle, or with
`--config.data.fit=pad` shown whole with black around them.

Options after the colon, in any order, as in `configs/images.py:large,mixture`:

- preset: `base` (the default), `small`, `large`. They set the latents and the width and depth of
  the networks, which also grow with the size of the images.
- likelihood: `gaussian` (the default; one scale, in closed form, of Rybkin et al., 2021) or
  `mixture` (discretised logistics; exact bits per dimension).
- family of networks: `residual` (the default) or `dcgan`.
- code: `vector` (the default) or `planes`, a spatial code [h, w, P] for `residual`.
- scale: `tiny` runs a few steps.

Any objective is a flag: `--config.objective.name=infovae`. `--config.data.flips=True` and
`--config.data.shifts=4` vary the training images.
"""

from trainers.data.loading import image_sides
from trainers.recipe import Recipe
from zoo.layers.residual import scales_of

# Latents, channels of the first map, residual blocks of each map.
PRESETS = {"base": (64, 32, 1), "small": (32, 16, 1), "large": (128, 64, 2)}
DCGAN_WIDTHS = {"base": 1 / 4, "small": 1 / 8, "large": 1 / 2}  # of 128, 256, 512, 1024
UNKNOWN_SIDES = (32, 32)  # what is taken where `data.image_size` is 0
SMALLEST_PLANE = 8  # pixels of the shorter side
SHARE_OF_A_PLACE = 16  # a place of a spatial code has 1/16 of a preset's latents


def base(config):
    """Sets the data and the training."""
    config.data.name = "photos"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "constant_then_linear"
    config.train.epochs = 40
    config.train.batch_size = 64
    config.train.validation_examples = 1000
    config.train.pictures_every = 10
    config.evaluation.metrics = (
        *("rate", "distortion", "elbo", "nll", "bits_per_dimension"),
        *("reconstruction_l2", "active_units", "linear_probe"),
    )
    config.evaluation.num_samples = 16
    config.evaluation.nll_examples = 1000


def preset(name):
    """Returns a preset as a change of a config."""
    latents, depth, num_blocks = PRESETS[name]

    def change(config):
        config.latent_dim = latents
        for part in (config.encoder, config.decoder):
            if part.name == "dcgan":
                part.width = DCGAN_WIDTHS[name]
            else:
                part.depth, part.num_blocks = depth, num_blocks

    return change


def network(name):
    """Returns a pair of networks as a change of a config."""
    return {"encoder": {"name": name}, "decoder": {"name": name}}


def planes(config):
    """Sets a spatial code; its number of latents is derived."""
    for part in (config.encoder, config.decoder):
        part.update(code="planes", smallest=SMALLEST_PLANE)


def latents(config):
    """Returns the number of latents: a spatial code has a share of a preset's at each place."""
    if config.encoder.get("code") != "planes":
        return config.latent_dim
    sides = image_sides(config.data.image_size) or UNKNOWN_SIDES
    height, width = scales_of(sides, 1, config.encoder.halvings, config.encoder.smallest).smallest
    return config.latent_dim // SHARE_OF_A_PLACE * height * width


def filters(widest):
    """Returns the depths of DCGAN's maps, which halve the sides while they are even and above 4.

    Args:
        widest: Position of the largest depth: "first" (of a decoder) or "last".
    """

    def derive(config):
        height, width = image_sides(config.data.image_size) or UNKNOWN_SIDES
        halvings = 1
        while not (height % 2 ** (halvings + 1) or width % 2 ** (halvings + 1)) and (
            min(height, width) / 2**halvings > 4
        ):
            halvings += 1
        depths = tuple(1024 // 2 ** min(i, 3) for i in range(halvings))
        return (*depths, depths[-1] // 2) if widest == "first" else depths[::-1]

    return derive


# Parts without `filters` are left as they are.
DERIVED = {
    "latent_dim": latents,
    "encoder.filters": filters("last"),
    "decoder.filters": filters("first"),
}
LIKELIHOODS = {"gaussian": "optimal_gaussian", "mixture": "logistic_mixture"}
FAMILIES = {name: network(name) for name in ("residual", "dcgan")}
OPTIONS = {
    "likelihood": {
        word: {"decoder.likelihood": {"name": name}} for word, name in LIKELIHOODS.items()
    },
    "code": {"vector": {}, "planes": planes},
    "preset": {name: preset(name) for name in PRESETS},
}
TINY = {"encoder.depth": 4, "decoder.depth": 4, "encoder.width": 1 / 64, "decoder.width": 1 / 64}

get_config = Recipe(
    base=base, families=FAMILIES, options=OPTIONS, derived=DERIVED, scales={"tiny": TINY}
)
