"""Reads what the frameworks' profilers write: seconds of each event, and what an operation is for.

Both TensorFlow and JAX write an `XSpace`: lines of nested events, a line for each thread. The time
of an event is its own, without the events inside it. XLA's operations have names of their own;
the modules that XLA dumps say from which operation of the program each was made.
"""

import collections
import re
from pathlib import Path

# What takes time, in the order of the table, and what names its events: the first match counts.
KINDS = {
    "waiting": r"BlockUntilReady|ThunkExecutor::|Wait|DoneCallback|\bIterator::|::Run(Async)?$",
    "callbacks": r"^callbacks$",
    "input": r"^tf_data:|PyFunc|Iterator|Dataset",
    "host to device": r"CopyToDevice|BufferFromHost|TransferTo|H2D|DevicePut|ShardArg|shard_arg",
    "optimiser": r"ApplyAdam|(^|/)optimizer(/|$)",
    "metrics": r"(^|/)metrics(/|$)",
    "matrix products": r"^xla:(MatMul|dot)|:\w*MatMul\w*$",
    "convolutions": r"^xla:convolution|:\w*Conv[23]D\w*$",
    "other kernels": r"^xla:|[^:]:[A-Z_]\w+$",
    "framework": r"",
}
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = .*?op_name=\"([^\"]*)\"", re.MULTILINE)


def read(folder):
    """Returns the `XSpace` of the one profile below `folder`.

    Raises:
        FileNotFoundError: If there is none.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    paths = sorted(Path(folder).rglob("*.xplane.pb"))
    if not paths:
        raise FileNotFoundError(f"Expected a profile, *.xplane.pb. Received: {str(folder)!r}")
    space = xplane_pb2.XSpace()
    space.ParseFromString(paths[-1].read_bytes())
    return space


def sources(folder):
    """Returns XLA operation -> the operation of the program that it was made from.

    Args:
        folder: Where `--xla_dump_to` put the text of the modules.
    """
    result = {}
    for path in sorted(Path(folder).glob("*after_optimizations.txt")):
        result.update(_INSTRUCTION.findall(path.read_text(encoding="utf-8", errors="replace")))
    return result


def self_seconds(space, source):
    """Returns event -> (its own seconds, how often it was), over all threads.

    An operation of XLA is called `xla:NAME SOURCE`, one of a thread of tf.data `tf_data:NAME`.

    Args:
        space: An `XSpace`.
        source: What `sources` returns.
    """
    seconds, counts = collections.Counter(), collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event, own in _own_times(line.events):
                name = _name(plane, line, event, source)
                seconds[name] += own / 1e12
                counts[name] += 1
    return {name: (seconds[name], counts[name]) for name in seconds}


def _own_times(events):
    """Yields each event and its picoseconds without those of the events inside it."""
    events = sorted(events, key=lambda event: (event.offset_ps, -event.duration_ps))
    own, open_events = [event.duration_ps for event in events], []
    for index, event in enumerate(events):
        while open_events and _end(events[open_events[-1]]) <= event.offset_ps:
            open_events.pop()
        if open_events:
            own[open_events[-1]] -= event.duration_ps
        open_events.append(index)
    return zip(events, own)


def _end(event):
    return event.offset_ps + event.duration_ps


def _name(plane, line, event, source):
    name = plane.event_metadata[event.metadata_id].name
    if line.name.startswith("tf_data"):
        return f"tf_data:{name}"
    is_xla = any(plane.stat_metadata[stat.metadata_id].name == "hlo_op" for stat in event.stats)
    return f"xla:{name} {source.get(name, '')}".strip() if is_xla else name


def kind(name):
    """Returns which of `KINDS` an event is of."""
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, name))


def by_kind(events):
    """Returns kind -> seconds of the events of `self_seconds`, in the order of `KINDS`."""
    totals = dict.fromkeys(KINDS, 0.0)
    for name, (seconds, _) in events.items():
        totals[kind(name)] += seconds
    return totals
