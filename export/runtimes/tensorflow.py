"""TensorFlow, which reads the SavedModel."""

import functools

from export.runtimes.base import SavedModelRuntime


class TensorFlow(SavedModelRuntime):
    """`tensorflow` on the CPU."""

    name = "tensorflow"
    column = 1

    def load(self, folder):
        from export import saved_model

        return functools.partial(functools.partial, saved_model.SavedModel(folder).call)


RUNTIMES = (TensorFlow(),)
