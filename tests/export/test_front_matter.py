"""The head of a README for the hub, and the entry of the paper."""

import pytest
import yaml

from export import front_matter, readme
from zoo.releases import card as cards
from zoo.releases import catalogue

HOSTILE = 'x"\n---\nlicense: mit\n<script>'


def head(text):
    """Returns the YAML that a README begins with."""
    return yaml.safe_load(text.split("---\n")[1])


def test_the_head_says_what_the_card_says():
    card = cards.read_card(catalogue.resolve("bilbo-mnist-z2"))
    text = readme.make_readme(card)
    found = head(text)
    assert text.startswith("---\n") and found["library_name"] == "elbo-zoo"
    assert found["license"] == "apache-2.0" and found["datasets"] == ["ylecun/mnist"]
    assert {"onnx", "keras", "bilbo"} <= set(found["tags"])
    measured = [name for name, entry in card["metrics"].items() if entry["value"] is not None]
    assert found["metrics"] == measured
    assert "```bibtex\n@misc{fyffe2019bilbo" in text


def test_what_is_not_known_is_left_out_and_hostile_texts_too():
    card = cards.read_card(catalogue.resolve("bilbo-mnist-z2"))
    changed = {"licence": HOSTILE, "paper": HOSTILE, "data": {"name": HOSTILE}, "metrics": {}}
    found = yaml.safe_load(front_matter.front_matter({**card, **changed}).split("---\n")[1][:-3])
    assert found["license"] == "other" and not {"datasets", "metrics"} & set(found)
    assert front_matter.citation({**card, **changed}) == ""
    assert "license" not in front_matter.front_matter({**card, "licence": ""})


@pytest.mark.parametrize("paper", catalogue.PAPERS)
def test_every_paper_has_an_entry(paper):
    entry = front_matter.PAPERS[paper]
    assert entry.startswith("@") and entry.count("{") == entry.count("}")
    assert "  booktitle = {" in entry or "  archivePrefix = {arXiv}\n}" in entry
