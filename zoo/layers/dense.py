"""Dense hidden layers, which the dense encoder and decoder share."""

import keras


def hidden_layers(widths, activation, kernel_initializer, dtype):
    """Returns a list of dense layers.

    Args:
        widths: Units of each layer.
        activation: Keras activation of them all.
        kernel_initializer: Name of a Keras initializer.
        dtype: Their dtype policy.

    Raises:
        ValueError: If `kernel_initializer` is no name. An instance holds one seed: layers of
            the same shape would start with the same numbers.
    """
    if not isinstance(kernel_initializer, str):
        raise ValueError(
            "Expected the name of a Keras initializer, as 'he_normal': each layer draws its own "
            f"numbers. Received: kernel_initializer={kernel_initializer!r}"
        )
    options = {"kernel_initializer": kernel_initializer, "dtype": dtype}
    return [keras.layers.Dense(units, activation, **options) for units in widths]
