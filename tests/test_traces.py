"""What a profile says: own times of nested events, and what an operation is for."""

import pytest

from benchmarks import profile, traces


def _space(events, names, hlo=()):
    """Returns an `XSpace` of one thread: events are (name, start, length) in ms."""
    xplane_pb2 = pytest.importorskip("tensorflow.tsl.profiler.protobuf.xplane_pb2")
    space = xplane_pb2.XSpace()
    plane = space.planes.add()
    plane.stat_metadata[1].name = "hlo_op"
    for number, name in enumerate(names):
        plane.event_metadata[number].name = name
    line = plane.lines.add()
    for name, start, length in events:
        event = line.events.add(metadata_id=names.index(name))
        event.offset_ps, event.duration_ps = int(start * 1e9), int(length * 1e9)
        if name in hlo:
            event.stats.add(metadata_id=1)
    return space


def test_an_event_does_not_count_what_happens_inside_it():
    names = ["callbacks", "dot.1", "add.7", "PyFunc:PyFunc"]
    events = [("callbacks", 0, 10), ("dot.1", 1, 4), ("add.7", 2, 1), ("dot.1", 6, 2)]
    space = _space([*events, ("PyFunc:PyFunc", 10, 3)], names, ("dot.1", "add.7"))
    source = {"add.7": "while/body/adam/ResourceApplyAdam_3"}
    seconds = traces.self_seconds(space, source)
    assert {name: (round(1e3 * s, 9), n) for name, (s, n) in seconds.items()} == {
        "callbacks": (4, 1),
        "xla:dot.1": (5, 2),
        "xla:add.7 while/body/adam/ResourceApplyAdam_3": (1, 1),
        "PyFunc:PyFunc": (3, 1),
    }
    kinds = {kind: round(1e3 * s, 9) for kind, s in traces.by_kind(seconds).items() if s}
    assert kinds == {"callbacks": 4, "matrix products": 5, "optimiser": 1, "input": 3}
    lines = profile.table(seconds, steps=2).splitlines()
    assert "| matrix products | 2.500 | 38.5% | XLA's and oneDNN's |" in lines
    assert profile.longest(seconds, steps=2).splitlines()[2].startswith("| 2.500 | 1 | matrix pr")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("xla:multiply_add_fusion.3 jit(program)/while/body/optimizer/add", "optimiser"),
        ("xla:wrapped_add.4 while/StatefulPartitionedCall/metrics/Add", "metrics"),
        ("xla:ynn_fusion.9 while/Mean", "other kernels"),
        ("xla:convert_bitcast_fusion while/StatelessRandomNormalV2", "other kernels"),
        ("xla:MatMul_1.129 gradient_tape/vae/dense/MatMul/MatMul_1", "matrix products"),
        ("xla:convolution.3 while/conv2d", "convolutions"),
        ("vae/gated/Conv2D:_MklFusedConv2D", "convolutions"),
        ("vae/dense/MatMul:_MklMatMul", "matrix products"),
        ("gradient_tape/vae/Relu:ReluGrad", "other kernels"),
        ("adam/ResourceApplyAdam:ResourceApplyAdam", "optimiser"),
        ("IteratorGetNextOp::DoCompute", "input"),
        ("EagerCopyToDevice", "host to device"),
        ("tf_data:truediv:RealDiv", "input"),
        ("tf_data:Iterator::Root::Prefetch::ParallelMapV2", "waiting"),
        ("KernelAndDeviceFunc::Run", "waiting"),
        ("ThunkExecutor::Execute", "waiting"),
        ("EagerExecute", "framework"),
    ],
)
def test_the_kind_of_an_operation(name, kind):
    assert traces.kind(name) == kind
    assert set(profile.MEANINGS) == set(traces.KINDS)


def test_sources_are_read_from_the_modules_that_xla_dumps(tmp_path):
    (tmp_path / "module_0.cpu_after_optimizations.txt").write_text(
        "%body (x: f32[]) -> f32[] {\n"
        '  %add.7 = f32[3]{0} add(%a, %b), metadata={op_type="Add" op_name="while/metrics/Add"}\n'
        '  ROOT %dot.1 = f32[3]{0} dot(%a, %b), metadata={op_name="jit(f)/dot"}\n}\n'
    )
    assert traces.sources(tmp_path) == {"add.7": "while/metrics/Add", "dot.1": "jit(f)/dot"}
    with pytest.raises(FileNotFoundError, match=r"Expected a profile, \*.xplane.pb"):
        traces.read(tmp_path)
