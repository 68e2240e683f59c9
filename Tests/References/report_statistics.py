"""Paired differences, their power, and resampled mIoU from scipy, statsmodels and numpy.

Made with: scipy 1.17.1, statsmodels 0.15.0, numpy 2.4.6. Run from this folder; writes
../Fixtures/Evaluation/report_statistics.json.
"""
import json
import math

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.weightstats import DescrStatsW

from fill import fill


def paired(first, second, count):
    # Agresti and Min's error: half an image in each cell, then that of a mean of -1, 0, 1.
    data = DescrStatsW([1.0, -1.0, 0.0], weights=[first + 0.5, second + 0.5, count - first - second + 1])

    def score(difference):
        """Tango's score with the likeliest table under a difference, by search."""
        def loss(p):
            cells = [(first, p + difference), (second, p), (count - first - second, 1 - 2 * p - difference)]
            if any(q < 0 or (k > 0 and q == 0) for k, q in cells):
                return np.inf
            return -sum(k * math.log(q) for k, q in cells if k > 0)
        low, high = max(0.0, -difference), (1 - difference) / 2
        p = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded",
                                     options={"xatol": 1e-13}).x
        variance = count * (2 * p + difference - difference**2)
        return (first - second - count * difference) / math.sqrt(variance)

    z = stats.norm.ppf(0.975)
    middle = (first - second) / count
    return {"onlyFirst": first, "onlySecond": second, "count": count,
            "error": math.sqrt(data.var / data.nobs),
            "low": float(optimize.brentq(lambda d: score(d) - z, -0.999, middle - 1e-9, xtol=1e-12)),
            "high": float(optimize.brentq(lambda d: score(d) + z, middle + 1e-9, 0.999, xtol=1e-12)),
            "p": float(stats.binomtest(first, first + second, 0.5).pvalue)}


def power(difference, disagreement, significance, count):
    """How often the exact test rejects, over all numbers of images that disagree."""
    right = (1 + difference / disagreement) / 2
    found = 0.0
    for m in range(1, count + 1):
        rejected = [k for k in range(m + 1) if stats.binomtest(k, m, 0.5).pvalue < significance]
        found += stats.binom.pmf(m, count, disagreement) * stats.binom.pmf(rejected, m, right).sum()
    return {"difference": difference, "disagreement": disagreement, "significance": significance,
            "count": count, "power": float(found)}


def seeded(name, trainings, images, spread):
    """Crossed analysis of variance of trainings and images, one method a side."""
    common = 0.3 * fill(name + ".common", (images,)).astype(float)
    sides = []
    for side, count in enumerate(trainings):
        own = fill(f"{name}.{side}", (count, images)).astype(float) * 0.4
        luck = fill(f"{name}.{side}.luck", (count, 1)).astype(float) * spread
        sides.append(np.round(0.5 + 0.05 * side + common + own + luck, 4))
    image = np.var(sides[0].mean(axis=0) - sides[1].mean(axis=0), ddof=1) / images
    total, squares = image, image**2 / (images - 1)
    for x in sides:
        k = len(x)
        numbers, means = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
        training = np.var(numbers, ddof=1) / k
        rest = ((x - numbers - means + x.mean())**2).sum() / ((k - 1) * (images - 1)) / (k * images)
        total += training - rest
        squares += training**2 / (k - 1) + rest**2 / ((k - 1) * (images - 1))
    total = max(total, image / 2)
    freedom = max(1.0, total**2 / squares)
    estimate = float(sides[0].mean() - sides[1].mean())
    low, high = stats.t.interval(0.95, freedom, loc=estimate, scale=math.sqrt(total))
    return {"first": sides[0].tolist(), "second": sides[1].tolist(), "estimate": estimate,
            "freedom": float(freedom), "low": float(low), "high": float(high),
            "p": float(2 * stats.t.sf(abs(estimate) / math.sqrt(total), freedom))}


def counts(name, bonus):
    """Pixel counts of 120 images and 4 classes: intersection, predicted, labelled."""
    truth = np.floor(100 + 50 * fill("miou.labelled", (120, 4)))
    part = 0.6 + bonus + 0.3 * fill(name + ".part", (120, 4))
    both = np.floor(truth * np.clip(part, 0, 1))
    extra = np.floor(20 + 19 * fill(name + ".extra", (120, 4)))
    return both.astype(float), (both + extra).astype(float), truth.astype(float)


def mean_iou(numbers, weights):
    both, predicted, truth = (weights @ x for x in numbers)
    return float(np.mean(both / (predicted + truth - both)))


def slopes(numbers, step=1e-4):
    """How mIoU grows with the weight of each image, by differences."""
    out = []
    for image in range(120):
        change = np.zeros(120)
        change[image] = step
        out.append((mean_iou(numbers, 1 + change) - mean_iou(numbers, 1 - change)) / (2 * step))
    return np.array(out)


def studentized(first, second):
    ones = np.ones(120)
    error = math.sqrt(120 / 119 * ((slopes(first) - slopes(second))**2).sum())
    return (mean_iou(first, ones) - mean_iou(second, ones)) / error, error


def resampled_iou():
    first, second = counts("miou.first", 0.02), counts("miou.second", 0.0)

    def of_weights(weights):
        """mIoU and its error, by what each image adds to every class."""
        both, predicted, truth = first
        union = predicted + truth - both
        iou = (weights @ both) / (weights @ union)
        slope = ((both - iou * union) / (weights @ union)).mean(axis=1)
        return iou.mean(), math.sqrt(120 / 119 * (weights * slope**2).sum())

    generator = np.random.default_rng(0)
    estimate, own_error = of_weights(np.ones(120))
    drawn = [of_weights(np.bincount(generator.integers(0, 120, 120), minlength=120).astype(float))
             for _ in range(20000)]
    low, high = np.quantile([(x - estimate) / e for x, e in drawn], [0.025, 0.975])
    t, error = studentized(first, second)
    generator = np.random.default_rng(1)
    beyond = 0
    for _ in range(2000):
        swap = generator.integers(0, 2, 120).astype(bool)[:, None]
        a = [np.where(swap, y, x) for x, y in zip(first, second)]
        b = [np.where(swap, x, y) for x, y in zip(first, second)]
        beyond += abs(studentized(a, b)[0]) >= abs(t)
    ones = np.ones(120)
    return {"first": mean_iou(first, ones), "second": mean_iou(second, ones),
            "deviation": float(np.std([x for x, _ in drawn], ddof=1)), "error": error,
            "low": float(estimate - high * own_error), "high": float(estimate - low * own_error), "p": (beyond + 1) / 2001}


out = {
    "normal": [{"probability": p, "quantile": float(stats.norm.ppf(p))}
               for p in (1e-12, 0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.999)],
    "paired": [paired(*row) for row in [(0, 1, 10), (5, 5, 40), (3, 12, 300), (10, 25, 100),
                                        (480, 530, 50000), (60, 0, 300)]],
    "power": [power(0.1, 0.2, 0.05, 150), power(0.05, 0.1, 0.01, 400), power(0.2, 0.2, 0.05, 60),
              power(0.15, 0.3, 0.05, 24)],
    "seeded": [seeded("seeded.a", (3, 2), 60, 0.0), seeded("seeded.b", (3, 3), 60, 0.08),
               seeded("seeded.c", (2, 5), 80, 0.02)],
    "resampledIoU": resampled_iou(),
}
with open("../Fixtures/Evaluation/report_statistics.json", "w") as file:
    json.dump(out, file, indent=1, sort_keys=True)
    file.write("\n")
