"""Texts of files reach a terminal, Markdown and HTML as texts."""

import json
import warnings

import light_artifact

import zoo
from export import verify
from zoo import escape, files

HOSTILE = "x\x1b[2J\x9b31m\x07\r\n\u202e|<script>alert(1)</script>`![a](http://b)"


def test_printable_leaves_no_command_for_a_terminal():
    shown = escape.printable(HOSTILE)
    assert shown.startswith("x\\x1b[2J\\x9b31m\\x07\\r\\n\\u202e|<script>")
    assert shown.isprintable()
    assert escape.printable("β-VAE, 10 µs, 中文") == "β-VAE, 10 µs, 中文"
    assert escape.printable("a\nb\x00", keep="\n") == "a\nb\\x00"
    assert escape.printable("\ud800") == "\\ud800"


def test_markdown_shows_what_was_written():
    assert escape.markdown("a_b*c*") == "a\\_b\\*c\\*"
    assert escape.markdown("<b>&amp;") == "&lt;b\\>&amp;amp;"
    assert escape.code("a`b") == "``a`b``"
    assert escape.code("`a|b") == "`` `a\\|b ``"
    assert "<" not in escape.markdown(HOSTILE) and "\n" not in escape.markdown(HOSTILE)


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
