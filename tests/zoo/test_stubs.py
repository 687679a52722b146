"""Editors and type checkers see the public names, and each of them is annotated."""

import ast
import pathlib

import pytest

import zoo
from zoo import stubs

ROOT = pathlib.Path(__file__).parents[2]


def test_the_stub_names_what_is_public():
    assert stubs.PATH.read_text(encoding="utf-8") == stubs.render(), "python -m zoo.stubs --write"
    names = {
        node.names[0].asname
        for node in ast.parse(stubs.render()).body
        if isinstance(node, ast.ImportFrom)
    }
    assert names == {"registry", *zoo._public()}


def test_a_name_that_no_module_defines_is_refused():
    with pytest.raises(ValueError, match="a function of zoo.vae. Received: 'VEA'"):
        stubs.definition("VEA", "zoo.vae")


def _public_functions(node):
    """Yields a public function, or those of a class."""
    if isinstance(node, ast.FunctionDef):
        yield node
    for child in getattr(node, "body", ()) if isinstance(node, ast.ClassDef) else ():
        if isinstance(child, ast.FunctionDef) and (
            not child.name.startswith("_") or child.name in ("__init__", "__call__")
        ):
            yield child


def _unannotated(function):
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += filter(None, (arguments.vararg, arguments.kwarg))
    for argument in named:
        if argument.arg not in ("self", "cls") and argument.annotation is None:
            yield argument.arg
    if function.returns is None and function.name != "__init__":
        yield "return"


@pytest.mark.parametrize("name", sorted(zoo._public()))
def test_every_public_signature_is_annotated(name):
    module = stubs.definition(name, zoo._public()[name])
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    (node,) = (n for n in ast.parse(source).body if getattr(n, "name", None) == name)
    absent = [
        f"{function.name}: {argument}"
        for function in _public_functions(node)
        for argument in _unannotated(function)
    ]
    assert absent == []
