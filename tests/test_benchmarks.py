"""The benchmarks measure what they say: arithmetic counted, networks alike, turns alternated."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import light_artifact
import numpy as np
import pytest

import zoo
from benchmarks import narrow, networks, rounds, shared_weights, soak, transposed
from zoo.backend import to_numpy
from zoo.divergences import kl
from zoo.layers import MADE


def _models(network):
    if network == "mlp":
        return zoo.VAE(zoo.MLPEncoder(2), zoo.MLPDecoder(2))
    return zoo.VAE(zoo.GatedConvEncoder(), zoo.GatedDeconvDecoder())


def test_multiply_adds_of_one_layer():
    assert networks.dense(3, 5) == 15
    # 2 x 2 outputs, each a sum over 3 x 3 x 4 inputs, in 5 channels.
    assert networks.convolution(2, 3, 4, 5) == 4 * 9 * 4 * 5


def test_multiply_adds_of_the_dense_network_are_its_kernel_weights():
    kernels = [w for w in _models("mlp").trainable_weights if len(w.shape) == 2]
    assert networks.mlp() == sum(int(np.prod(kernel.shape)) for kernel in kernels)


def test_multiply_adds_of_the_gated_network():
    # Kernel weights times the places each is used at: output side, or input side if transposed.
    model = _models("gated_conv")
    sides = [28, 14, 14, 7, 1, 1, 1, 1, 7, 7, 14, 14, 28, 28]
    layers = [*model.encoder._flatten_layers(), *model.decoder._flatten_layers()]
    kernels = [layer.kernel for layer in layers if hasattr(layer, "kernel")]
    sizes = sorted(int(np.prod(kernel.shape)) for kernel in kernels)
    e, d = model.encoder, model.decoder
    ordered = [layer.doubled for layer in [*e.maps, e.whole]]
    ordered += [e.head.loc_layer, e.head.scale_layer, d.first.doubled]
    ordered += [layer.doubled for layer in d.maps] + [d.pixels]
    counts = [int(np.prod(layer.kernel.shape)) for layer in ordered]
    assert sorted(counts) == sizes
    assert networks.gated_conv() == sum(c * side**2 for c, side in zip(counts, sides))


def test_multiply_adds_of_dcgan():
    # Kernel weights times the places each is used at: output side, or input side if transposed.
    encoder, decoder = zoo.DCGANEncoder(8, width=1 / 32), zoo.DCGANDecoder(8, width=1 / 32)
    encoder.build((None, 28, 28, 1))
    decoder.build((None, 8))

    def work(part, sides):
        kernels = [w for w in part.trainable_weights if w.name == "kernel"]
        assert len(kernels) == len(sides)
        return sum(side**2 * int(np.prod(w.shape)) for w, side in zip(kernels, sides))

    depths = (4, 8, 16, 32)
    assert networks.dcgan_encoder(8, depths) == work(encoder, (14, 7, 4, 2, 1, 1))
    assert networks.dcgan_decoder(8, depths[:0:-1]) == work(decoder, (1, 7, 14, 28))


def test_the_halves_of_a_network_are_the_whole():
    for network, whole in networks.MULTIPLY_ADDS.items():
        assert sum(networks.halves(network)) == whole()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mlp", "gated_conv", "dcgan", "pixelcnn"])
def test_the_gpu_benchmark_runs_on_a_processor(network, tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", f"--out={out}"]
    command += [f"--networks={network}", "--dtypes=float32"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert {row["task"] for row in rows} == {"train", "sample", "nll"}
    assert all(row["median"] > 0 and row["shares"]["tf32"] > 0 for row in rows)


def test_multiply_adds_of_the_autoregressive_decoder():
    decoder = zoo.PixelCNNDecoder(64, depth=6, num_resnets=3)
    decoder.build((None, 64))
    size = {w.path: int(np.prod(w.shape)) for w in decoder.trainable_weights if len(w.shape) > 1}
    total = size.pop(decoder.plane.doubled.kernel.path)
    for layer in (decoder.rows_above, decoder.row_above, decoder.left, decoder.pixels):
        total += 28**2 * size.pop(layer.kernel.path)
    for stream in (decoder.vertical, decoder.horizontal):
        for level, side in enumerate((28, 14, 7)):
            for block in [*stream.descending[level], *stream.ascending[level]]:
                kernels = [w for w in block.trainable_weights if len(w.shape) > 1]
                total += side**2 * sum(size.pop(kernel.path) for kernel in kernels)
        for layers in zip((14, 7), stream.shrink, stream.grow):
            total += layers[0] ** 2 * sum(size.pop(layer.kernel.path) for layer in layers[1:])
    assert size == {}
    assert networks.pixelcnn(64, depth=6, num_resnets=3) == total


def test_multiply_adds_of_a_family_count_its_flows_and_pseudo_inputs():
    made = MADE(64, hidden_units=[640, 640])
    made.build((None, 64))
    kernels = sum(int(np.prod(w.shape)) for w in made.trainable_weights if len(w.shape) == 2)
    plain = networks.family("---", 100)
    assert plain == networks.gated_conv()
    assert networks.family("+-+", 100) == plain + 2 * 4 * kernels
    assert networks.family("--v", 100) == plain + 5 * networks.gated_conv_encoder()


def test_a_training_step_is_three_passes_of_two_operations():
    assert networks.training_flops("mlp") == 6 * networks.mlp()


def test_summary_of_turns():
    turns = [
        {"steps": 10, "seconds": 2.0, "other_load": 0.5},
        {"steps": 10, "seconds": 1.0, "other_load": None},
        {"steps": 10, "seconds": 4.0, "other_load": 0.1},
    ]
    assert rounds.summary(turns, batch_size=3) == {
        "median": 15.0,
        "min": 7.5,
        "max": 30.0,
        "rounds": 3,
        "other_load": 0.5,
    }


class _Recorded:
    def __init__(self, name, log, loads=(0.0,)):
        self.name, self.log, self.loads = name, log, list(loads)

    def round(self, seconds):
        self.log.append(self.name)
        load = self.loads.pop(0) if len(self.loads) > 1 else self.loads[0]
        return {"steps": 1, "seconds": seconds, "other_load": load}


def test_contenders_alternate_and_every_second_round_goes_backwards():
    log = []
    turns = rounds.alternate([_Recorded("a", log), _Recorded("b", log)], rounds=2, seconds=0.0)
    assert log == ["a", "b", "b", "a"]
    assert {name: len(taken) for name, taken in turns.items()} == {"a": 2, "b": 2}


def test_a_turn_that_others_disturbed_is_run_again():
    log = []
    turns = rounds.alternate([_Recorded("a", log, [0.9, 0.1])], 1, 0.0, max_other_load=0.2)
    assert log == ["a", "a"] and turns["a"][0]["other_load"] == 0.1


def test_a_turn_that_is_never_quiet_counts_at_its_quietest():
    turns = rounds.alternate(
        [_Recorded("a", [], [0.9, 0.5, 0.7])], 1, 0.0, max_other_load=0.2, patience=2
    )
    assert turns["a"][0]["other_load"] == 0.5


def test_a_contender_that_fails_is_named(capfd):
    contender = rounds.Contender("broken", "benchmarks.no_such_module")
    with pytest.raises(RuntimeError, match="'broken'.*Received: exit status 1"):
        contender.wait()
    contender.close()
    assert "no_such_module" in capfd.readouterr().err


def test_the_process_of_a_contender_runs_the_steps_that_fit_in_its_turn(tmp_path, monkeypatch):
    # Steps alone move this clock: by a hundredth of a second each, later by a fiftieth.
    (tmp_path / "stepper.py").write_text(
        "import time\n"
        "lengths, now = [0.01] * 4, [0.0]\n"
        "time.perf_counter = lambda: now[0]\n"
        "def run(steps):\n    now[0] += steps * (lengths.pop() if lengths else 0.02)\n"
        "def make():\n    return run\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[1]}")
    contender = rounds.Contender("stepper", "stepper")
    assert contender.wait() == pytest.approx(0.01)
    turns = [contender.round(0.2) for _ in range(3)]
    contender.close()
    assert [turn["steps"] for turn in turns] == [20, 20, 10]
    assert [turn["seconds"] for turn in turns] == pytest.approx([0.2, 0.4, 0.2])
    assert all(turn["processor_seconds"] < turn["seconds"] for turn in turns)


@pytest.mark.parametrize(
    ("grown", "files", "leaks"),
    [(0.0, 0, []), (5.0, 0, []), (200.0, 0, ["memory"]), (0.0, 2, ["files"])],
)
def test_growth_leaves_out_the_start(grown, files, leaks):
    # 100 s, 20 counts a second; caches of 300 MB fill and threads start in the first 20 s.
    samples = [
        soak.Sample(
            t,
            20 * t,
            500 - 300 * (t < 20) + grown * t / 100,
            9 + files * (t > 50) // 2,
            4 - (t < 20),
        )
        for t in range(101)
    ]
    row = soak.growth(samples)
    assert row["memory"] == pytest.approx([500 + 0.25 * grown, 500 + 0.95 * grown])
    assert row["most"] == pytest.approx(500 + grown)
    assert row["growth"] == pytest.approx(1000 * grown / 2)  # kB: 2,000 counts
    assert row["files"] == [9, 9 + files // 2]
    assert row["threads"] == [4, 4]
    assert soak.leaks(row) == leaks


def test_a_process_is_sampled_with_the_count(tmp_path):
    done = 0
    with soak.Sampler(0.001, lambda: done) as sampler:
        first = soak.held()
        block = np.ones(30_000_000, np.uint8)
        with open(tmp_path / "open", "w"):
            done, end = 7, time.monotonic() + 10
            while sampler.samples[-1:] == [] or sampler.samples[-1].count != 7:
                assert time.monotonic() < end
                time.sleep(0.005)
            sample = sampler.samples[-1]
    assert sample.count == 7
    assert sample.memory > first[0] + 25 and len(block)
    assert (sample.files, sample.threads) == (first[1] + 1, first[2])


@pytest.mark.parametrize("script", ["train_speed", "encode_speed"])
def test_scripts_say_how_they_are_used(script):
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{script}", "--help"],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "--tiny" in done.stdout


def test_a_driver_s_work_for_a_job_is_measured():
    from benchmarks import runs

    found = runs.driver("local", 6)
    assert 0 < found["cpu_seconds"] < 1 and found["cpu_seconds"] < found["seconds"] * 2
    assert 100 < found["bytes"] < 1000


# The same weights give the same loss. PyTorch's pictures are mirrored, see `torch_training`.


def _mirrored(kernel):
    """A kernel [h, w, a, b], of either kind of convolution, as PyTorch's [b, a, h, w], mirrored."""
    return to_numpy(kernel)[::-1, ::-1].transpose(3, 2, 0, 1)


