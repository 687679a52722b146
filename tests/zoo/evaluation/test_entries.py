"""Errors of metrics, against SciPy's intervals and by enumeration."""

import numpy as np
import pytest
from scipy import stats

from zoo.evaluation import entries

ONE_SIGMA = 2 * stats.norm.cdf(1) - 1


@pytest.mark.parametrize("number", [1, 3, 10, 1000])
def test_the_error_of_a_share_reaches_both_ends_of_the_wilson_interval(number):
    for right in {0, 1, number // 2, number}:
        interval = stats.binomtest(right, number).proportion_ci(ONE_SIGMA, method="wilson")
        share = right / number
        expected = max(share - interval.low, interval.high - share)
        assert entries.share_stderr(share, number) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("number", [1, 3, 10, 100])
def test_shares_within_one_error_are_as_frequent_as_of_a_normal_distribution(number):
    right = np.arange(number + 1)
    shares = right / number
    errors = np.array([entries.share_stderr(share, number) for share in shares])
    coverages = [
        np.sum(stats.binom.pmf(right, number, p)[np.abs(shares - p) <= errors])
        for p in np.linspace(0.005, 0.995, 100)
    ]
    assert np.mean(coverages) > ONE_SIGMA  # the binomial error has 0.41 for three examples


def test_the_error_of_many_examples_is_binomial():
    expected = np.sqrt(0.3 * 0.7 / 1e6)
    assert entries.share_stderr(0.3, 10**6) == pytest.approx(expected, rel=1e-3)


def test_a_mean_of_one_example_has_no_error():
    entry = entries.mean("rate", np.array([2.0]))
    assert (entry["value"], entry["stderr"]) == (2.0, None)
