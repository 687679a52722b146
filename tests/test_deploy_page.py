"""The programs of docs/deploy.md run and give the encoder's features."""

import pathlib
import re

import numpy as np
import pytest

import zoo
from export.convert import convert

ROOT = pathlib.Path(__file__).parents[1]
MODEL = "bilbo-mnist-z2"
TEXT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# What a program runs, in their order: the format, and whether preprocessing is inside.
FORMATS = [("onnx", False), ("onnx", True), ("saved_model", False), ("tflite", False)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Returns a function of a conversion to its folder, made once."""
    made = {}

    def folder(to, inside):
        if (to, inside) not in made:
            out = tmp_path_factory.mktemp("deploy") / "out"
            made[to, inside] = convert(MODEL, to, out, with_preprocessing=inside)
        return made[to, inside]

    return folder


@pytest.mark.parametrize(
    "number",
    [0, 1, *(pytest.param(number, marks=pytest.mark.slow) for number in (2, 3))],
)
def test_programs_give_the_features_of_a_black_picture(number, folders, capsys):
    if "ai_edge_litert" in PROGRAMS[number]:
        pytest.importorskip("ai_edge_litert", reason="needs the extra [tflite]")
    names = {"FOLDER": folders(*FORMATS[number])}
    capsys.readouterr()
    exec(PROGRAMS[number], names)
    printed = capsys.readouterr().out.split()
    expected = zoo.load_encoder(MODEL).features(np.zeros((28, 28), "float32"))[0]
    numbers = [float(text) for text in printed if text != MODEL]
    np.testing.assert_allclose(numbers, expected, rtol=1e-5, atol=2e-5)


def test_every_program_is_run_or_marked():
    assert len(PROGRAMS) == len(FORMATS)
    others = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    unrun = [text for language, text in others if language == "kotlin" or "docker" in text]
    assert len(unrun) == TEXT.count("Not run here") == 2


def test_every_command_of_the_page_is_parsed():
    from export import convert as command

    commands = re.findall(r"^python -m export\.convert (.*)$", TEXT, re.MULTILINE)
    assert len(commands) == 5
    known = command.parser().format_help()
    for flag in {flag for line in commands for flag in re.findall(r"--\w+", line)}:
        assert flag in known, flag
