"""Reads what an ONNX file refers to, from its bytes alone. Standard library alone.

An ONNX tensor may name a file that holds its numbers. Runtimes read that file from the working
directory, and no hash covers it. This module finds such tensors in every place where the format
allows them, whatever the runtime and its version.
"""

# Message -> field number -> the message in that field; other fields are passed over.
# Numbers are those of onnx.proto; attributes hold graphs, so that the messages are recursive.
_MESSAGES = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
# Formats that runtimes tell by these bytes and open without being asked: ONNX Runtime's, TFLite's.
_OTHER_FORMATS = (b"ORTM", b"TFL3")
_DEEPEST = 100  # messages within messages


def require_self_contained(content, name):
    """Returns `content`, the bytes of an ONNX file, if it holds all its numbers itself.

    Args:
        content: The bytes.
        name: What to call the file in messages.

    Raises:
        ValueError: If a tensor refers to another file, or the bytes are no ONNX file.
    """
    content = bytes(content)
    if content[4:8] in _OTHER_FORMATS:
        _refuse(name, "a file of another format")
    messages = [("model", 0, len(content), 0)]
    is_model = False
    while messages:
        kind, start, end, depth = messages.pop()
        if depth > _DEEPEST:
            _refuse(name, f"messages nested deeper than {_DEEPEST}")
        for field, wire, value in _fields(content, start, end, name):
            if kind == "tensor" and _refers(field, wire, value):
                raise ValueError(
                    f"Expected {name} to hold all its numbers itself. Received: a tensor that "
                    "refers to another file (external data), which no hash covers"
                )
            inner = _MESSAGES[kind].get(field)
            if inner and wire == 2:
                messages.append((inner, *value, depth + 1))
                is_model = is_model or inner == "graph"
    if not is_model:
        _refuse(name, "a file without a graph")
    return content


def _refers(field, wire, value):
    """Returns whether a field of a tensor says that its numbers are in another file."""
    if field == _DATA_LOCATION:
        return wire == 0 and value & 0xFFFFFFFF == _EXTERNAL  # parsers keep 32 bits
    return field == _EXTERNAL_DATA


def _fields(content, start, end, name):
    """Yields the number, the wire type and the value of each field of a message.

    The value of a field of bytes is where it starts and ends.
    """
    at = start
    while at < end:
        tag, at = _varint(content, at, end, name)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(content, at, end, name)
        elif wire == 2:
            size, at = _varint(content, at, end, name)
            value, at = (at, at + size), at + size
        elif wire in (1, 5):
            value, at = None, at + (8 if wire == 1 else 4)
        else:
            _refuse(name, f"a field of the wire type {wire}")
        if at > end or not 0 < tag >> 3 < 1 << 29:
            _refuse(name, "a field that no message has")
        yield field, wire, value


def _varint(content, at, end, name):
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
    return _refuse(name, "a number that does not end")


def _refuse(name, reason):
    raise ValueError(f"Expected an ONNX graph in {name}. Received: {reason}")
