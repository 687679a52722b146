"""Polishes ONNX graphs: constants folded, nodes named by layer, model named inside.

`polish` folds and names, `stamp` writes what the file says of its model into `metadata_props`.
"""

import json
import os
import re
from collections import Counter

import onnx

from zoo.releases import card as cards
from zoo.storage import json_text

# The keys of `metadata_props`.
METADATA = ("name", "paper", "licence", "version", "preprocessing", "part", "card_sha256")
# What later commands may change in a card: it has no part in the hash that graphs carry.
_CHANGING = ("files", "metrics", "evaluation")
_KERNELS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_WORD = re.compile("[a-z]{2}", re.IGNORECASE)
_NUMBER, _COUNTER = re.compile(r"(_\d+)+$"), re.compile(r"(__\d+)+$")


def polish(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a graph with folded constants (where `onnxslim` is installed) and readable names.

    Inputs and outputs keep their names. Constants that are stored in float16 must be float32 here:
    folding would widen them for good.

    Args:
        model: A whole graph in float32.

    Raises:
        ValueError: If the polished graph is not valid.
    """
    model = rename(fold(model))
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker's and shape inference's errors share no public root
        raise ValueError(f"Expected a valid graph after folding. Received: {error}") from error
    return model


def fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a graph whose constant subgraphs `onnxslim` has computed; as it is without it.

    A graph with loops is left as it is: its pieces were folded one by one, and `onnxslim` would
    move weights into the loops' bodies, where `export.float16` does not look.
    """
    if any(True for node in model.graph.node for _ in _inner(node)):
        return model
    try:
        import onnxslim
    except ImportError:
        return model
    slim = onnxslim.slim(model)
    slim.graph.name, slim.ir_version = model.graph.name, model.ir_version
    slim.producer_name, slim.producer_version = model.producer_name, model.producer_version
    del slim.graph.value_info[:]  # every runtime infers inner shapes anew
    return slim


def rename(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a graph whose nodes, weights and inner tensors have the names of their layers.

    `mlp_decoder_1/dense_131_1/MatMul__2098` becomes `mlp_decoder/dense_2/MatMul`: numbers that
    count a process's layers go, and layers of one name are counted within the layer around them.
    A weight is called after the node that reads it first: `.../kernel`, `.../bias`,
    `.../constant`.
    """
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    fixed = {value.name for value in [*model.graph.input, *model.graph.output]}
    names = _Names(fixed)
    names.read(renamed.graph)
    _apply(renamed.graph, names.tensors)
    return renamed


class _Names:
    """New names of a graph's tensors. `read` names its nodes, and those of graphs inside it."""

    def __init__(self, fixed):
        self.tensors = {"": "", **{name: name for name in fixed}}
        self._taken, self._scopes, self._counts = Counter(fixed), {"": ""}, Counter()

    def read(self, graph, around=()):
        weights = {*around, *(tensor.name for tensor in graph.initializer)}
        for value in [*graph.input, *graph.output]:
            if value.name not in self.tensors:
                self.tensors[value.name] = self._new(value.name)
        for node in graph.node:
            is_named = _WORD.search(node.name.rpartition("/")[2])
            node.name = self._new(node.name if is_named else node.op_type.lower())
            for i, name in enumerate(node.input):
                if name in weights and name not in self.tensors:
                    self.tensors[name] = self._new(_weight(node, i), is_clean=True)
            for i, name in enumerate(node.output):
                if name not in self.tensors:
                    self.tensors[name] = f"{node.name}:{i}"
            for inner in _inner(node):
                self.read(inner, weights)
        for name in sorted(weights - {*around, *self.tensors}):
            self.tensors[name] = self._new("constant", is_clean=True)

    def _new(self, name, is_clean=False):
        name = name if is_clean else self._scope(name.partition(":")[0])
        self._taken[name] += 1
        return (
            name if self._taken[name] == 1 else self._new(f"{name}_{self._taken[name] - 1}", True)
        )

    def _scope(self, path):
        """Returns a path whose layers are counted anew, by the first time that each is met."""
        if path not in self._scopes:
            parent, _, last = path.rpartition("/")
            last = last.rpartition(".")[2]  # `export.compose` puts the name of a piece in front
            base = _NUMBER.sub("", _COUNTER.sub("", last)) or "node"
            scope = "/".join(filter(None, [self._scope(parent), base]))
            number = self._counts[scope]
            self._counts[scope] += 1
            self._scopes[path] = f"{scope}_{number}" if number else scope
        return self._scopes[path]


def _weight(node, index):
    """Returns what to call a weight that a node reads as the input `index`."""
    scope = node.name.rpartition("/")[0] or node.name
    if node.op_type in _KERNELS:
        return f"{scope}/{('kernel', 'kernel', 'bias')[index]}"
    is_bias = node.op_type == "Add" and "bias" in node.name.lower()
    return f"{scope}/bias" if is_bias else f"{node.name}/constant"


def _inner(node):
    """Yields the graphs inside a node: the bodies of loops and branches."""
    for attribute in node.attribute:
        yield from [attribute.g] if attribute.HasField("g") else attribute.graphs


def _apply(graph, tensors):
    for values in (graph.input, graph.output, graph.initializer):
        for value in values:
            value.name = tensors[value.name]
    del graph.value_info[:]
    for node in graph.node:
        node.input[:] = [tensors[name] for name in node.input]
        node.output[:] = [tensors[name] for name in node.output]
        for inner in _inner(node):
            _apply(inner, tensors)


def stamp(content: bytes, card: dict, part: str) -> bytes:
    """Returns the bytes of an ONNX file that says which model it is of.

    Args:
        content: The bytes of the file.
        card: The card of the model.
        part: The name of the graph in the card, for example "encoder".
    """
    model = onnx.load_model_from_string(content)
    values = {
        "name": card["name"],
        "paper": card.get("paper") or "",
        "licence": card.get("licence") or "",
        "version": card.get("versions", {}).get("elbo-zoo", ""),
        "preprocessing": json.dumps(card["preprocessing"], sort_keys=True),
        "part": part,
        "card_sha256": card_sha256(card),
    }
    properties = {item.key: item.value for item in model.metadata_props if item.key not in METADATA}
    onnx.helper.set_model_props(model, {**properties, **values})
    return model.SerializeToString()


def stamp_folder(folder: str | os.PathLike, card: dict):
    """Stamps every ONNX file of an artifact that is being written."""
    from pathlib import Path

    from zoo.storage import files

    for part, graph in card["graphs"].items():
        path = Path(folder, *cards.parts_of(folder, graph["file"]))
        files.atomic_write(path, stamp(path.read_bytes(), card, part))


def card_sha256(card: dict) -> str:
    """Returns the SHA-256 of a card without its files, metrics and evaluation.

    Those may be measured again, and the files hold this hash.
    """
    return json_text.digest({key: card[key] for key in card if key not in _CHANGING})