def _copy(torch, target, weight, bias):
    with torch.no_grad():
        target.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        target.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))


def _copy_dense(torch, target, layer):
    _copy(torch, target, to_numpy(layer.kernel).T, to_numpy(layer.bias))


def _twin_mlp(torch, model):
    from benchmarks.torch_training import MLP

    twin, encoder, decoder = MLP(), model.encoder, model.decoder
    linear = [part for part in twin.modules() if isinstance(part, torch.nn.Linear)]
    layers = [*encoder.hidden, encoder.head.loc_layer, encoder.head.scale_layer]
    for target, layer in zip(linear, [*layers, *decoder.hidden, decoder.pixels]):
        _copy_dense(torch, target, layer)
    return twin


def _twin_conv(torch, model):
    from benchmarks.torch_training import GatedConv

    twin, encoder, decoder = GatedConv(), model.encoder, model.decoder
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    convolutions = [part for part in twin.modules() if isinstance(part, kinds)]
    layers = [layer.doubled for layer in [*encoder.maps, encoder.whole, *decoder.maps]]
    for target, layer in zip(convolutions, [*layers, decoder.pixels]):
        _copy(torch, target, _mirrored(layer.kernel), to_numpy(layer.bias))
    _copy_dense(torch, twin.loc, encoder.head.loc_layer)
    _copy_dense(torch, twin.raw_scale, encoder.head.scale_layer)
    # 2 halves of 7 x 7 maps, channels last here and first there.
    kernel = to_numpy(decoder.first.doubled.kernel).reshape(-1, 2, 7, 7, 64)
    bias = to_numpy(decoder.first.doubled.bias).reshape(1, 2, 7, 7, 64)
    kernel, bias = (
        a[:, :, ::-1, ::-1].transpose(0, 1, 4, 2, 3).reshape(len(a), -1) for a in (kernel, bias)
    )
    _copy(torch, twin.first.layer, kernel.T, bias[0])
    return twin


