"""Images of any size when asked, and streams: the same features, in constant memory."""

import itertools
import pickle
import sys
import tracemalloc

import light_artifact
import numpy as np
import pytest
from PIL import Image

from trainers.data.images import Preparation
from zoo.light import images, resizing, runtime, streaming

SHAPE = light_artifact.IMAGE_SHAPE


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return runtime.load_encoder(light_artifact.make(tmp_path_factory.mktemp("features")))


def pixels(count, shape=SHAPE, seed=17):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


# Resizing.

SIZES = [
    ((40, 50), (8, 6)),
    ((50, 31), (28, 28)),
    ((5, 4), (8, 6)),
    ((8, 9), (8, 6)),
    ((1, 1), (3, 2)),
]


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize(("given", "channels"), [(1, 1), (3, 1), (1, 3), (3, 3)])
def test_resized_images_are_those_of_the_trainers_and_of_pillow(old, new, given, channels, rng):
    x = rng.integers(0, 256, (3, *old, given), np.uint8)
    np.testing.assert_array_equal(
        images.resize_images(x, (*new, channels)), Preparation(new, channels)(x)
    )
    x = rng.random((3, *old, given), np.float32)
    expected = Preparation(new, channels)(x)
    received = images.resize_images(x.astype(np.float64), (*new, channels))
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, atol=2e-7)


