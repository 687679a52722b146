"""Draws of a learned prior as one ONNX graph: standard normal noise to latents.

A prior that a card describes by a family and scales needs none: see `export.card.prior`.
"""

import numpy as np

from export import compose, onnx
from zoo.backend import to_numpy
from zoo.layers.made import ORDERS
from zoo.marginals import MAFMarginal

PART = "prior"


def signatures(model):
    """Returns part -> (input name -> shape without the batch, signature); empty without need."""
    shape = model.marginal.noise_shape
    return {} if shape is None else {PART: ({"noise": shape}, "prior")}


def functions(model):
    """Returns part -> the function of noise; what does not depend on it is computed now."""
    if model.marginal.noise_shape is None:
        return {}
    parameters = to_numpy(model.marginal.parameters())
    return {PART: lambda noise: {"z": model.marginal.sample_from_noise(parameters, noise)}}


def golden_parts(model, count, seed):
    """Returns part -> (inputs, outputs), arrays, for the golden file."""
    if model.marginal.noise_shape is None:
        return {}
    shape = (count, *model.marginal.noise_shape)
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return {PART: ({"noise": noise}, functions(model)[PART](noise))}


def convert(model):
    """Returns the graph: noise [B, ...], of `marginal.noise_shape`, -> z [B, Z]."""
    if not isinstance(model.marginal, MAFMarginal):
        inputs, _ = signatures(model)[PART]
        return onnx.convert(functions(model)[PART], inputs, "the prior")
    graph = compose.Graph()
    y = graph.input("noise", ("batch", model.latent_dim))
    for made in reversed(model.marginal.flow.mades):
        y = _solve(graph, made, y)
    graph.output("z", y)
    return graph.model("the prior")


def _solve(graph, made, y):
    """Returns v with v + made(v) = y, coordinate by coordinate in the order of the MADE.

    As `zoo.layers.flow` does, but for its end where a pass changes nothing: a pass sets the one
    coordinate whose turn it is, v_i = y_i - made_i(v), which the coordinates before it decide.
    """
    kernels = [to_numpy(kernel) for kernel in made.masked_kernels()]
    turns = np.eye(made.event_size, dtype=np.float32)
    turns = turns if made.order == ORDERS[0] else turns[::-1]

    def step(v, y, turn):
        return v + turn * (y - made.apply(v, kernels) - v)

    def advance(body, carry, turn):
        v, y = carry
        return (body.call(step, v, y, turn), y), ()

    start = graph.call(lambda y: 0.0 * y, y)
    (v, _), _ = graph.scan(advance, (start, y), graph.constant(turns))
    return v
