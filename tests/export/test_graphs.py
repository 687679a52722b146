"""The list of graphs of a model: what each part answers for, and who reads it."""

import ast
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

import zoo
from export import card, golden, saved_model
from export.graphs import graphs_of, to_onnx
from zoo import rooms
from zoo.graph_spec import GraphSpec
from zoo.light.runtime import Graph

ROOT = Path(__file__).resolve().parents[2]
Z = tiny_artifact.LATENT_DIM
SHAPE = tiny_artifact.IMAGE_SHAPE


class Doubling(zoo.MLPDecoder):
    """A decoder with a graph that no other part has."""

    def graphs(self, model):
        doubled = GraphSpec(
            "doubled",
            {"z": (self.latent_dim,)},
            lambda z: {"twice": 2.0 * z},
            lambda example: ({"z": example.z}, None),
            "double",
            ("decoder",),
        )
        return [*super().graphs(model), doubled]


@pytest.fixture(scope="module")
def model():
    return zoo.VAE(zoo.MLPEncoder(Z, [5]), Doubling(Z, SHAPE, [5]))


def test_a_custom_part_s_graph_is_in_onnx_card_golden_file_and_saved_model(model, tmp_path):
    graphs = graphs_of(model)
    assert [graph.part for graph in graphs] == ["encoder", "decoder", "doubled"]
    z = np.arange(2.0 * Z, dtype="float32").reshape(2, Z)
    content = to_onnx(graphs[-1]).SerializeToString()
    np.testing.assert_array_equal(Graph(content, "doubled")(z=z)["twice"], 2 * z)
    arrays = golden.golden_arrays(model)
    np.testing.assert_array_equal(arrays["doubled.twice"], 2 * arrays["decoder.z"])
    assert card._graph(graphs[-1], arrays) == {
        "file": "doubled.onnx",
        "signature": "double",
        "inputs": {"z": ["batch", Z]},
        "outputs": {"twice": ["batch", Z]},
    }
    saved_model.export(model, tmp_path / "saved_model")
    loaded = saved_model.SavedModel(tmp_path / "saved_model")
    np.testing.assert_array_equal(loaded.call("double", z=z)["twice"], 2 * z)


FAMILIES = {
    "normal": {"family": "standard_normal"},
    "floating": {"family": "diagonal_normal", "scale": [0.5, 2.0]},
    "logistic": {"family": "logistic", "scale": [3**0.5 / np.pi] * 2},
    "maf": {"family": "maf"},
    "vamp": {"family": "vamp"},
}


@pytest.mark.parametrize("name", zoo.registry.MARGINALS.names())
def test_a_marginal_says_what_its_family_is(name):
    marginal = zoo.registry.MARGINALS.create({"name": name, "latent_dim": 2})
    if marginal.adapts:
        marginal.build()
        marginal.variance.assign(np.array([0.25, 4.0], "float32"))
    expected = FAMILIES.get(name, {"family": name})
    assert marginal.family() == {
        key: pytest.approx(value) if key == "scale" else value for key, value in expected.items()
    }


def test_a_marginal_with_another_distribution_is_not_of_the_family_above_it():
    class Other(zoo.Normal):
        def distribution(self):
            return None

    assert Other(2).family() == {"family": "Other"}


def _sources():
    for folder in ("export", "trainers", "zoo/evaluation", "zoo/objectives"):
        yield from (ROOT / folder).rglob("*.py")


def test_nothing_outside_a_room_asks_for_the_class_of_a_part():
    parts = {name for name, room in rooms.registered().items() if room != "zoo.objectives"}
    asked = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in ("isinstance", "issubclass")
        and parts & {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(node.args[1])}
    ]
    assert asked == []