def test_bytes_are_resized_as_by_pillow_in_every_pixel(rng):
    x = rng.integers(0, 256, (1, 97, 61, 1), np.uint8)
    for size in ((13, 61), (97, 200), (200, 7)):
        shown = Image.fromarray(x[0, ..., 0]).resize(size[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(resizing.resize(x, size)[0, ..., 0], np.asarray(shown))


def test_a_resize_takes_a_few_images_at_a_time(rng, monkeypatch):
    x = rng.integers(0, 256, (7, 30, 20, 3), np.uint8)
    whole, sizes, some = resizing.resize(x, (8, 6)), [], resizing._resize_at_once
    monkeypatch.setattr(resizing, "RESIZED", 2 * 30 * 20 * 3 + 1)
    monkeypatch.setattr(
        resizing, "_resize_at_once", lambda x, size: sizes.append(len(x)) or some(x, size)
    )
    np.testing.assert_array_equal(resizing.resize(x, (8, 6)), whole)
    assert sizes == [2, 2, 2, 1]


def test_a_resize_keeps_the_weights_of_few_sizes(rng):
    for size in range(20, 60):
        images.resize_images(rng.integers(0, 256, (1, size, size, 1), np.uint8), SHAPE)
    found = resizing._weights.cache_info()
    assert found.currsize == found.maxsize <= 16


def test_a_list_of_images_of_several_sizes_is_for_the_stream(encoder):
    several = [np.zeros((16, 12, 3), np.uint8), np.zeros((9, 9, 3), np.uint8)]
    with pytest.raises(ValueError, match=r"of one size.*stream\(images, resize=True\)"):
        encoder.features(several, resize=True)
    assert len(np.concatenate(list(encoder.stream(several, resize=True)))) == 2


def test_images_are_resized_only_when_asked(encoder):
    big = pixels(4, (16, 12, 3))
    with pytest.raises(ValueError, match=r"shape=\(4, 16, 12, 3\); resize=True brings"):
        encoder.features(big)
    received = encoder.features(big, resize=True, batch_size=3)
    np.testing.assert_array_equal(
        received, encoder.features(images.resize_images(big, SHAPE), batch_size=3)
    )
    fitting = pixels(4)
    np.testing.assert_array_equal(encoder.features(fitting, resize=True), encoder.features(fitting))


# Bytes of zeros and ones.


def test_a_nearly_black_image_is_no_bits_among_others(encoder):
    given = pixels(5)
    given[3] = given[3] > 127  # of 0 and 1
    expected = encoder.features(given / 255.0)
    for size in (1, 2, 256):
        np.testing.assert_array_equal(encoder.features(given, batch_size=size), expected)
    np.testing.assert_array_equal(np.concatenate(list(encoder.stream(given))), expected)
    alone = encoder.features(given[3])
    np.testing.assert_array_equal(alone, encoder.features(given[3].astype(bool)))
    np.testing.assert_array_equal(encoder.features(given[3], bits=False), expected[3:4])
    (first, *_) = encoder.stream(given[3:], bits=False)
    np.testing.assert_array_equal(first, expected[3:])
    assert np.abs(alone - expected[3]).max() > 0.1


def test_what_becomes_dark_by_resizing_is_no_bits(encoder):
    point = np.zeros((1, 16 * SHAPE[0], 16 * SHAPE[1], 1), np.uint8)
    point[0, 20, 20] = 255
    expected = encoder.features(point / 255.0, resize=True)
    resized = images.resize_images(point, SHAPE)
    assert resized.max() == 1
    received = encoder.features(point, resize=True)
    np.testing.assert_allclose(received, encoder.features(resized / np.float32(255)), atol=1e-7)
    np.testing.assert_allclose(received, expected, atol=0.02)  # of rounding to a level
    np.testing.assert_array_equal(next(encoder.stream([point], resize=True)), received)


def test_what_is_under_a_mask_is_not_guessed(encoder):
    masked = np.ma.masked_greater(pixels(2), 200)
    for use in (encoder.features, lambda x: encoder.features(x, resize=True)):
        with pytest.raises(TypeError, match="without a mask: fill it first. Received: a masked"):
            use(masked)


def test_an_encoder_can_be_sent_to_another_process(encoder):
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.features(pixels(3)), encoder.features(pixels(3)))


def test_resizing_hides_no_values_outside_the_range(encoder):
    with pytest.raises(ValueError, match=r"values in \[0, 1\].*from 200 to 200"):
        encoder.features(np.full((16, 12), 200.0), resize=True)
    with pytest.raises(ValueError, match="from 0 to 255. Received: dtype=int64, values from -3 to"):
        encoder.features(np.full((16, 12), -3), resize=True)
    with pytest.raises(ValueError, match="Received: values from nan"):
        encoder.features(np.full((16, 12), np.nan), resize=True)


# Streams.


@pytest.mark.parametrize("kind", ["mean", "sample"])
def test_a_stream_gives_the_features_of_all_images_at_once(encoder, kind):
    x = pixels(23)
    expected = encoder.features(x, kind=kind, batch_size=7)
    sources = {
        "images": iter(x),
        "batches": (x[i : i + 5] for i in range(0, 23, 5)),
        "one array": [x],
        "both": itertools.chain(x[:3], [x[3:20]], x[20:, ..., 0]),
    }
    for name, source in sources.items():
        blocks = list(encoder.stream(source, kind=kind, batch_size=7))
        assert [len(block) for block in blocks] == [7, 7, 7, 2], name
        np.testing.assert_allclose(np.concatenate(blocks), expected, atol=1e-6, err_msg=name)


def test_a_stream_of_parameters_and_of_images_to_resize(encoder):
    x = [pixels(1, (20, 30, 3))[0], pixels(2)[..., 0].astype(np.float64) / 255]
    blocks = list(encoder.stream(x, kind="params", batch_size=2, resize=True))
    assert [set(block) for block in blocks] == [{"loc", "scale"}] * 2
    fitted = np.concatenate(
        [images.resize_images(item, SHAPE) / (255 if i == 0 else 1) for i, item in enumerate(x)]
    )
    expected = encoder.features(fitted.astype(np.float32), kind="params")
    received = np.concatenate([block["scale"] for block in blocks])
    np.testing.assert_allclose(received, expected["scale"], rtol=1e-5)


def test_a_stream_reads_no_further_than_it_gives(encoder):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield pixels(1, seed=number)[0]

    stream = encoder.stream(endless(), batch_size=4)
    assert len(next(stream)) == 4 and len(taken) == 4
    assert len(next(stream)) == 4 and len(taken) == 8


def test_a_stream_takes_constant_memory(encoder):
    def peak(count):
        batch = np.zeros((64, *SHAPE), np.uint8)
        tracemalloc.start()
        for _ in encoder.stream((batch for _ in range(count)), batch_size=64):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(2)
    assert peak(300) < peak(3) + 20_000  # 300 batches of bytes alone would be 920,000


def test_the_item_at_fault_is_named_and_what_came_before_is_given(encoder):
    x = [*pixels(3), np.zeros((9, 9), np.uint8)]
    stream = encoder.stream(x, batch_size=2)
    assert next(stream).shape == (2, 3)
    with pytest.raises(ValueError, match=r"Item 3: Expected images of 8 x 6.*shape=\(9, 9\)"):
        list(stream)
    with pytest.raises(ValueError, match="Item 0: .*Received: dtype=int64"):
        list(encoder.stream([np.full((8, 6), 300)]))
    assert list(encoder.stream([])) == []


def test_an_iterator_is_for_the_stream(encoder):
    with pytest.raises(TypeError, match="`stream` takes images as they come. Received: generator"):
        encoder.features(image for image in np.zeros((2, 8, 6), np.uint8))


def test_arguments_of_a_stream_are_checked_before_it_begins(encoder):
    for arguments in ({"kind": "median"}, {"seed": 1}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="Received: "):
            encoder.stream([], **arguments)


def test_a_bar_counts_images(monkeypatch, capsys):
    with streaming.bar(False) as advance:
        advance(3)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with streaming.bar(True, 5) as advance:
        advance(5)
    assert "5/5" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="pip install tqdm"), streaming.bar(True):
        pass