@pytest.mark.parametrize("network", ["mlp", "gated_conv"])
def test_both_implementations_have_the_same_loss(network, rng):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which the benchmarks compare with")
    from benchmarks.torch_training import negative_elbo

    model = _models(network)
    for weight in model.trainable_weights:  # biases are zero at first, which would hide an error
        if len(weight.shape) == 1:
            weight.assign(rng.normal(0, 0.1, weight.shape))
    images = (rng.random((4, 28, 28, 1)) < 0.3).astype("float32")
    noise = rng.normal(size=(4, model.latent_dim)).astype("float32")

    posterior = model.encoder.distribution(images)
    z = posterior.distribution.loc + posterior.distribution.scale * noise
    ours = kl.rate(posterior, model.marginal.distribution())
    ours = to_numpy(ours - model.decoder.distribution(z).log_prob(images)).mean()

    twin = {"mlp": _twin_mlp, "gated_conv": _twin_conv}[network](torch, model)
    seen = images if network == "mlp" else images[:, ::-1, ::-1]
    pixels = torch.from_numpy(np.ascontiguousarray(seen.transpose(0, 3, 1, 2)))
    theirs = negative_elbo(twin, pixels, torch.from_numpy(noise)).item()
    assert theirs == pytest.approx(ours, rel=1e-5)


