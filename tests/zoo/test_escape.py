"""Texts of files reach a terminal, Markdown and HTML as texts."""

import json
import warnings

import light_artifact
import numpy as np
import pytest

import zoo
from export import readme, verify
from trainers import report
from zoo.storage import escape, files

HOSTILE = "x\x1b[2J\x9b31m\x07\r\n\u202e|<script>alert(1)</script>`![a](http://b)"


def test_printable_leaves_no_command_for_a_terminal():
    shown = escape.printable(HOSTILE)
    assert shown.startswith("x\\x1b[2J\\x9b31m\\x07\\r\\n\\u202e|<script>")
    assert shown.isprintable()
    assert escape.printable("β-VAE, 10 µs, 中文") == "β-VAE, 10 µs, 中文"
    assert escape.printable_lines("a\nb\x00") == "a\nb\\x00"
    assert escape.printable("\ud800") == "\\ud800"


def test_markdown_sees_no_html_no_code_and_no_link():
    shown = escape.markdown(HOSTILE)
    assert shown.endswith("|&lt;script>alert(1)&lt;/script>'![a]\\(http://b)")
    assert shown.isprintable()
    assert escape.cell("a|b") == "a\\|b"
    for text in ("binarized_mnist", "1 where x >= 0.5, |x| < 1", "a [b] (c) *d* & e", "µ-VAE"):
        assert escape.markdown(text) == text


@pytest.mark.faults("hostile files")
def test_verify_and_list_print_no_commands(tmp_path, monkeypatch, capsys):
    artifact = light_artifact.make(tmp_path, data={"name": HOSTILE}, paper=HOSTILE)
    light_artifact.write_card(
        artifact, {**files.read_json(artifact / "card.json"), "name": HOSTILE}
    )
    (artifact / "\x1b]0;title\x07").write_text("a name of a file")
    assert verify.main([str(artifact)]) == 1
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path))
    print(zoo.list_models())
    (artifact / "card.json").write_text(json.dumps({"format": "\x1b[2J"}))
    assert verify.main([str(artifact)]) == 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert zoo.list_models() == []
    out, err = capsys.readouterr()
    for text in (out, err, str(caught[0].message)):
        assert text.replace("\n", "").isprintable()
        assert "\\x1b" in text


def _hostile(value, keep=()):
    """Returns JSON types with every text but those under `keep` replaced by a hostile one."""
    if isinstance(value, dict):
        return {k: v if k in keep else _hostile(v, keep) for k, v in value.items()}
    if isinstance(value, list):
        return [_hostile(item, keep) for item in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.faults("hostile files")
def test_an_artifact_s_readme_carries_no_html_and_leaves_no_code():
    card = zoo.releases.read_card(zoo.releases.resolve("infovae-mnist-mmd"))
    plain = readme.make_readme({**card, "paper": "one without an entry of BibTeX"})
    text = readme.make_readme(_hostile(card, keep=("preprocessing",)))
    assert "<script" not in text and "](http" not in text
    assert text.replace("\n", "").isprintable()
    assert text.count("```") == plain.count("```")
    # The hostile name holds a quote in none of the examples of Python.
    named = readme.make_readme({**card, "name": 'x"); import os; ("'})
    assert 'zoo.load("x\\"); import os; (\\"")' in named


@pytest.mark.faults("hostile files")
def test_a_run_s_page_carries_no_html_of_its_config(tmp_path):
    config = {
        room: {"name": HOSTILE, HOSTILE: HOSTILE}
        for room in ("encoder", "decoder", "marginal", "objective", "data", HOSTILE)
    }
    metrics = {HOSTILE: {"value": 1.0, "stderr": 0.1, "unit": HOSTILE, "note": HOSTILE}}
    pictures = {HOSTILE: (np.zeros((4, 4), "u1"), HOSTILE)}
    path = report.write_report(
        tmp_path,
        title=HOSTILE,
        config={**config, "seed": HOSTILE},
        history={HOSTILE: [1.0, 2.0], f"val_{HOSTILE}": [1.0, 2.0]},
        evaluation={"metrics": metrics, "split": HOSTILE, "num_examples": 3, "data": config},
        pictures=pictures,
        versions={HOSTILE: HOSTILE},
        command=HOSTILE,
        hardware=HOSTILE,
        cut=[HOSTILE],
    )
    assert "<script" not in path.read_text("utf-8")
