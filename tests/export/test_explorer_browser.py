"""The explorer's page in real headless Chromium: clicks, drags, and pixels that Python agrees with.

Needs Chromium, `pip install -e ".[browser]"`, and onnxruntime-web: from ELBO_ZOO_ORT (a folder),
the cache, or npm.
"""

import os

import browser
import numpy as np
import pytest

from export.explorer import build, vendor
from zoo.light import runtime

pytestmark = pytest.mark.slow

MODEL, OTHER, DRAWN = "bilbo-mnist-z2", "broken-elbo-mnist", "infovae-mnist-pixelcnn-z5"
LEARNED = "broken-elbo-mnist-iaf-maf"
READY = "document.body.dataset.ready === 'true'"
# The canvas rounds to 8 bits, and may round a half up where Python rounds it down.
ONE_LEVEL = 1


@pytest.fixture(scope="module")
def ort():
    pytest.importorskip("websocket", reason='needs pip install -e ".[browser]"')
    if browser.find() is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    try:
        return vendor.onnxruntime_web(os.environ.get("ELBO_ZOO_ORT"))[0]
    except OSError as error:
        pytest.skip(f"needs onnxruntime-web: {error}")


@pytest.fixture(scope="module")
def pages(ort, tmp_path_factory):
    """Returns a folder of pages: one model, two, one that draws pictures, one of learned prior."""
    folder = tmp_path_factory.mktemp("pages")
    build.build([MODEL], folder / "one", ort=ort)
    build.build([MODEL, OTHER], folder / "two", ort=ort)
    build.build([DRAWN], folder / "drawn", ort=ort)
    build.build([LEARNED], folder / "learned", ort=ort)
    return folder


@pytest.fixture
def opened(pages, request):
    """Yields a tab with the page of one model or of two, ready; it must not have complained."""
    with browser.serve(pages / request.param) as url, browser.open_tab(url) as tab:
        tab.size(1280, 900)
        tab.wait(READY)
        yield tab
        tab.value("0")  # hears the last complaints
        assert tab.complaints == []
        assert tab.requests and all(request.startswith(url) for request in tab.requests)


def pixels(tab, selector):
    """Returns the red values of a canvas, uint8 [H, W]."""
    width, height, values = tab.value(
        # Read from a copy made for reading, or Chromium warns of the page what is the test's.
        f"(() => {{ const c = document.querySelector('{selector}'); "
        "const copy = new OffscreenCanvas(c.width, c.height)"
        ".getContext('2d', { willReadFrequently: true });"
        "copy.drawImage(c, 0, 0); const d = copy.getImageData(0, 0, c.width, c.height).data;"
        "return [c.width, c.height, Array.from(d.filter((v, i) => i % 4 === 0))]; })()"
    )
    return np.asarray(values, np.uint8).reshape(height, width)


def changed(tab, selector, action):
    """Does something and waits until a canvas shows another picture, which it returns."""
    before = pixels(tab, selector)
    action()
    return differs(tab, selector, before)


