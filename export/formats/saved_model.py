"""A SavedModel in the layout of TensorFlow Serving: a folder that has a numbered version."""

from export.formats.base import Format


class SavedModel(Format):
    """The signatures `encode`, which is `serving_default`, `decode` and the model's others."""

    name = "saved_model"
    runtimes = ("tensorflow",)

    def write(self, source, folder, dtypes):
        version = str(source.version)
        source.saved_model(folder / version)
        graphs = {k: graph for k, graph in source.graphs().items() if graph.get("signature")}
        return {"saved_model": version, "graphs": graphs}


FORMATS = (SavedModel(),)
