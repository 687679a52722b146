"""Which axis is which and what values mean: every shape and dtype, read once or refused."""

import io

import light_artifact
import numpy as np
import pandas
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from zoo.light import axes, images, runtime
from zoo.light.pictures import read_image

GREY, COLOUR, FOUR = (8, 6, 1), (8, 6, 3), (8, 6, 4)
PLAIN = {"scale": "uint8/255", "binarise": None}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return runtime.load_encoder(light_artifact.make(tmp_path_factory.mktemp("images")))


# Axes: of the model's size.

OF_THE_MODEL = [
    (GREY, (5, 8, 6, 1), (5, 8, 6, 1)),
    (GREY, (8, 6, 1), (1, 8, 6, 1)),
    (GREY, (5, 8, 6), (5, 8, 6, 1)),
    (GREY, (3, 8, 6), (3, 8, 6, 1)),  # three grey images; there is no other reading
    (GREY, (8, 6), (1, 8, 6, 1)),
    (COLOUR, (5, 8, 6, 3), (5, 8, 6, 3)),
    (COLOUR, (8, 6, 3), (1, 8, 6, 3)),
    (FOUR, (5, 8, 6, 4), (5, 8, 6, 4)),
    (FOUR, (8, 6, 4), (1, 8, 6, 4)),
]


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize(("model", "shape", "expected"), OF_THE_MODEL)
def test_shapes_of_the_model_mean_the_same_with_and_without_resize(model, shape, expected, resize):
    x = np.arange(np.prod(shape)).reshape(shape)
    batch = axes.as_batch(x, model, resize)
    assert batch.shape == expected and np.shares_memory(batch, x)
    np.testing.assert_array_equal(batch.ravel(), x.ravel())


RESIZED = [
    (GREY, (9, 7), (1, 9, 7, 1)),
    (GREY, (9, 7, 3), (1, 9, 7, 3)),
    (GREY, (9, 7, 1), (1, 9, 7, 1)),
    (GREY, (5, 9, 7), (5, 9, 7, 1)),
    (GREY, (2, 9, 7), (2, 9, 7, 1)),
    (GREY, (1, 9, 7), (1, 9, 7, 1)),
    (GREY, (5, 9, 7, 3), (5, 9, 7, 3)),
    (GREY, (3, 9, 7, 1), (3, 9, 7, 1)),
    (COLOUR, (9, 7), (1, 9, 7, 1)),
    (COLOUR, (5, 9, 7), (5, 9, 7, 1)),
    (COLOUR, (5, 8, 6), (5, 8, 6, 1)),
    (FOUR, (5, 9, 7, 4), (5, 9, 7, 4)),
    (FOUR, (9, 7, 4), (1, 9, 7, 4)),
]


@pytest.mark.parametrize(("model", "shape", "expected"), RESIZED)
def test_shapes_of_other_sizes_are_taken_with_resize_alone(model, shape, expected):
    x = np.zeros(shape, np.uint8)
    assert axes.as_batch(x, model, resize=True).shape == expected
    assert images.resize_images(x, model).shape == (expected[0], *model)
    with pytest.raises(ValueError, match=r"; resize=True brings images of any size to the model$"):
        axes.as_batch(x, model)


REFUSED = [
    # Alpha.
    (GREY, (64, 48, 4), True, r"C of 1 or 3.*shape=\(64, 48, 4\); images\[..., :-1\] leaves alpha"),
    (GREY, (64, 48, 2), True, "leaves alpha out"),
    (GREY, (5, 64, 48, 4), True, "leaves alpha out"),
    (COLOUR, (8, 6, 4), False, "leaves alpha out"),
    (COLOUR, (5, 8, 6, 4), True, "leaves alpha out"),
    # Channels first.
    (COLOUR, (3, 8, 6), False, r"np.moveaxis\(images, -3, -1\) if channels are first$"),
    (COLOUR, (5, 3, 8, 6), False, "if channels are first$"),
    (COLOUR, (5, 3, 8, 6), True, "if channels are first$"),
    (GREY, (5, 1, 8, 6), False, "if channels are first$"),
    (GREY, (3, 64, 48), True, r"channels are first, images\[..., None\] if they are grey$"),
    (COLOUR, (3, 8, 6), True, "if they are grey$"),
    (GREY, (4, 64, 48), True, "if they are grey$"),
    # Flat rows.
    (GREY, (48,), False, r"images.reshape\(-1, 8, 6, 1\) if these are flat rows$"),
    (GREY, (5, 48), False, "if these are flat rows$"),
    (GREY, (5, 48), True, r"8, 6, 1\) if these are flat rows, images\[None\] if it is one image$"),
    (COLOUR, (5, 144), False, r"images.reshape\(-1, 8, 6, 3\) if these are flat rows$"),
    (GREY, (1797, 64), True, r"images.reshape\(-1, H, W, C\) if these are flat rows, images\[None"),
    # Four channels are not made of others.
    (FOUR, (9, 7, 3), True, "C of 4. Received.*have 4 channels, and others are not made so"),
    (FOUR, (9, 7), True, "others are not made so"),
    (FOUR, (8, 6, 3), False, "others are not made so"),
    # No images.
    (GREY, (0, 8, 6, 1), True, r"at least one image. Received: shape=\(0, 8, 6, 1\)"),
    (GREY, (0, 9, 7, 1), True, r"Received: shape=\(0, 9, 7, 1\)"),
    (GREY, (9, 0), True, r"Received: shape=\(9, 0\)"),
    (GREY, (9,), True, r"Received: shape=\(9,\)"),
    (GREY, (1, 1, 8, 6, 1), True, r"Received: shape=\(1, 1, 8, 6, 1\)"),
]


