"""Measures the structure of the code, and draws it: rooms, what imports what, circles.

python -m benchmarks.structure [--picture=FILE.png] [--page=docs/architecture.md]

Nothing is imported: the source is read. Import circles, arrows that run from `trainers` back to
`configs`, the longest functions, and rooms with their lines and imports are printed. A room is a
folder; files directly in a package are two rooms, `zoo:` those that its folders import and `zoo`
those that import its folders. In the picture higher rooms import lower ones.
"""

import argparse
import ast
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from export import pages

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("zoo", "trainers", "export", "configs")
LONG = 60
BEGIN = "<!-- files: python -m benchmarks.structure --page=docs/architecture.md -->"
END = "<!-- end of files -->"
# Folders of what commands write, drawn with the commands of their package.
WITH_COMMANDS = ("export.tables",)
# Folders whose folders are no rooms of their own.
WHOLE = ("configs", "trainers.experiments", "trainers.data", "zoo.evaluation")


@dataclasses.dataclass(frozen=True)
class Module:
    """One file of source.

    Attributes:
        name: "zoo.decoders.mlp".
        room: Its folder as a name, "zoo.decoders".
        summary: The first sentence of its docstring.
        lines: Number of lines.
        imports: Names of the project's modules that it imports, anywhere in it.
        functions: (lines, name) of each function, without its docstring.
        inner_imports: Number of import statements inside functions.
        statements: Number of import statements.
    """

    name: str
    room: str
    summary: str
    lines: int
    imports: frozenset
    functions: tuple
    inner_imports: int
    statements: int


def read(root: Path = ROOT, packages: tuple = PACKAGES) -> dict[str, Module]:
    """Returns {name: `Module`} of every Python file of the packages."""
    paths = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: _module(name, path, paths) for name, path in paths.items()}


