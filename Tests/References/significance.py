"""Intervals and tests from scipy and statsmodels.

Made with: scipy 1.17.1, statsmodels 0.15.0, numpy 2.4.6. Run from this folder; writes
../Fixtures/Evaluation/significance.json.
"""
import json

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from fill import fill


def wilson(successes, count):
    low, high = proportion_confint(successes, count, alpha=0.05, method="wilson")
    return {"successes": successes, "count": count, "low": float(low), "high": float(high)}


def exact_mcnemar(first, second):
    p = min(1.0, float(mcnemar([[0, first], [second, 0]], exact=True).pvalue))
    # Half of what was observed counts, on both sides; once where both sides are the same.
    observed = float(stats.binom.pmf(min(first, second), first + second, 0.5))
    middle = p - (observed / 2 if first == second else observed)
    return {"onlyFirst": first, "onlySecond": second, "p": p, "midP": middle}


def spread(values, confidence):
    mean = float(np.mean(values))
    low, high = stats.t.interval(confidence, len(values) - 1, loc=mean, scale=stats.sem(values))
    return {"values": values, "confidence": confidence, "mean": mean,
            "deviation": float(np.std(values, ddof=1)), "low": float(low), "high": float(high)}


def student():
    rows = []
    for freedom in (1, 2, 3, 4, 9, 30, 1000):
        for probability in (0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.9999):
            rows.append({"freedom": freedom, "probability": probability,
                         "quantile": float(stats.t.ppf(probability, freedom))})
    return rows


def holm(values):
    return {"values": values, "adjusted": multipletests(values, method="holm")[1].tolist()}


def studentized(values):
    """The studentised bootstrap of a mean, with the plain error of a mean in every resample."""
    generator = np.random.default_rng(0)
    n, mean, error = len(values), np.mean(values), stats.sem(values)
    means, ratios = [], []
    for _ in range(20000):
        drawn = values[generator.integers(0, n, n)]
        means.append(drawn.mean())
        ratios.append((drawn.mean() - mean) / stats.sem(drawn))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"estimate": float(mean), "deviation": float(np.std(means, ddof=1)),
            "low": float(max(-1e9, mean - high * error)), "high": float(mean - low * error)}


def bootstrap():
    # Correct or not of two classifiers on the same images, agreeing on most of them.
    first = (fill("bootstrap.first", (2000,)) > -0.5).astype(float)
    changed = fill("bootstrap.changed", (2000,)) > 0.8
    second = np.where(changed, 1 - first, first)
    return studentized((first - second) / 2 + 0.5)


def skewed():
    values = np.round(np.exp(2.5 * fill("bootstrap.skewed", (120,)).astype(float)) / 13, 5)
    return {"values": values.tolist(), **studentized(values)}


def swapped(first, second):
    result = stats.permutation_test((first, second), lambda x, y, axis: np.mean(x - y, axis=axis),
                                    permutation_type="samples", n_resamples=np.inf, vectorized=True)
    return {"first": first, "second": second, "p": float(result.pvalue)}


def noncentral(shift, critical, freedom):
    power = stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift)
    return {"shift": shift, "critical": critical, "freedom": freedom, "power": float(power)}


out = {
    "wilson": [wilson(k, n) for k, n in [(0, 10), (10, 10), (1, 3), (7, 10), (81, 100),
                                         (753, 1000), (37650, 50000), (50000, 50000)]],
    "mcnemar": [exact_mcnemar(a, b) for a, b in [(0, 1), (0, 6), (5, 5), (3, 12), (10, 25),
                                                 (480, 530), (5000, 5200), (24000, 26000)]],
    "student": student(),
    "spread": [spread([0.751, 0.749, 0.753], 0.95), spread([0.7, 0.71], 0.95),
               spread([0.75, 0.74, 0.76, 0.755, 0.748], 0.99)],
    "holm": [holm([0.01, 0.04, 0.03, 0.005]), holm([0.5, 0.9, 0.02]), holm([0.2, 0.2, 0.2]),
             holm([0.0001])],
    "bootstrap": bootstrap(), "skewed": skewed(),
    "swapped": [swapped([0.9, 0.7, 0.8, 0.6, 0.95, 0.5, 0.85, 0.4], [0.8, 0.75, 0.6, 0.5, 0.9, 0.5, 0.7, 0.3]),
                swapped([1.0, 1, 0, 1, 1, 0, 1, 1, 1, 0], [0.0, 1, 0, 0, 1, 0, 0, 1, 0, 1]),
                swapped([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], [2.0, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4])],
    "noncentral": [noncentral(*row) for row in [(0.001, 2.0, 10.0), (2.8, 1.98, 120.0),
                                                (3.5, 2.776, 4.0), (4.0, 4.303, 2.0),
                                                (1.0, 1.97, 300.5), (9.0, 12.7, 1.0)]],
}
with open("../Fixtures/Evaluation/significance.json", "w") as file:
    json.dump(out, file, indent=1, sort_keys=True)
    file.write("\n")