@pytest.mark.parametrize(("model", "shape", "resize", "text"), REFUSED)
def test_shapes_that_could_be_two_things_are_refused_with_what_to_write(model, shape, resize, text):
    with pytest.raises(ValueError, match=text) as refused:
        axes.as_batch(np.zeros(shape), model, resize)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "shape", "remedy"),
    [
        (GREY, (64, 48, 4), lambda x: x[..., :-1]),
        (GREY, (64, 48, 2), lambda x: x[..., :-1]),
        (GREY, (3, 64, 48), lambda x: np.moveaxis(x, -3, -1)),
        (GREY, (3, 64, 48), lambda x: x[..., None]),
        (GREY, (5, 48), lambda x: x.reshape(-1, 8, 6, 1)),
        (GREY, (5, 48), lambda x: x[None]),
        (GREY, (1797, 64), lambda x: x.reshape(-1, 8, 8, 1)),
        (COLOUR, (5, 3, 8, 6), lambda x: np.moveaxis(x, -3, -1)),
    ],
)
def test_what_to_write_is_right(model, shape, remedy):
    x = np.zeros(shape, np.uint8)
    with pytest.raises(ValueError, match="Received: shape="):
        axes.as_batch(x, model, resize=True)
    assert images.resize_images(remedy(x), model).shape[1:] == model


def test_a_picture_with_alpha_is_not_64_grey_ones(encoder):
    with pytest.raises(ValueError, match="leaves alpha out"):
        encoder.features(np.zeros((64, 48, 4), np.uint8), resize=True)


def test_rows_are_not_one_picture(encoder, rng):
    rows = rng.integers(0, 256, (5, 48), np.uint8)
    for resize in (False, True):
        with pytest.raises(ValueError, match=r"images.reshape\(-1, 8, 6, 1\)"):
            encoder.features(rows, resize=resize)
    assert encoder.features(rows.reshape(-1, 8, 6, 1)).shape == (5, 3)


# What is no array.


def test_lists_columns_and_frames_are_arrays(rng):
    x = rng.integers(0, 256, (4, 8, 6), np.uint8)
    column = np.empty(4, object)
    column[:] = list(x)
    for form in (list(x), tuple(x), column, pandas.Series(list(x)), x.tolist()):
        np.testing.assert_array_equal(axes.as_batch(form, GREY)[..., 0], x)
    frame = pandas.DataFrame(x.reshape(4, -1))
    with pytest.raises(ValueError, match=r"reshape\(-1, 8, 6, 1\) if these are flat rows"):
        axes.as_batch(frame, GREY)
    with pytest.raises(ValueError, match=r"shape=\(\), text; `python -m export.encode` reads"):
        axes.as_batch("picture.png", GREY)
    with pytest.raises(ValueError, match="text; `python -m export.encode` reads files"):
        axes.as_batch(["a.png", "b.png"], GREY)
    with pytest.raises(ValueError, match="of one size and one number of channels"):
        axes.as_batch(pandas.Series([x[0], x[0, :5]]), GREY)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_a_pillow_image_is_read_as_its_file(mode, rng):
    grey = rng.integers(0, 256, (16, 12), np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        colour = rng.integers(0, 256, (16, 12, 4), np.uint8)
        picture = Image.fromarray(colour).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode)
    file = io.BytesIO()
    picture.save(file, format="TIFF" if mode == "CMYK" else "PNG")
    expected = read_image(file)
    np.testing.assert_array_equal(axes.as_array(picture), expected)
    np.testing.assert_array_equal(axes.as_array([picture, picture]), [expected, expected])
    assert expected.shape[-1] == (1 if mode in ("1", "L", "LA", "I;16") else 3)


