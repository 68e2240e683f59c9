"""The set-up of trajectories.py: networks, initial values, numbers and schedules of each method.

A module without a script of its own; the values come from fill.py, see trajectories.py.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

from backbones import block, swin_parameters
from fill import fill, weight

TINY = dict(embed=8, depths=[1, 2], heads=[1, 2], window=4)
SIZE, BATCH, FEATURES = 32, 8, 16
HIDDEN, OUTPUT, QUEUE, BOTTLENECK, PROTOTYPES, CLASSES = 32, 16, 32, 16, 24, 5
STEPS, TOTAL, PER_EPOCH = 5, 10, 2
EPOCHS, WARMUP = TOTAL // PER_EPOCH, 2

adam = dict(optimizer="adamw", betas=[0.9, 0.999], epsilon=1e-8)
METHODS = {
    "moby": adam | dict(
        peak=1e-2, warmup_start=1e-4, minimum=1e-4, weight_decay=0.05, clip_norm=5.0,
        temperature=0.2, base_momentum=0.99, queue=QUEUE, no_decay="1-D and .bias"),
    "mocov2": dict(
        optimizer="sgd", sgd_momentum=0.9, peak=0.3, weight_decay=1e-4, temperature=0.2,
        base_momentum=0.999, queue=QUEUE, no_decay="none"),
    "byol": dict(
        optimizer="lars", sgd_momentum=0.9, trust=1e-3, peak=3.0, weight_decay=1e-3,
        base_momentum=0.99, no_decay="1-D"),
    "mocov3": adam | dict(
        peak=8e-3, weight_decay=0.1, temperature=0.2, base_momentum=0.99, no_decay="none",
        frozen="encoder.patch_embed.proj."),
    "dino": adam | dict(
        peak=1e-2, minimum=1e-4, weight_decay=0.04, final_weight_decay=0.4, base_momentum=0.996,
        clip_norm_per_tensor=0.5, freeze_last_layer_epochs=1, student_temperature=0.1,
        teacher_temperature=0.07, warmup_teacher_temperature=0.04,
        warmup_teacher_temperature_epochs=3, centre_momentum=0.9, local_crops=0,
        no_decay="1-D and .bias", frozen="projector.last_layer.weight_g"),
    "supervised": adam | dict(
        peak=1e-2, warmup_start=1e-5, minimum=1e-4, weight_decay=0.05, clip_norm=5.0,
        no_decay="1-D, .bias and relative_position_bias_table"),
}
METHODS["dino_multicrop"] = METHODS["dino"] | dict(local_crops=3, local_size=16)


def backbone(x, p):
    """Pooled features; windows and shifts as the built size decides them, smaller maps padded."""
    x = F.conv2d(x, p["patch_embed.proj.weight"], p["patch_embed.proj.bias"], stride=4)
    (h, w), c, built = x.shape[2:], TINY["embed"], SIZE // 4
    x = x.flatten(2).transpose(1, 2)
    x = F.layer_norm(x, (c,), p["patch_embed.norm.weight"], p["patch_embed.norm.bias"], 1e-5)
    for stage, depth in enumerate(TINY["depths"]):
        window = min(TINY["window"], built)
        for index in range(depth):
            shift = window // 2 if index % 2 and built > window else 0
            key, heads = f"layers.{stage}.blocks.{index}.", TINY["heads"][stage]
            x = block(x, h, w, p, key, heads, window, shift)
        if stage + 1 < len(TINY["depths"]):
            y = x.view(-1, h, w, c)
            y = torch.cat([y[:, 0::2, 0::2], y[:, 1::2, 0::2],
                           y[:, 0::2, 1::2], y[:, 1::2, 1::2]], -1)
            h, w, built = h // 2, w // 2, built // 2
            key = f"layers.{stage}.downsample."
            y = F.layer_norm(y.reshape(-1, h * w, 4 * c), (4 * c,), p[key + "norm.weight"],
                             p[key + "norm.bias"], 1e-5)
            x, c = F.linear(y, p[key + "reduction.weight"]), 2 * c
    return F.layer_norm(x, (c,), p["norm.weight"], p["norm.bias"], 1e-5).mean(1)


def linear_parameters(key, inputs, outputs, bias=True):
    bound = 1 / math.sqrt(inputs)
    p = {key + ".weight": fill(key + ".weight", (outputs, inputs), bound)}
    return p | ({key + ".bias": fill(key + ".bias", (outputs,), bound)} if bias else {})


def head_parameters(name, *widths, hidden_bias=True, out_bias=True, norms=True):
    p = {}
    for i in range(len(widths) - 2):
        key = f"{name}.linear_hidden."
        p |= linear_parameters(f"{key}{3 * i + 1}", widths[i], widths[i + 1], hidden_bias)
        if norms:
            p[f"{key}{3 * i + 2}.weight"] = np.ones(widths[i + 1], np.float32)
            p[f"{key}{3 * i + 2}.bias"] = np.zeros(widths[i + 1], np.float32)
    return p | linear_parameters(name + ".linear_out", *widths[-2:], out_bias)


def initial_parameters(method):
    p = {"encoder." + k: weight(k, s) for k, s in swin_parameters(**TINY, dense=False).items()}
    if method == "supervised":
        return p | linear_parameters("head", FEATURES, CLASSES)
    if method == "mocov2":
        return p | head_parameters("projector", FEATURES, FEATURES, OUTPUT, norms=False)
    if method.startswith("dino"):
        widths = [FEATURES, HIDDEN, HIDDEN, BOTTLENECK]
        for i in range(3):
            p |= linear_parameters(f"projector.mlp.{2 * i}", widths[i], widths[i + 1])
        key = "projector.last_layer.weight_"
        p[key + "g"] = np.ones((PROTOTYPES, 1), np.float32)
        v = fill(key + "v", (PROTOTYPES, BOTTLENECK), 1 / math.sqrt(BOTTLENECK))
        return p | {key + "v": v}
    bias = dict(moby={}, byol=dict(out_bias=False),
                mocov3=dict(hidden_bias=False, out_bias=False))[method]
    hidden = [HIDDEN, HIDDEN] if method == "mocov3" else [HIDDEN]
    p |= head_parameters("projector", FEATURES, *hidden, OUTPUT, **bias)
    return p | head_parameters("predictor", OUTPUT, HIDDEN, OUTPUT, **bias)


def normalise(x):
    return x / x.norm(dim=1, keepdim=True).clamp_min(1e-12)


def cosine(at):
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * at))


def schedule(method, n, t):
    """Learning rate, target momentum, weight decay and teacher temperature of step t."""
    epoch, wd, m, temperature = t // PER_EPOCH, n["weight_decay"], None, None
    if method in ("moby", "supervised"):
        at = max(t - 1, 0)  # the scheduler is stepped with t after the optimiser's step t
        rate = (n["warmup_start"] + at * (n["peak"] - n["warmup_start"]) / WARMUP if at < WARMUP
                else n["minimum"] + (n["peak"] - n["minimum"]) * cosine(at / TOTAL))
    elif method == "mocov2":
        rate = n["peak"] * cosine(epoch / EPOCHS)
    elif method in ("byol", "mocov3"):
        rate = n["peak"] * (t / WARMUP if t < WARMUP else cosine((t - WARMUP) / (TOTAL - WARMUP)))
    else:
        rate = (float(np.linspace(0, n["peak"], WARMUP)[t]) if t < WARMUP else
                n["minimum"] + (n["peak"] - n["minimum"]) * cosine((t - WARMUP) / (TOTAL - WARMUP)))
        final = n["final_weight_decay"]
        wd = final + (wd - final) * cosine(t / TOTAL)
        ramp = np.linspace(n["warmup_teacher_temperature"], n["teacher_temperature"],
                           n["warmup_teacher_temperature_epochs"])
        temperature = float(ramp[min(epoch, len(ramp) - 1)])
    if method == "mocov2":
        m = n["base_momentum"]
    elif method != "supervised":
        m = 1 - (1 - n["base_momentum"]) * cosine(t / TOTAL)
    return rate, m, wd, temperature
