"""The light runtime: encoders, decoders and densities in ONNX Runtime.

Modules in this folder, in `zoo.storage` and in `zoo.releases` import NumPy, ONNX Runtime and the
standard library alone (`zoo.light.extractor` scikit-learn too). `tests/zoo/test_wall.py` imports
all of them with Keras and its backends blocked.
"""