def test_the_small_encoders_are_the_same_function(rng):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which the benchmarks compare with")
    from benchmarks.torch_training import SmallConv

    encoder, twin = zoo.SmallConvEncoder(10), SmallConv()
    encoder(np.zeros((1, 28, 28, 1), "f4"))
    for weight in encoder.trainable_weights:
        if len(weight.shape) == 1:
            weight.assign(rng.normal(0, 0.1, weight.shape))
    convolutions = [m for m in twin.modules() if isinstance(m, torch.nn.Conv2d)]
    for target, layer in zip(convolutions, encoder.maps, strict=True):
        _copy(torch, target, _mirrored(layer.kernel), to_numpy(layer.bias))
    for target, layer in [
        (twin.loc, encoder.head.loc_layer),
        (twin.raw_scale, encoder.head.scale_layer),
    ]:
        kernel = to_numpy(layer.kernel).reshape(7, 7, 64, 10)[::-1, ::-1]
        kernel = kernel.transpose(3, 2, 0, 1).reshape(10, -1)
        _copy(torch, target, np.ascontiguousarray(kernel), to_numpy(layer.bias))
    images = rng.random((4, 28, 28, 1)).astype("f4")
    pixels = torch.from_numpy(np.ascontiguousarray(images[:, ::-1, ::-1].transpose(0, 3, 1, 2)))
    theirs = [value.detach().numpy() for value in twin.encode(pixels)]
    ours = to_numpy(encoder(images))
    np.testing.assert_allclose(theirs[0], ours["loc"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(theirs[1], ours["scale"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_a_transposed_convolution_is_a_convolution_and_a_shuffle(kernel, rng):
    one, two = transposed.graphs(3, 2, kernel, 5)
    x = rng.normal(size=(2, 3, 5, 5)).astype("f4")
    y = one(x=x)["y"]
    assert y.shape == (2, 2, 10, 10) and np.abs(y).max() > 1
    np.testing.assert_allclose(two(x=x)["y"], y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("maps", [1, 16])
def test_both_forms_of_a_convolution_to_few_maps_give_the_same(maps, rng):
    one, two = narrow.graphs(4, maps, 5, 6)
    x = rng.normal(size=(2, narrow.INPUT_MAPS, 6, 6)).astype("f4")
    y = one(x=x)["y"]
    assert y.shape == (2, maps, 6, 6) and np.abs(y).max() > 1
    np.testing.assert_allclose(two(x=x)["y"], y, rtol=1e-4, atol=1e-4)


def test_weights_that_are_stored_again_are_counted(tmp_path):
    """The encoder's matrix [48, 9] is the decoder's too, and transposed in Keras's file."""
    folder = light_artifact.make(tmp_path, latent_dim=9)
    matrix = light_artifact.weights(latent_dim=9)
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/kernel"], file["other"], file["bias"] = matrix.T, matrix + 1, matrix[0]
    sizes = shared_weights.measure(folder)
    size = 48 * 9 * 4
    assert sizes.pop("files") > 4 * size
    assert sizes == {
        "graphs": 2 * size, "graphs_again": size, "keras": 2 * size, "keras_again": size
    }  # fmt: skip
