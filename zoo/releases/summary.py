"""A model as one line, and lines as a table."""

from zoo.storage.escape import printable


class Models(list):
    """A list of models, each a dict, that prints as a table."""

    def __str__(self):
        return table(self)

    __repr__ = __str__


def summarise(card):
    """Returns what `zoo.list_models` says of a card, all but the folder."""
    sizes = {name: entry["bytes"] for name, entry in card["files"].items()}
    return {
        "name": card["name"],
        "paper": card.get("paper"),
        "data": card.get("data", {}).get("name"),
        "image_shape": tuple(card["image_shape"]),
        "latent_dim": card["latent_dim"],
        "bytes": sum(sizes.values()),
        "encoder_bytes": sizes.get("encoder.onnx", 0),
        "metrics": card.get("metrics", {}),
    }


def table(models):
    """Returns the lines of models under a heading; metrics that none has are left out.

    Size is that of all files; a metric is `value +- standard error`.
    """
    if not models:
        return "no models"
    from zoo.evaluation import metric  # NumPy, which building the package does without

    headings = metric.columns()
    columns = [key for key in headings if any(_text(model, key) for model in models)]
    rows = [["name", "paper", "data", "images", "latents", "MB", *(headings[k] for k in columns)]]
    for model in models:
        shape = "x".join(map(str, model["image_shape"]))
        rows.append(
            [
                *(model["name"], model["paper"] or "-", model["data"] or "-", shape),
                *(str(model["latent_dim"]), f"{model['bytes'] / 1e6:.1f}"),
                *(_text(model, key) or "-" for key in columns),
            ]
        )
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _text(model, key):
    entry = model["metrics"].get(key, {})
    value, stderr = entry.get("value"), entry.get("stderr")
    if value is None:
        return ""
    digits = 4 if entry.get("unit") == "fraction" else 2
    return f"{value:.{digits}f}" + ("" if stderr is None else f" +- {stderr:.{digits}f}")