def differs(tab, selector, before):
    """Waits until a canvas shows another picture than `before` and returns it."""
    for _ in range(200):
        after = pixels(tab, selector)
        if after.shape != before.shape or not np.array_equal(after, before):
            return after
        tab.value("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError(f"{selector} still shows the same picture")


@pytest.mark.parametrize("opened", ["one"], indirect=True)
def test_drag_draw_walk_and_sample(opened):
    output = "canvas.output"
    first = pixels(opened, output)
    assert first.shape == (28, 28) and first.max() > 100
    changed(opened, output, lambda: opened.drag("canvas.plane", (0.5, 0.5), (0.2, 0.3), (0.1, 0.1)))
    changed(opened, output, lambda: [opened.press("ArrowRight") for _ in range(9)])
    changed(opened, output, lambda: opened.press("Home"))
    assert opened.value("document.querySelector('.side p').textContent").endswith("0.00")
    changed(opened, output, lambda: opened.drag(".slider input", (0.5, 0.5), (0.9, 0.5)))

    opened.click("#pad button")  # Clear
    stroke = [(0.5, 0.2), (0.5, 0.4), (0.5, 0.6), (0.5, 0.8)]
    changed(opened, ".reconstruction", lambda: opened.drag("canvas.draw", *stroke))
    assert (pixels(opened, ".views canvas") > 128).sum() > 20

    changed(opened, ".walk-now", lambda: opened.drag("#walk-ends input", (0.5, 0.5), (0.98, 0.5)))
    changed(opened, "#samples .tile canvas", lambda: opened.click("#draw"))
    changed(opened, output, lambda: opened.click("#samples .tile"))


@pytest.mark.parametrize("opened", ["one"], indirect=True)
def test_reconstructions_are_those_of_python(opened, pages):
    image = np.fromfile(pages / "one/models/0/images.bin", np.uint8).reshape(-1, 28, 28, 1)[3]
    changed(opened, ".reconstruction", lambda: opened.click(".gallery .tile:nth-child(4)"))
    opened.value("new Promise((done) => setTimeout(done, 500))")
    code = runtime.load_encoder(MODEL).features(image)
    expected = runtime.load_decoder(MODEL).decode(code)[0, ..., 0] * 255
    assert np.abs(pixels(opened, ".reconstruction") - expected).max() <= ONE_LEVEL
    assert np.abs(pixels(opened, "canvas.output") - expected).max() <= ONE_LEVEL
    assert np.array_equal(pixels(opened, ".views canvas"), image[..., 0])
    # The nearest stored image is the image itself.
    assert np.array_equal(pixels(opened, ".neighbours canvas"), image[..., 0])


@pytest.mark.parametrize("opened", ["two"], indirect=True)
def test_two_models_share_the_pad_at_every_width(opened):
    outputs = ["#explore > :nth-child(1) .output", "#explore > :nth-child(2) .output"]
    for width, dark in ((390, True), (1280, False)):
        opened.size(width, 844, dark)
        assert opened.value("document.documentElement.scrollWidth") <= width
        left = "Array.from(document.querySelectorAll('#explore > *'), e => e.offsetLeft)"
        beside = len(set(opened.value(left))) == 2
        assert beside == (width > 860)
    second = pixels(opened, outputs[1])
    changed(opened, outputs[0], lambda: opened.click(".gallery .tile:nth-child(3)"))
    opened.wait("document.querySelectorAll('.neighbours .tile').length === 12")
    differs(opened, outputs[1], second)
    rows = "document.querySelectorAll('#explore > :nth-child(2) .slider').length"
    assert opened.value(rows) == 8
    opened.click("#explore > :nth-child(2) .side button:last-child")
    assert opened.value(rows) == 64


@pytest.mark.parametrize("opened", ["drawn"], indirect=True)
def test_drawn_pictures_are_those_of_python(opened, pages):
    image = np.fromfile(pages / "drawn/models/0/images.bin", np.uint8).reshape(-1, 28, 28, 1)[3]
    changed(opened, ".reconstruction", lambda: opened.click(".gallery .tile:nth-child(4)"))
    noise = opened.value(
        "import('./random.js').then(({ uniform }) => { const next = uniform(1);"
        "return Array.from({ length: 28 * 28 }, next); })"
    )
    noise = np.asarray(noise, np.float32).reshape(1, 28, 28, 1)
    code = runtime.load_encoder(DRAWN).features(image)
    sampler = runtime.Graph((pages / "drawn/models/0/decoder.onnx").read_bytes(), "sampler")
    expected = sampler(z=code, noise=noise)["image"][0, ..., 0] * 255
    assert np.array_equal(pixels(opened, ".reconstruction"), expected)
    changed(opened, "canvas.output", lambda: opened.click(".decoded button:last-child"))
    assert set(np.unique(pixels(opened, "canvas.output"))) == {0, 255}


@pytest.mark.parametrize("opened", ["learned"], indirect=True)
def test_samples_of_a_learned_prior_are_those_of_python(opened, pages):
    noise = opened.value(
        "import('./random.js').then(({ normals, uniform }) =>"
        " Array.from(normals(24 * 64, uniform(18))))"  # the page's first seed
    )
    graph = runtime.Graph((pages / "learned/models/0/prior.onnx").read_bytes(), "prior.onnx")
    z = graph(noise=np.asarray(noise, np.float32).reshape(24, 64))["z"]
    expected = runtime.load_decoder(LEARNED).decode(z)[4, ..., 0] * 255
    tile = "#samples .tile:nth-child(5)"
    found = pixels(opened, f"{tile} canvas")
    assert np.abs(found - expected).max() <= ONE_LEVEL
    changed(opened, "canvas.output", lambda: opened.click(tile))
    assert np.abs(pixels(opened, "canvas.output") - expected).max() <= ONE_LEVEL
    changed(opened, f"{tile} canvas", lambda: opened.click("#draw"))
