"""The console command: found commands, one line for a wrong name, its own copies first."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from export import completion
from zoo import commands

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(commands, "_program", "")


def _run(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-m", "zoo", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)


def test_every_script_of_trainers_and_export_is_a_command():
    scripts = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        for package in commands.PACKAGES
        for path in [*(ROOT / package).glob("*.py"), *(ROOT / package).glob("*/__main__.py")]
        if '\nif __name__ == "__main__":\n' in path.read_text(encoding="utf-8")
    }
    assert set(commands.find().values()) == scripts
    assert {
        "train",
        "evaluate",
        "sweep",
        "reproduce",
        "publish",
        "verify",
        "encode",
        "list",
    } <= set(commands.find())
    for name, module in commands.find().items():
        assert module.rpartition(".")[2] == name
        assert commands.summary(module).endswith("."), module


def test_no_two_packages_have_a_command_of_one_name():
    modules = commands.find().values()
    assert len({module.rpartition(".")[2] for module in modules}) == len(modules)


def test_the_help_has_a_line_for_each_command(capsys):
    assert commands.main([]) == 0
    text = capsys.readouterr().out
    assert commands.main(["--help"]) == 0 and capsys.readouterr().out == text
    for name, module in commands.find().items():
        assert f"  {name} " in text and commands.summary(module) in text


def test_the_help_loads_the_standard_library_alone():
    code = (
        "import sys; from zoo.commands import main; main([]); "
        "print([m for m in ('numpy', 'absl', 'keras', 'onnxruntime', 'trainers') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trian", "Received: 'trian'. Did you mean \"train\"?"),
        ("re", "Expected a command, one of "),  # refresh, release, remeasure, reproduce
        ("", "Received: ''."),
        ("--vresion", "Received: '--vresion'."),
    ],
)
def test_a_name_that_no_command_has_ends_in_one_line(capsys, name, text):
    assert commands.main([name]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and text in captured.err
    assert captured.err.count("\n") == 1


def test_the_version_is_that_of_the_package(capsys):
    import zoo

    assert commands.main(["--version"]) == 0
    assert capsys.readouterr().out == f"elbo-zoo {zoo.__version__}\n"


def test_commands_in_texts_read_as_the_process_was_started(monkeypatch):
    text = "publish it first: python -m export.publish --workdir=DIR; python -m http.server"
    assert commands.spelled(text) == text
    monkeypatch.setattr(commands, "_program", "elbo-zoo")
    assert commands.spelled(text) == (
        "publish it first: elbo-zoo publish --workdir=DIR; python -m http.server"
    )


def test_a_shortened_command_says_its_whole_name():
    done = _run("explore")
    assert done.returncode == 2
    assert "python -m zoo explorer MODEL [MODEL] --out=FOLDER" in done.stderr
    done = _run("train", "--help")
    assert "\npython -m zoo train --config=configs/quickstart.py" in done.stdout
    assert "python -m trainers" not in done.stdout + done.stderr


def test_the_user_s_folders_of_these_names_are_neither_read_nor_hidden(tmp_path):
    """A command has its own `trainers`; another process has the user's."""
    for name in ("trainers", "export", "configs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the user has {name}')")
    done = _run("list", "vimae-mnist-z8-l", cwd=tmp_path)
    assert done.returncode == 0 and "vimae-mnist-z8-l  vimae" in done.stdout, done.stderr
    # So have the processes that a command starts.
    code = (
        "import subprocess, sys; from zoo import commands; import runpy\n"
        "runpy.run_module = lambda *a, **b: None\n"
        "commands.run('export.verify', ['x'])\n"
        "child = [sys.executable, '-m', 'export.list', '--help']\n"
        "out = subprocess.check_output(child, text=True)\n"
        "print(out.splitlines()[0], sys.argv[1:], sys.path[-1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("usage: python -m export.list"), done.stderr
    assert done.stdout.rstrip().endswith(f"['x'] {tmp_path}")


# Completion.


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_s_completion_asks_for_words(capsys, shell):
    assert completion.main([shell]) == 0
    text = capsys.readouterr().out
    assert "elbo-zoo completion words" in text and "complete" in text


def test_a_shell_that_is_not_known_is_one_line(capsys):
    assert completion.main(["powershell"]) == 2
    assert "one of bash, zsh, fish. Received: 'powershell'" in capsys.readouterr().err


def test_words_are_commands_models_and_flags(capsys):
    assert completion.main(["words"]) == 0
    assert set(capsys.readouterr().out.split()) == {
        *commands.find(), "--help", "--version"
    }  # fmt: skip
    assert completion.main(["words", "--model"]) == 0
    assert "vimae-mnist-z8-l" in capsys.readouterr().out.split()
    assert completion.main(["words", "no-command"]) == 0
    assert capsys.readouterr().out.strip() == ""


def test_flags_are_those_of_the_help():
    code = (
        "import json; from export import completion; "
        "print(json.dumps([completion.flags_of(name) for name in ('encode', 'publish')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    encode, publish = json.loads(done.stdout)
    assert {"--help", "--images=", "--model=", "--out=", "--resize"} <= set(encode)
    assert not any(flag.startswith("--resize=") for flag in encode)
    assert {"--workdir=", "--saved_model", "--nosaved_model", "--storage="} <= set(publish)
    assert "--saved_model=" not in publish


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["elbo-zoo", "enc"], ["encode"]),
        (["elbo-zoo", "completion", "z"], ["zsh"]),
        (["elbo-zoo", "encode", "--im"], ["--images="]),
        (["elbo-zoo", "encode", "--model", "=", "vimae-mnist-z8-v"], ["vimae-mnist-z8-vae"]),
        (["elbo-zoo", "encode", "--model", "="], None),  # all models
        (["elbo-zoo", "encode", "--images", "=", "vimae"], []),  # files, which bash offers itself
        (["elbo-zoo", "verify", "bilbo-mnist-z2-ba"], ["bilbo-mnist-z2-baggins"]),
    ],
)
def test_bash_completes(words, expected):
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"elbo-zoo() {{ '{sys.executable}' -m zoo \"$@\"; }}\n{completion.SCRIPTS['bash']}\n"
        f"compopt() {{ :; }}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "_elbo_zoo; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=ROOT)
    received = done.stdout.split()
    assert len(received) == 36 if expected is None else received == expected, done.stderr
