"""Closed forms of `bilbo`: the optimal decoder and the log-determinant from traces."""

import numpy as np
import optimal
import pytest


def _posteriors(rng, count=6, latents=2):
    loc = rng.normal(size=(count, latents))
    return loc, rng.uniform(0.4, 0.8, (count, latents)), rng.normal(size=(count, 3))


def test_optimal_decoder_minimises_the_expected_squared_error(rng):
    loc, scale, x = _posteriors(rng, latents=1)
    grid = np.linspace(-6, 6, 241)[:, None]
    density = np.exp(-0.5 * ((grid - loc.T) / scale.T) ** 2) / scale.T  # [M, N]

    def error(decoded):
        """E_p(x) of the integral of N(z; mu_i, Sigma_i) |nu(z) - x_i|^2 / 2, on the grid."""
        return 0.5 * np.sum(density * np.sum((decoded[:, None] - x) ** 2, axis=-1))

    best = optimal.optimal_decoder(grid, loc, scale, x)
    direction = rng.normal(size=best.shape)
    size = 1e-3
    ahead, behind = (error(best + s * direction) for s in (size, -size))
    slope, curvature = (ahead - behind) / (2 * size), (ahead + behind - 2 * error(best)) / size**2
    assert abs(slope) < 1e-6 * curvature
    assert curvature == pytest.approx(np.sum(density * np.sum(direction**2, -1)[:, None]), rel=1e-4)


def test_its_jacobian_is_that_of_finite_differences(rng):
    loc, scale, x = _posteriors(rng)
    z, direction, size = rng.normal(size=(5, 2)), rng.normal(size=2), 1e-5
    found = optimal.optimal_decoder_jacobian(z, loc, scale, x.reshape(6, 3, 1))
    assert found.shape == (5, 3, 1, 2)
    ahead, behind = (
        optimal.optimal_decoder(z + s * direction, loc, scale, x) for s in (size, -size)
    )
    np.testing.assert_allclose(
        (found @ direction)[..., 0], (ahead - behind) / (2 * size), 1e-5, 1e-7
    )


def test_far_from_all_examples_it_is_finite(rng):
    loc, scale, x = _posteriors(rng)
    far = np.full((1, 2), 1e3)
    assert np.isfinite(optimal.optimal_decoder(far, loc, scale, x)).all()
    assert np.isfinite(optimal.optimal_decoder_jacobian(far, loc, scale, x)).all()


@pytest.mark.parametrize("size", [1, 3, 8])
def test_log_det_by_traces_is_the_log_determinant(size, rng, seed):
    root = rng.normal(size=(size, size))
    matrix = 7.0 * (root @ root.T / size + 0.2 * np.eye(size))
    steps, probes = 400, 64
    found, sigma = optimal.log_det_by_traces(
        lambda v: matrix @ v, size, steps, probes, rate=0.2, seed=seed
    )
    # At the minimum v^T A v has the variance 2 Z; what Sigma still lacks counts by its square.
    noise = 5 * np.sqrt(2 * size / (steps / 2 * probes))
    assert abs(found - np.linalg.slogdet(matrix)[1]) < noise + 0.01 * size
    np.testing.assert_allclose(matrix @ sigma, np.eye(size), atol=0.3)


def test_eq_19_is_an_upper_bound_elsewhere(rng):
    root = rng.normal(size=(4, 4))
    matrix = root @ root.T + np.eye(4)

    def objective(sigma):
        return np.trace(matrix @ sigma) - 4 - np.linalg.slogdet(sigma)[1]

    exact, inverse = np.linalg.slogdet(matrix)[1], np.linalg.inv(matrix)
    assert objective(inverse) == pytest.approx(exact)
    for _ in range(20):
        change = rng.normal(size=(4, 4)) * 0.1
        assert objective(inverse @ (np.eye(4) + change @ change.T)) > exact
