"""The light part of the zoo imports neither Keras nor what Keras needs: one test imports it all."""

import pkgutil
import subprocess
import sys

import zoo.evaluation.families
import zoo.light
import zoo.releases
import zoo.storage

BLOCKED = (
    "keras tensorflow tensorflow_probability tf_keras jax torch h5py onnx tf2onnx "
    "absl ml_collections matplotlib tensorflow_datasets trainers export"
)
IMPORT_ALL = f"""
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED.split()}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    importlib.import_module(name)
print(len(sys.argv[1:]))
"""


def test_every_light_module_is_imported_with_keras_blocked():
    names = [
        f"{package.__name__}.{module.name}"
        for package in (zoo.light, zoo.storage, zoo.releases, zoo.evaluation.families)
        for module in pkgutil.iter_modules(package.__path__)
    ]
    assert len(names) > 20
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(names)


def test_the_former_name_of_the_runtime_still_works():
    from zoo import runtime

    assert runtime.load_encoder is zoo.light.runtime.load_encoder
