"""`import zoo` lets Keras load its models, in whatever order the two are imported, and is light."""

import json
import os
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

import zoo
from zoo import deferred, rooms

SHAPE = (6, 5, 1)
FAKE_KERAS = """
import os
assert not os.environ.pop("BROKEN", None), "the backend is absent"
class saving:
    table = {"zoo>VAE": "the class itself"}
    get_custom_objects = staticmethod(lambda: saving.table)
"""


def _model():
    return zoo.VAE(zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8]))


def _python(code, *arguments, **environment):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("order", ["zoo, keras", "keras, zoo"])
def test_the_table_is_filled_in_both_orders(tmp_path, order, broken):
    (tmp_path / "keras.py").write_text(FAKE_KERAS)
    code = f"""
import importlib.util, sys
before = list(sys.meta_path)
if {broken!r}:
    try:
        import {order}
    except AssertionError:
        pass
import {order}
import keras
assert type(keras.saving.table["zoo>MADE"]).__name__ == "StandIn"
assert keras.saving.table["zoo>VAE"] == "the class itself"
assert "zoo>list_models" not in keras.saving.table
assert sys.meta_path == before
assert type(keras.__spec__.loader).__name__ == type(keras.__loader__).__name__ == "SourceFileLoader"
assert not {{"tensorflow", "jax"}} & set(sys.modules)
"""
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = {"PYTHONPATH": path, **({"BROKEN": "1"} if broken else {})}
    result = _python(code, **environment)
    assert result.returncode == 0, result.stderr


def test_looking_for_keras_does_not_import_it():
    code = (
        "import importlib.util, sys, zoo; spec = importlib.util.find_spec('keras');"
        "assert spec.origin.endswith('__init__.py') and spec.loader.get_filename('keras');"
        "assert 'keras' not in sys.modules and len(zoo.__all__) > 20"
    )
    result = _python(code)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def forget():
    """Returns a function that leaves Keras's table as a new process has it."""
    zoo.load_parts()
    table = keras.saving.get_custom_objects()
    classes = {name: cls for name, cls in table.items() if name.startswith("zoo>")}

    def forget():
        table.update({n: deferred.StandIn(n, lambda: table.update(classes)) for n in classes})

    yield forget
    table.update(classes)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_is_loaded_by_keras_and_by_the_zoo(tmp_path, forget, ending):
    model, path = _model(), tmp_path / f"model{ending}"
    model.compile(zoo.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    model.save(path)
    x = np.zeros((2, *SHAPE), "float32")
    by_keras = {".keras": keras.saving.load_model, ".h5": zoo.load}[ending]
    for load in (by_keras, zoo.load, lambda path: zoo.load(str(path))):
        forget()
        again = load(path)
        assert type(again) is zoo.VAE
        assert ending == ".h5" or type(again.optimizer) is zoo.Adam
        np.testing.assert_array_equal(again.encode(x)["loc"], model.encode(x)["loc"])
    if ending == ".h5":
        again.compile("adam")
    again.fit(x, verbose=0)


def test_all_that_is_announced_is_a_class_of_keras():
    zoo.load_parts()
    table = keras.saving.get_custom_objects()
    ours = {name for name in table if name.startswith("zoo>")}
    left = {name for name in ours if isinstance(table[name], deferred.StandIn)}
    bases = ("Encoder", "Decoder", "AutoregressiveDecoder", "Likelihood", "Marginal", "Objective")
    assert left == {f"zoo>{name}" for name in (*bases, "Divergence")}
    with pytest.raises(TypeError, match="Received: 'zoo>Encoder', a base"):
        table["zoo>Encoder"].from_config({})
    layers = {n for n in ours - left if table[n].__module__.startswith("zoo.layers")}
    assert layers == {f"zoo>{name}" for name in (*rooms.layers(), "MADE", "_Gated")}


def test_files_that_are_no_model_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="file of `model.save`. Received: .*absent"):
        zoo.load(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="`model.save_weights` has no parts.*m.weights.h5"):
        zoo.load(str(tmp_path / "m.weights.h5"))
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(TypeError, match="file of a zoo.VAE. Received: Sequential in"):
        zoo.load(tmp_path / "m.keras")


def _with_config(path, change):
    """Changes the config of a model inside a file."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = change(json.loads(members["config.json"]))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, "config.json": json.dumps(config)}.items():
                archive.writestr(name, content)
        return
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))


def _lookup(**more):
    """Returns the config of a layer of Keras that reads a file when it is built."""
    return {"class_name": "StringLookup", "config": {"vocabulary": "/etc/hostname"}, **more}


def _inside(part):
    return lambda config: {**config, "config": {**config["config"], "encoder": part}}


KERAS = {"module": "keras.layers", "registered_name": None}
FUNCTION = {"class_name": "function", "config": "zoo>VAE", "registered_name": "zoo>VAE"}
OTHERS = {
    "a layer": (_inside(_lookup(**KERAS)), "Received: keras.layers.StringLookup"),
    "a layer without its module": (_inside(_lookup()), "Received: None.StringLookup"),
    "a layer in a list": (_inside([[_lookup(**KERAS)]]), "Received: keras.layers.StringLookup"),
    "a layer to compile with": (
        lambda config: {**config, "compile_config": {"loss": _lookup(**KERAS)}},
        "Received: keras.layers.StringLookup",
    ),
    "a function": (_inside(FUNCTION), "Received: None.function"),
    "no encoder": (lambda config: {**config, "config": {}}, "whole file of a zoo.VAE"),
    "another model": (lambda config: _lookup(**KERAS), "of a zoo.VAE. Received: StringLookup"),
    "a list": (lambda config: [config], "of a zoo.VAE. Received: None"),
}


@pytest.mark.faults("hostile files")
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_builds_no_class_that_may_read_others(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    _model().save(path)
    whole = path.read_bytes()
    for change, text in OTHERS.values():
        path.write_bytes(whole)
        _with_config(path, change)
        with pytest.raises((TypeError, ValueError), match=rf"{text}.*") as raised:
            zoo.load(path)
        assert str(path) in str(raised.value)


@pytest.mark.parametrize("name", ["VAE", "load_parts", "load"])
def test_another_backend_is_named(name, tmp_path):
    use = {"VAE": "zoo.VAE", "load": "zoo.load('bilbo-mnist-z2-baggins')"}.get(
        name, f"zoo.{name}()"
    )
    missing = _python(f"import zoo; {use}", KERAS_BACKEND="torch").stderr.strip().splitlines()[-1]
    assert missing == (
        f"ImportError: zoo.{name} needs the Keras backend 'tensorflow' or 'jax'. "
        "Received: KERAS_BACKEND='torch'"
    )


def test_numpy_as_a_backend_is_named():
    last = _python("import zoo; zoo.VAE", KERAS_BACKEND="numpy").stderr.strip().splitlines()[-1]
    assert last.endswith("'tensorflow' and 'jax'. Received: KERAS_BACKEND='numpy'")
