"""Options of an ONNX Runtime session: execution providers and threads."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from zoo.arguments import nearest, positive_int

# Short name -> ONNX Runtime's name. Its own names are accepted too.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


@dataclasses.dataclass(frozen=True)
class Session:
    """The options of an ONNX Runtime session.

    Attributes:
        providers: Names of execution providers, the preferred one first: "cuda", "openvino",
            "coreml", "directml", "cpu", or ONNX Runtime's own names. What none of them computes
            runs on the CPU. None means the CPU alone.
        num_threads: Threads of one operation; None means all processors that this process may use.

    Raises:
        ValueError: If a provider is not in this installation of ONNX Runtime, or the number of
            threads is not positive.
    """

    providers: Sequence[str] | None = None
    num_threads: int | None = None

    def __post_init__(self):
        if self.num_threads is not None:
            positive_int("num_threads", self.num_threads)
        names = [self.providers] if isinstance(self.providers, str) else self.providers or ("cpu",)
        object.__setattr__(self, "providers", tuple(map(_provider, names)))

    def open(self, content: bytes, options: Any) -> Any:
        """Returns the `InferenceSession` of a graph.

        Args:
            content: The bytes of the ONNX file.
            options: `onnxruntime.SessionOptions`, which gets the number of threads.
        """
        import onnxruntime

        options.intra_op_num_threads = self.num_threads or _threads()
        names = list(dict.fromkeys([*self.providers, PROVIDERS["cpu"]]))

        class WithoutFallback(onnxruntime.InferenceSession):
            """A session without the fallback, which prints and tries the same provider again.

            ONNX Runtime 1.21 does not take `enable_fallback`.
            """

            _enable_fallback = property(lambda self: False, lambda self, value: None)

        return WithoutFallback(content, options, providers=names)


def _provider(name):
    """Returns ONNX Runtime's name of a provider that this installation has."""
    try:
        from onnxruntime import get_available_providers
    except ImportError as error:
        raise ImportError("ONNX Runtime is needed: pip install onnxruntime") from error
    available = get_available_providers()
    full = PROVIDERS.get(str(name).lower(), name)
    if full not in available:
        short = [key for key, value in PROVIDERS.items() if value in available]
        raise ValueError(
            f"Expected execution providers among {[*short, *available]}, those of this "
            f"installation of ONNX Runtime. Received: {name!r}.{nearest(str(name), available)}"
        )
    return full


def _threads():
    """Returns the processors that this process may use where it may not use all; 0: all cores.

    ONNX Runtime counts the cores of the machine.
    """
    if not hasattr(os, "sched_getaffinity"):
        return 0
    allowed = len(os.sched_getaffinity(0))
    return allowed if allowed < (os.cpu_count() or 1) else 0