# Values.

TENTHS = [0, 0.1, 1]


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x[:, None, None]])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        *[(np.array([0, 51, 127], d), [0, 0.2, 127 / 255]) for d in ("u1", "i1", "i2", "i8", "u8")],
        *[(np.array([0, 51, 255], d), [0, 0.2, 1]) for d in ("u1", "u4", "i2", "i4", "i8", ">i4")],
        (np.array([0, 0, 1], "u1"), [0, 0, 1]),  # bits
        (np.array([0, 0, 1], "i8"), [0, 0, 1]),
        (np.array([0, 0, 2], "i8"), [0, 0, 2 / 255]),
        (np.array([False, True]), [0, 1]),
        *[(np.array(TENTHS, d), TENTHS) for d in ("f2", "f4", "f8", ">f8")],
        (np.array([0, 1 + 1e-7]), [0, 1]),
    ],
)
def test_values_that_are_taken(values, expected, form):
    x = images.prepare_images(form(values), PLAIN)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.ravel(), expected, atol=5e-5)


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        (np.array([0, 128.0, 255]), ValueError, "from 0 to 255; images / 255 if white is 255$"),
        (np.array([0, 9.0, 16]), ValueError, "from 0 to 16; images / 16 if white is 16$"),
        (np.array([0, 65535.0]), ValueError, "; images / 65535 if white is 65535$"),
        (np.array([-1.0, 1]), ValueError, r"; \(images \+ 1\) / 2 if these are from -1 to 1$"),
        (np.array([-0.1, 1.02]), ValueError, r"; np.clip\(images, 0, 1\) if these overshoot$"),
        (np.array([-0.42, 2.8]), ValueError, r"; images \* std \+ mean if they were standardised$"),
        (np.array([0, np.nan]), ValueError, "; replace NaN and infinities by levels"),
        (np.array([0, np.inf]), ValueError, "; replace NaN and infinities by levels"),
        (np.array([0, 256]), ValueError, "Received: dtype=int64, .* from 0 to 256; images / 65535"),
        # The trainers divide uint16 by 65535: dark pictures of 16 bits are no bytes.
        (np.array([0, 65535], "u2"), TypeError, "uint16; images / 65535 if white is 65535, im"),
        (np.array([0, 255], "u2"), TypeError, r"images.astype\('uint8'\) if it is 255$"),
        (np.array([-128, 127], "i1"), ValueError, "dtype=int8, values from -128 to 127"),
        (np.array([0, 1], object), TypeError, r"dtype=object; images.astype\('uint8'\)"),
        (np.array([0, 1], complex), TypeError, "dtype=complex128"),
        (np.array(["0", "1"]), TypeError, "dtype=<U1"),
        (np.array([0, 1], "m8[s]"), TypeError, "dtype=timedelta64"),
    ],
)
def test_values_that_are_refused_with_the_line_that_makes_them_right(values, error, text):
    with pytest.raises(error, match=text) as refused:
        images.prepare_images(values, PLAIN)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("resize", [False, True])
def test_integers_are_taken_as_bytes_are(encoder, rng, resize):
    shape = (5, 20, 30, 3) if resize else (5, 8, 6, 1)
    x = rng.integers(0, 256, shape, np.uint8)
    dark = x % 2  # bits, as a block of their own
    for given in (x, dark):
        expected = encoder.features(given, resize=resize)
        for dtype in (np.int16, np.int64, np.uint32):
            received = encoder.features(given.astype(dtype), resize=resize, batch_size=2)
            np.testing.assert_array_equal(received, expected)
    stream = encoder.stream(iter([x[:1].astype(int), dark.astype(int)]), resize=resize)
    np.testing.assert_array_equal(
        np.concatenate(list(stream)),
        encoder.features(np.concatenate([x[:1], dark]), resize=resize),
    )


def test_digits_of_scikit_learn_are_refused_and_the_remedy_works(encoder):
    digits = load_digits().images[:5]
    with pytest.raises(ValueError, match="from 0 to 16; images / 16 if white is 16"):
        encoder.features(digits, resize=True)
    assert encoder.features(digits / 16, resize=True).shape == (5, 3)
