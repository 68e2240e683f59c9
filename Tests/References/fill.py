"""Name-keyed deterministic values that this script and Tests/TestSupport compute alike.

Full-size weights need not be committed: both sides make them from the parameters' names.
"""
import numpy as np


def fill(name, shape, bound=1.0, centre=0.0):
    """Uniform numbers in centre ± bound, float32, from FNV-1a of the name and splitmix64."""
    h = np.uint64(0xCBF29CE484222325)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            h = (h ^ np.uint64(byte)) * np.uint64(0x100000001B3)
        count = int(np.prod(shape))
        z = h + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    value = (unit * np.float32(2) - np.float32(1)) * np.float32(bound) + np.float32(centre)
    return value.astype(np.float32).reshape(shape)


def weight(name, shape):
    """A parameter by its official key, scaled so that a deep forward pass stays in range."""
    if name.endswith("bias_table"):
        return fill(name, shape, 0.5)
    if "norm" in name.split(".")[-2:][0] or name.startswith("norm"):
        return fill(name, shape, 0.1, 1.0 if name.endswith("weight") else 0.0)
    if name.endswith("bias") or len(shape) == 1:
        return fill(name, shape, 0.1)
    if name in ("pos_embed", "cls_token", "dist_token"):
        return fill(name, shape, 0.5)
    fan_in = int(np.prod(shape[1:]))
    return fill(name, shape, float(np.float32(np.sqrt(3.0 / fan_in))))


def rounded(value):
    """Every float in a document with nine digits, so that fixtures stay small."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value
