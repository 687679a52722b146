"""The structure of the code: no import circles, and what `benchmarks.structure` says of it."""

import pytest

from benchmarks import structure


@pytest.fixture(scope="module")
def modules():
    return structure.read()


def test_no_modules_import_one_another(modules):
    graph = {name: set(module.imports) for name, module in modules.items()}
    assert structure.circles(graph) == []


def test_circles_are_found_where_there_are_some():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set()}
    assert structure.circles(graph) == [["a", "b", "c"]]
    assert structure.circles({"a": {"a"}, "b": {"a"}}) == []


def test_arrows_that_longer_paths_imply_are_left_out():
    graph = {"a": {"b": 1, "c": 2}, "b": {"c": 3}, "c": {}}
    assert structure.reduced(graph) == {"a": {"b": 1}, "b": {"c": 3}, "c": {}}
    assert structure.levels(graph) == {"a": 2, "b": 1, "c": 0}
    circle = {"a": {"b": 1, "c": 1}, "b": {"c": 1}, "c": {"b": 1}}
    assert structure.reduced(circle)["a"] == {"b": 1, "c": 1}


def test_imports_inside_functions_are_read_and_counted(tmp_path):
    package = tmp_path / "zoo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text(
        "import os\n\n\ndef f():\n    from zoo import b\n\n    return b\n"
    )
    (package / "b.py").write_text('def g():\n    """Doc."""\n    return 1\n')
    modules = structure.read(tmp_path, ("zoo",))
    assert modules["zoo.a"].imports == {"zoo.b"}
    assert (modules["zoo.a"].inner_imports, modules["zoo.a"].statements) == (1, 2)
    assert modules["zoo.b"].functions == ((2, "zoo.b.g"),)


def test_every_room_is_drawn_with_its_lines(modules, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import structure_picture

    graph, sizes = structure.arrows(modules), structure.sizes(modules)
    assert sum(sizes.values()) == sum(module.lines for module in modules.values())
    path = tmp_path / "house.png"
    structure_picture.draw(structure.reduced(graph), structure.levels(graph), sizes, str(path))
    assert path.stat().st_size > 10_000
