"""The README's Python runs, block after block, as one program."""

import pathlib
import re

import numpy as np

import zoo

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# What a test cannot wait for, and what the commands before it would have made.
SHORTER = {
    '"/tmp/quickstart/artifact"': '"bilbo-mnist-z2"',
    "epochs=10": "epochs=1",
    '-mnist-z8-l"]}': '-mnist-z8-l"]}, cv=2',
    "num_samples=100": "num_samples=2",
    "model.sample(16)": "model.sample(2)",
    '"model.keras"': "FILE",
}


def test_python(tmp_path, rng):
    code = "".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
    for old, new in SHORTER.items():
        assert old in code
        code = code.replace(old, new)
    images = rng.random((6, 28, 28, 1), np.float32)
    known = {"images": images, "labels": np.array([0, 1] * 3), "FILE": str(tmp_path / "m.keras")}
    exec(code, known)
    assert known["z"].shape == (6, 8) and known["search"].best_score_ >= 0
    assert (tmp_path / "m.keras").is_file()
    model = zoo.VAE(known["MyEncoder"](2), zoo.MLPDecoder(2))
    assert model.encode(images)["loc"].shape == (6, 2)
