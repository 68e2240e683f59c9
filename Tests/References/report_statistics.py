"""Paired differences, their power, and resampled mIoU from scipy, statsmodels and numpy.

Made with: scipy 1.17.1, statsmodels 0.15.0, numpy 2.4.6. Run from this folder; writes
../Fixtures/Evaluation/report_statistics.json.
"""
import json
import math

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.power import normal_power
from statsmodels.stats.weightstats import DescrStatsW

from fill import fill


def paired(first, second, count):
    # Agresti and Min: half an image in each cell, then the plain interval of a mean of -1, 0, 1.
    data = DescrStatsW([1.0, -1.0, 0.0], weights=[first + 0.5, second + 0.5, count - first - second + 1])
    error = math.sqrt(data.var / data.nobs)
    z = stats.norm.ppf(0.975)
    return {"onlyFirst": first, "onlySecond": second, "count": count, "error": error,
            "low": float(data.mean - z * error), "high": float(data.mean + z * error),
            "p": float(stats.binomtest(first, first + second, 0.5).pvalue)}


def detectable(error, significance, power):
    def lack(difference):
        return normal_power(difference / error, 1, significance) - power
    return {"error": error, "significance": significance, "power": power,
            "difference": float(optimize.brentq(lack, error, 10 * error, xtol=1e-14))}


def seeded(first, second, sample, images):
    parts = [np.var(first, ddof=1) / len(first), np.var(second, ddof=1) / len(second), sample]
    free = [len(first) - 1, len(second) - 1, images - 1]
    total = sum(parts)
    freedom = math.floor(total**2 / sum(p**2 / f for p, f in zip(parts, free)))
    estimate = float(np.mean(first) - np.mean(second))
    if sample == 0:
        welch = stats.ttest_ind(first, second, equal_var=False)
        assert abs(welch.statistic - estimate / math.sqrt(total)) < 1e-9
        assert math.floor(welch.df) == freedom
    low, high = stats.t.interval(0.95, freedom, loc=estimate, scale=math.sqrt(total))
    return {"first": first, "second": second, "sample": sample, "images": images,
            "estimate": estimate, "freedom": freedom, "low": float(low), "high": float(high),
            "p": float(2 * stats.t.sf(abs(estimate) / math.sqrt(total), freedom))}


def counts(name, bonus):
    """Pixel counts of 120 images and 4 classes: intersection, predicted, labelled."""
    truth = np.floor(100 + 50 * fill("miou.labelled", (120, 4)))
    part = 0.6 + bonus + 0.3 * fill(name + ".part", (120, 4))
    both = np.floor(truth * np.clip(part, 0, 1))
    extra = np.floor(20 + 19 * fill(name + ".extra", (120, 4)))
    return both.astype(float), (both + extra).astype(float), truth.astype(float)


def mean_iou(numbers, rows):
    both, predicted, truth = (x[rows].sum(axis=0) for x in numbers)
    return float(np.mean(both / (predicted + truth - both)))


def resampled_iou():
    first, second = counts("miou.first", 0.02), counts("miou.second", 0.0)
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(20000):
        rows = generator.integers(0, 120, 120)
        drawn.append(mean_iou(first, rows) - mean_iou(second, rows))
    drawn = np.array(drawn)
    rows = np.arange(120)
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return {"first": mean_iou(first, rows), "second": mean_iou(second, rows),
            "deviation": float(drawn.std(ddof=1)), "low": float(np.quantile(drawn, 0.025)),
            "high": float(np.quantile(drawn, 0.975)), "p": float(2 * tail)}


out = {
    "normal": [{"probability": p, "quantile": float(stats.norm.ppf(p))}
               for p in (1e-12, 0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.999)],
    "paired": [paired(*row) for row in [(0, 1, 10), (5, 5, 40), (3, 12, 300), (10, 25, 100),
                                        (480, 530, 50000), (60, 0, 300)]],
    "detectable": [detectable(0.02, 0.05, 0.8), detectable(0.003, 0.01, 0.9),
                   detectable(0.5, 0.05 / 12, 0.8)],
    "seeded": [seeded([0.751, 0.749, 0.753], [0.745, 0.748], 0.0, 1000),
               seeded([0.751, 0.749, 0.753], [0.745, 0.748, 0.741], 4e-6, 50000),
               seeded([0.25, 0.31], [0.45, 0.44, 0.47, 0.46], 1e-3, 300)],
    "resampledIoU": resampled_iou(),
}
with open("../Fixtures/Evaluation/report_statistics.json", "w") as file:
    json.dump(out, file, indent=1, sort_keys=True)
    file.write("\n")
