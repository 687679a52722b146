"""Generated images compared with the data: classes, features, and a density of the data."""

import numpy as np

from zoo import tiles
from zoo.arguments import positive_int
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.evaluation import density, frechet
from zoo.evaluation import parzen as parzen_density
from zoo.evaluation.adapters import why_no_classes
from zoo.evaluation.classifier import ImageClassifier, load_or_fit

BY_CLASSIFIER = ("class_cross_entropy", "frechet_classifier")
# 10^4 as for the distances of `vimae`, Table 5; an autoregressive decoder is slower by far.
NUM_GENERATED, FEW = 10000, 1000
BLOCK = 1024  # images of the data that are read together
TOO_FEW = "left out: needs at least two images of the data and two generated ones"


def generated_images(model, num_images, seed=17, draw_pixels=False):
    """Returns images of z ~ m(z), NumPy float32 [N, H, W, C].

    Args:
        model: A `zoo.VAE`.
        num_images: N.
        seed: Int; image i is a function of (seed, i) alone.
        draw_pixels: Draw x ~ d(x|z) instead of taking its mean; an autoregressive decoder always
            draws.

    Raises:
        ValueError: If `num_images` is not a positive int, or the model's prior was not adapted.
    """
    positive_int("num_images", num_images)
    model.check_adapted()
    key, batches = tfp_seed(seed), []
    draw_pixels = draw_pixels or model.decoder.is_autoregressive
    sample, mean = tiles.compile_step(model, _latents), tiles.compile_step(model, _means)
    for tile in range(-(-num_images // tiles.TILE)):
        tile_key = fold_in(key, tile)
        z = sample(fold_in(tile_key, 0))
        if draw_pixels:
            # Outside a compiled step: an autoregressive decoder has a sampler of its own.
            x = model.decoder.distribution(z).sample(seed=fold_in(tile_key, 1))
        else:
            x = mean(z)
        batches.append(to_numpy(x).astype("float32"))
    return np.concatenate(batches)[:num_images]


def class_cross_entropy(c, probabilities):
    """Returns -c^T (log c_hat - log c) = KL(c || c_hat), at least zero: lower is better.

        c_hat_k = mean_n p(k | x_n),   stderr = sd_n(sum_k c_k p(k | x_n) / c_hat_k) / sqrt(N)

    c_hat takes the classifier's probabilities, so that it is finite for classes that are never
    the most likely one; the error is by the delta method, of generated images alone.

    Args:
        c: Class distribution of the data, [K], which sums to one.
        probabilities: Class probabilities of generated images, [N, K].

    Returns:
        `{"value": float, "stderr": float or None}`, nats.

    Reference:
        `infovae`, Figure 6 (C): "cross entropy loss l_ce(c, c_hat)".
    """
    c, probabilities = np.asarray(c, "float64"), np.asarray(probabilities, "float64")
    present = c > 0
    c, probabilities = c[present], probabilities[:, present]
    c_hat = probabilities.mean(axis=0)
    if np.any(c_hat == 0):
        return {"value": np.inf, "stderr": None}
    slopes, count = probabilities @ (c / c_hat), len(probabilities)
    return {
        "value": float(np.sum(c * (np.log(c) - np.log(c_hat)))),
        "stderr": float(np.std(slopes, ddof=1) / np.sqrt(count)) if count > 1 else None,
    }


def measure(model, dataset, train_dataset, names, num_generated=None, classifier=None, seed=17):
    """Returns the metrics `names` of images that the model generates.

    They are draws of d(x|z) where the data are of zeros and ones, or the decoder is autoregressive;
    otherwise means.

    `generated_nll` is E[-log p_data(x)] of generated x, p_data a `Parzen` density of training
    images: low where each image resembles one of the data, whether or not all kinds occur.
    `vimae` prints an "NLL for generated samples" (Table 1) without a definition. This is our
    interpretation: orderings compare with the paper's, and values do not.

    Args:
        model: A `zoo.VAE`.
        dataset: Has `float_images(rows)`, `labels` and a length; the test split.
        train_dataset: As `dataset`, or None. The classifier and the density are fitted to it.
        names: Names of metrics of `zoo.evaluation.families.generated_images`.
        num_generated: Images to generate; 10000 by default, or 1000 if autoregressive.
        classifier: An `ImageClassifier`, or the folder to keep one in; None keeps nothing.
        seed: Int.

    Returns:
        name -> an entry with `value`, `stderr`, `num_examples` and more, or a sentence on why
        there is none.
    """
    return dict(each(model, dataset, train_dataset, names, num_generated, classifier, seed))


def each(model, dataset, train_dataset, names, num_generated=None, classifier=None, seed=17):
    """Yields what `measure` returns as pairs, each as soon as it is measured."""
    number = FEW if model.decoder.is_autoregressive else NUM_GENERATED
    if num_generated is not None:
        number = positive_int("num_generated", num_generated)
    binary = density.is_binary(dataset.float_images(slice(0, 1024)))
    images = generated_images(model, number, seed, draw_pixels=binary)
    _check_finite(images)
    drawn = "draws" if binary or model.decoder.is_autoregressive else "means"
    shared = {"num_generated": number, "images": drawn}
    for name, entry in _each(images, dataset, train_dataset, names, classifier):
        yield name, entry if isinstance(entry, str) else {**entry, **shared}


def _each(images, dataset, train_dataset, names, classifier):
    by_classifier = [name for name in BY_CLASSIFIER if name in names]
    if by_classifier:
        metrics = _by_classifier(images, dataset, train_dataset, by_classifier, classifier)
        yield from metrics.items()
    if "frechet_inception" in names:
        yield "frechet_inception", _by_inception(images, dataset)
    if "generated_nll" in names:
        yield "generated_nll", _by_density(images, train_dataset)


def _by_classifier(images, dataset, train_dataset, names, classifier):
    metrics = {}
    if not isinstance(classifier, ImageClassifier):
        note = why_no_classes(dataset, train_dataset)
        if note:
            return dict.fromkeys(names, note)
        classifier = load_or_fit(classifier, train_dataset, dataset)
    features, probabilities = classifier.measure(images)
    shared = {"num_examples": len(dataset)}
    if classifier.accuracy is not None:
        shared["classifier_accuracy"] = classifier.accuracy
    if "class_cross_entropy" in names:
        labels = np.asarray(dataset.labels)
        c = [np.mean(labels == label) for label in classifier.classes]
        if dataset.labels is None:
            metrics["class_cross_entropy"] = "left out: dataset has no labels"
        elif not np.isclose(np.sum(c), 1.0):
            metrics["class_cross_entropy"] = "left out: the test split has classes of its own"
        else:
            metrics["class_cross_entropy"] = {**class_cross_entropy(c, probabilities), **shared}
    if "frechet_classifier" in names and min(len(images), len(dataset)) < 2:
        metrics["frechet_classifier"] = TOO_FEW
    elif "frechet_classifier" in names:
        data_features, _ = classifier.measure(dataset)
        value = frechet.distance_of_features(features, data_features)
        metrics["frechet_classifier"] = {"value": value, "stderr": None, **shared}
    return metrics


def _by_inception(images, dataset):
    if min(len(images), len(dataset)) < 2:
        return TOO_FEW
    try:
        features = frechet.inception_features()
    except OSError as error:
        return f"left out: {error}; frechet_classifier does without them"
    scale = getattr(dataset, "pixel_scale", 1.0)
    blocks = [
        features(np.asarray(dataset.float_images(slice(i, i + BLOCK)), "float32") / scale)
        for i in range(0, len(dataset), BLOCK)
    ]
    value = frechet.distance_of_features(features(images / scale), np.concatenate(blocks))
    return {"value": value, "stderr": None, "num_examples": len(dataset)}


def _by_density(images, train_dataset):
    if train_dataset is None:
        return "left out: no train_dataset was given"
    if len(train_dataset) < 2:
        return "left out: needs at least two training images"
    parzen = parzen_density.fit_parzen(train_dataset)
    terms = -parzen.log_prob(images)
    stderr = float(np.std(terms, ddof=1) / np.sqrt(len(terms))) if len(terms) > 1 else None
    return {
        "value": float(terms.mean()),
        "stderr": stderr,
        "num_examples": len(terms),
        "num_train": len(parzen.centres),
        "bandwidth": parzen.bandwidth,
    }


def _check_finite(images):
    bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
    if len(bad):
        raise FloatingPointError(
            f"Expected finite generated images. Received: {len(bad)} of {len(images)} not, the "
            f"first at {bad[0]}"
        )


# Compiled steps, as those of `nll`.


def _latents(encoder, decoder, marginal):
    return lambda seed: marginal.distribution().sample(tiles.TILE, seed=seed)


def _means(encoder, decoder, marginal):
    return lambda z: decoder.mean(decoder(z, training=False))