def _module(name: str, path: Path, known: dict) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    imports = [n for n in _at_run_time(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    inner = {
        id(n)
        for function in functions
        for n in ast.walk(function)
        if isinstance(n, ast.Import | ast.ImportFrom)
    }
    is_package = path.name == "__init__.py"
    return Module(
        name,
        name if is_package else name.rpartition(".")[0],
        _first_sentence(ast.get_docstring(tree) or ""),
        len(text.splitlines()),
        frozenset(target for node in imports for target in _targets(node, known)) - {name},
        tuple((_length(function), f"{name}.{function.name}") for function in functions),
        len(inner),
        len(imports),
    )


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes of a module without those of `if TYPE_CHECKING:`, which never run."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_for_types:
            yield from _at_run_time(node)


def _first_sentence(doc: str) -> str:
    return re.split(r"(?<=[.:])\s", " ".join(doc.split()), maxsplit=1)[0].rstrip(".:")


def _targets(node: ast.Import | ast.ImportFrom, known: dict) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:  # `from package import module` and `from module import name`
        whole = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if name in known else node.module for name in whole]
    return (name for name in names if name in known)


def _length(function: ast.FunctionDef) -> int:
    """Returns a function's lines, its docstring and decorators not counted."""
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        doc = function.body[0]
        length -= doc.end_lineno - doc.lineno + 1
    return length


def circles(graph: dict[str, set]) -> list[list[str]]:
    """Returns the groups of nodes that reach one another, each sorted.

    Args:
        graph: Node -> the nodes that it points to.
    """
    reached = {node: _reached(graph, [node]) for node in graph}
    groups = {
        tuple(sorted({node, *(n for n in reached[node] if node in reached[n])})) for node in graph
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def rooms(modules: dict[str, Module]) -> dict[str, str]:
    """Returns module -> the room that it is in.

    A room is a folder; studies and configs of all papers are one room each. The files directly in
    a package are two: those that its folders import, and those that import them.
    """
    graph = {name: module.imports for name, module in modules.items()}
    below = {
        package: _reached(graph, [n for n, m in modules.items() if _is_inner(m, package)])
        for package in PACKAGES
    }
    result = {}
    for name, module in modules.items():
        package = module.room.partition(".")[0]
        whole = next((room for room in WHOLE if module.room.startswith(room)), None)
        if module.room in (package, *WITH_COMMANDS) and not whole:
            is_below = name in below[package] and name != package and module.room == package
            result[name] = f"{package}:" if is_below else package
        else:
            result[name] = whole or module.room
    return result


def _is_inner(module: Module, package: str) -> bool:
    """Returns whether a module is in a folder of a package that is drawn as a room of its own."""
    return module.room.startswith(f"{package}.") and module.room not in WITH_COMMANDS


def _reached(graph: dict, starts: list) -> set:
    """Returns the nodes that can be reached from `starts` by at least one arrow."""
    reached, rest = set(), list(starts)
    while rest:
        for target in set(graph.get(rest.pop(), ())) - reached:
            reached.add(target)
            rest.append(target)
    return reached


def arrows(modules: dict[str, Module]) -> dict[str, dict[str, int]]:
    """Returns room -> {room that it imports: number of files that do}.

    Imports of a package's own `__init__.py`, which imports nothing by itself, are left out.
    """
    room = rooms(modules)
    graph = {name: {} for name in room.values()}
    for name, module in modules.items():
        for target in {room[n] for n in module.imports if n not in PACKAGES} - {room[name]}:
            graph[room[name]][target] = graph[room[name]].get(target, 0) + 1
    return graph


def reduced(graph: dict[str, dict]) -> dict[str, dict]:
    """Returns a graph without the arrows that longer paths imply (its transitive reduction)."""
    reached = {node: _reached(graph, [node]) for node in graph}
    result = {}
    for node, targets in graph.items():
        implied = set()
        for target in targets:
            if node not in reached[target]:  # an arrow of a circle implies nothing
                implied |= {n for n in reached[target] if target not in reached[n]}
        result[node] = {t: count for t, count in targets.items() if t not in implied}
    return result


def levels(graph: dict[str, dict]) -> dict[str, int]:
    """Returns the height of each room: 0 imports no other, rooms of a circle have one height."""
    group = {room: (room,) for room in graph}
    for circle in circles({room: set(targets) for room, targets in graph.items()}):
        group.update(dict.fromkeys(circle, tuple(circle)))
    heights = {}

    def height(members):
        if members not in heights:
            below = {group[t] for room in members for t in graph[room]} - {members}
            heights[members] = 1 + max(map(height, below), default=-1)
        return heights[members]

    return {room: height(group[room]) for room in graph}


def sizes(modules: dict[str, Module]) -> dict[str, int]:
    """Returns room -> lines of code."""
    room, result = rooms(modules), {}
    for name, module in modules.items():
        result[room[name]] = result.get(room[name], 0) + module.lines
    return result


def report(modules: dict[str, Module]) -> str:
    """Returns the numbers as lines of text."""
    graph = {name: set(module.imports) for name, module in modules.items()}
    back = sorted(
        f"{module.name} -> {name}"
        for module in modules.values()
        for name in module.imports
        if module.name.startswith("trainers") and name.startswith("configs")
    )
    functions = sorted((f for module in modules.values() for f in module.functions), reverse=True)
    longest = [f"{name} {length}" for length, name in functions if length > LONG] or [
        f"{functions[0][1]} {functions[0][0]}"
    ]
    inner = sum(module.inner_imports for module in modules.values())
    statements = sum(module.statements for module in modules.values())
    experiments = [m.lines for m in modules.values() if m.name.startswith("trainers.experiments")]
    results = sum(path.is_file() for path in (ROOT / "results").rglob("*"))
    lines = [
        f"files {len(modules)}, lines {sum(m.lines for m in modules.values()):,}",
        f"import circles {len(circles(graph))}: {circles(graph) or 'none'}",
        f"arrows from trainers to configs {len(back)}: {', '.join(back) or 'none'}",
        f"longest functions, without docstrings: {', '.join(longest)}",
        f"imports inside functions {inner} of {statements}",
        f"trainers/experiments: {len(experiments)} files, {sum(experiments):,} lines",
        f"results: {results} files",
    ]
    graph, size = arrows(modules), sizes(modules)
    for room, height in sorted(levels(graph).items(), key=lambda item: (item[1], item[0])):
        lines.append(f"{height} {room} {size[room]:,}: {', '.join(sorted(graph[room])) or '-'}")
    return "\n".join(lines)


def listing(modules: dict[str, Module]) -> str:
    """Returns the files of each folder as Markdown, with the first sentence of each."""
    folders = {}
    for name, module in modules.items():
        if module.room != name:  # an __init__.py says nothing of its own
            folders.setdefault(module.room, []).append((name.rpartition(".")[2], module.summary))
    tables = []
    for room, rows in sorted(folders.items()):
        lines = [f"### {room.replace('.', '/')}", "", "| file | what |", "|---|---|"]
        lines += [f"| `{name}.py` | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def main() -> int:
    """Prints the report and draws the picture that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", help="a PNG or SVG file to write")
    parser.add_argument("--page", help="a Markdown file with the two lines around its list")
    options = parser.parse_args()
    modules = read()
    print(report(modules))
    if options.picture:
        from benchmarks import structure_picture

        graph = arrows(modules)
        structure_picture.draw(reduced(graph), levels(graph), sizes(modules), options.picture)
    if options.page:
        pages.put(options.page, listing(modules), BEGIN, END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
