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
    p = mcnemar([[0, first], [second, 0]], exact=True).pvalue
    return {"onlyFirst": first, "onlySecond": second, "p": min(1.0, float(p))}


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


def bootstrap():
    # Correct or not of two classifiers on the same images, agreeing on most of them.
    first = (fill("bootstrap.first", (2000,)) > -0.5).astype(float)
    changed = fill("bootstrap.changed", (2000,)) > 0.8
    second = np.where(changed, 1 - first, first)
    difference = first - second
    result = stats.bootstrap((difference,), np.mean, n_resamples=40000, method="percentile",
                             confidence_level=0.95, vectorized=True, batch=500,
                             rng=np.random.default_rng(0))
    return {"estimate": float(difference.mean()), "deviation": float(result.standard_error),
            "low": float(result.confidence_interval.low),
            "high": float(result.confidence_interval.high)}


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
    "bootstrap": bootstrap(),
}
with open("../Fixtures/Evaluation/significance.json", "w") as file:
    json.dump(out, file, indent=1, sort_keys=True)
    file.write("\n")
