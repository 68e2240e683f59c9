"""References of the engine's operations, optimisers and schedules.

Made with: torch 2.15.0, timm 1.0.31, numpy 2.4.6, safetensors 0.8.0. Run from this folder; writes
../Fixtures/TensorCore/operations.safetensors and ../Fixtures/Layers/training.safetensors.

Inputs are `fill("<case>.<input>")` on both sides and are not stored. Everything is computed in
float64 and stored as float32; every case is computed again in float32 and must agree. Window
attention is written from its definition, token by token, and held against the official order of
operations in backbones.py.
"""
import math

import numpy as np
import timm.scheduler
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from backbones import block
from fill import fill

operations = {}


def case(name, function, range_=(1.0, 0.0), constants=(), **shapes):
    """Stores the output of `function` and the gradient of every input that is no constant."""
    def run(dtype):
        inputs = {}
        for key, shape in shapes.items():
            bound, centre = range_ if key == "x" else (1.0, 0.0)
            value = torch.from_numpy(fill(f"{name}.{key}", shape, bound, centre)).to(dtype)
            inputs[key] = value.requires_grad_(key not in constants)
        output = function(**inputs)
        output.backward(torch.from_numpy(fill(f"{name}.cotangent", tuple(output.shape))).to(dtype))
        results = {f"{name}/output": output.detach()}
        for key, value in inputs.items():
            if value.requires_grad:
                results[f"{name}/gradient/{key}"] = value.grad
        return results

    double, single = run(torch.float64), run(torch.float32)
    for key, value in double.items():
        scale = value.abs().max().item() + 1e-30
        error = (single[key].double() - value).abs().max().item() / scale
        assert error < 1e-4, f"{key}: float32 is off by {error} of the largest value"
        operations[key] = value.float().numpy().copy()


def window_attention(x, p, height, width, window, shift, heads):
    """x + proj(attention(LayerNorm(x))), one window and one pair of slots after the other."""
    batch, _, channels = x.shape
    size = channels // heads
    y = F.layer_norm(x, (channels,), p["norm_weight"], p["norm_bias"], 1e-5)
    tall, wide = math.ceil(height / window) * window, math.ceil(width / window) * window
    span = 2 * window - 1

    def band(at, length):
        return 0 if at < length - window else 1 if at < length - shift else 2

    slots = [(i // window, i % window) for i in range(window * window)]
    entry = [[(a[0] - b[0] + window - 1) * span + a[1] - b[1] + window - 1 for b in slots]
             for a in slots]
    bias = p["table"][torch.tensor(entry)].permute(2, 0, 1)
    result = [[None] * (height * width) for _ in range(batch)]
    for top in range(0, tall, window):
        for left in range(0, wide, window):
            at = [(top + a, left + b) for a, b in slots]
            source = [((r + shift) % tall, (c + shift) % wide) for r, c in at]
            region = torch.tensor(
                [3 * band(r, tall) + band(c, wide) if shift else 0 for r, c in at])
            mask = torch.where(region[:, None] == region[None], 0.0, -100.0).to(x.dtype)
            for image in range(batch):
                tokens = torch.stack([
                    y[image, r * width + c] if r < height and c < width
                    else torch.zeros(channels, dtype=x.dtype) for r, c in source])
                q, k, v = (tokens @ p["qkv_weight"].T + p["qkv_bias"]).split(channels, dim=1)
                mixed = []
                for head in range(heads):
                    part = slice(head * size, (head + 1) * size)
                    logits = q[:, part] @ k[:, part].T / math.sqrt(size) + bias[head] + mask
                    mixed.append(logits.softmax(-1) @ v[:, part])
                out = torch.cat(mixed, 1) @ p["proj_weight"].T + p["proj_bias"]
                for slot, (r, c) in enumerate(source):
                    if r < height and c < width:
                        result[image][r * width + c] = out[slot]
    return x + torch.stack([torch.stack(tokens) for tokens in result])


def global_attention(x, p, heads):
    batch, tokens, channels = x.shape
    size = channels // heads
    y = F.layer_norm(x, (channels,), p["norm_weight"], p["norm_bias"], 1e-6)
    qkv = y @ p["qkv_weight"].T + p["qkv_bias"]
    q, k, v = qkv.view(batch, tokens, 3, heads, size).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, channels)
    return x + mixed @ p["proj_weight"].T + p["proj_bias"]


def mlp(x, p):
    y = F.layer_norm(x, x.shape[-1:], p["norm_weight"], p["norm_bias"], 1e-5)
    y = F.gelu(y @ p["hidden_weight"].T + p["hidden_bias"])
    return x + y @ p["output_weight"].T + p["output_bias"]


def dropped(function, factors):
    """The same branch with one drop-path factor an image."""
    def run(x, **p):
        branch = function(x, **p) - x
        return x + branch * torch.tensor(factors, dtype=x.dtype)[:, None, None]
    return run


def attention_shapes(channels):
    return dict(norm_weight=(channels,), norm_bias=(channels,), qkv_weight=(3 * channels, channels),
                qkv_bias=(3 * channels,), proj_weight=(channels, channels), proj_bias=(channels,))


def window_case(name, batch, height, width, channels, window, shift, heads, factors=None):
    def function(x, **p):
        return window_attention(x, p, height, width, window, shift, heads)

    shapes = dict(x=(batch, height * width, channels), table=((2 * window - 1) ** 2, heads),
                  **attention_shapes(channels))
    inputs = {k: torch.from_numpy(fill(f"{name}.{k}", s)).double() for k, s in shapes.items()}
    official = {"norm1.weight": inputs["norm_weight"], "norm1.bias": inputs["norm_bias"],
                "attn.relative_position_bias_table": inputs["table"],
                "attn.qkv.weight": inputs["qkv_weight"], "attn.qkv.bias": inputs["qkv_bias"],
                "attn.proj.weight": inputs["proj_weight"], "attn.proj.bias": inputs["proj_bias"],
                "norm2.weight": torch.ones(channels).double(),
                "norm2.bias": torch.zeros(channels).double()}
    for part, shape in (("fc1.weight", (1, channels)), ("fc1.bias", (1,)),
                        ("fc2.weight", (channels, 1)), ("fc2.bias", (channels,))):
        official["mlp." + part] = torch.zeros(shape).double()
    other = block(inputs["x"], height, width, official, "", heads, window, shift)
    assert torch.allclose(function(**inputs), other, atol=1e-10), f"{name}: the two forms differ"
    case(name, dropped(function, factors) if factors else function, **shapes)


def make_operations():
    case("linear", lambda x, weight, bias: F.linear(x, weight, bias),
         x=(2, 5, 19), weight=(23, 19), bias=(23,))
    case("linear_without_bias", lambda x, weight: F.linear(x, weight), x=(6, 16), weight=(5, 16))
    case("matmul", lambda a, b: a @ b, a=(7, 19), b=(19, 11))
    case("matmul_transposed", lambda a, b: a @ b.T, a=(7, 19), b=(11, 19))
    for name, channels, epsilon, range_ in (
            ("layer_norm", 24, 1e-5, (1, 0)), ("layer_norm_narrow", 5, 1e-6, (1, 0)),
            ("layer_norm_offset", 18, 1e-5, (1, 60))):
        case(name, lambda x, weight, bias: F.layer_norm(x, x.shape[-1:], weight, bias, epsilon),
             range_=range_, x=(3, 4, channels), weight=(channels,), bias=(channels,))
    case("batch_norm", lambda x, weight, bias: F.batch_norm(
        x, None, None, weight, bias, training=True, eps=1e-5), x=(10, 21), weight=(21,), bias=(21,))
    case("batch_norm_plain", lambda x: F.batch_norm(x, None, None, training=True, eps=1e-5),
         x=(9, 18))
    case("batch_norm_evaluated", lambda x, weight, bias, mean, spread: F.batch_norm(
        x, mean, spread + 1.5, weight, bias, training=False, eps=1e-5),
        constants=("mean", "spread"),
        x=(5, 21), weight=(21,), bias=(21,), mean=(21,), spread=(21,))
    layer = torch.nn.BatchNorm1d(21, eps=1e-5, momentum=0.1).double()
    for step in range(3):
        layer(torch.from_numpy(fill(f"batch_norm_running.x{step}", (10, 21), 2.0, 0.5)).double())
    operations["batch_norm_running/mean"] = layer.running_mean.float().numpy()
    operations["batch_norm_running/variance"] = layer.running_var.float().numpy()
    case("gelu", lambda x: F.gelu(x), range_=(6, 0), x=(5, 27))
    case("relu", lambda x: F.relu(x), x=(5, 27))
    case("softmax", lambda x: F.softmax(x, -1), range_=(8, 0), x=(2, 3, 21))
    case("l2_normalized", lambda x: F.normalize(x, dim=-1), x=(4, 19))
    targets = torch.tensor([(5 * i + 2) % 13 for i in range(6)])
    case("cross_entropy", lambda x: F.cross_entropy(x, targets)[None], range_=(3, 0), x=(6, 13))
    case("cross_entropy_smoothed", lambda x: F.cross_entropy(x, targets, label_smoothing=0.1)[None],
         range_=(3, 0), x=(6, 13))
    case("cross_entropy_soft", lambda x, targets: -(
        (targets * 0.5 + 0.5) * F.log_softmax(x, -1)).sum(1).mean()[None],
        range_=(3, 0), constants=("targets",), x=(6, 13), targets=(6, 13))
    case("contrastive", lambda x, keys, queue: torch.cat(
        [(x * keys).sum(1, keepdim=True), x @ queue.T], 1) / 0.2,
        constants=("keys", "queue"), x=(5, 18), keys=(5, 18), queue=(9, 18))
    case("patch_embedding", lambda images, weight, bias: F.conv2d(
        F.pad(images, (0, -images.shape[3] % 4, 0, -images.shape[2] % 4)), weight, bias, stride=4
    ).flatten(2).transpose(1, 2), constants=("images",),
        images=(2, 3, 10, 13), weight=(6, 3, 4, 4), bias=(6,))

    def merged(x, height, width):
        y = F.pad(x.view(x.shape[0], height, width, -1), (0, 0, 0, width % 2, 0, height % 2))
        y = torch.cat([y[:, 0::2, 0::2], y[:, 1::2, 0::2], y[:, 0::2, 1::2], y[:, 1::2, 1::2]], -1)
        return y.flatten(1, 2)

    case("patch_merging", lambda x: merged(x, 4, 6), x=(2, 24, 5))
    case("patch_merging_odd", lambda x: merged(x, 5, 7), x=(2, 35, 3))
    case("mean_pooled", lambda x: x.mean(1), x=(3, 7, 19))
    case("leading_tokens", lambda x, tokens, positions: torch.cat(
        [tokens.expand(2, 2, 18), x], 1) + positions,
        x=(2, 5, 18), tokens=(2, 18), positions=(7, 18))

    window_case("window", 1, 8, 8, 18, window=4, shift=0, heads=2)
    window_case("window_shifted", 2, 4, 8, 18, window=4, shift=2, heads=2, factors=[1.25, 0.5])
    window_case("window_of_seven_shifted", 1, 14, 14, 4, window=7, shift=3, heads=2)
    window_case("window_padded", 1, 10, 13, 4, window=7, shift=0, heads=2)
    window_case("window_padded_shifted", 1, 10, 13, 6, window=7, shift=3, heads=2)
    window_case("window_single_shifted", 1, 7, 7, 6, window=7, shift=3, heads=1)
    case("global", lambda x, **p: global_attention(x, p, 2), x=(2, 17, 18), **attention_shapes(18))
    case("global_dropped", dropped(lambda x, **p: global_attention(x, p, 3), [0.0, 1.25]),
         x=(2, 5, 12), **attention_shapes(12))
    for name, channels, factors in (("mlp", 18, None), ("mlp_dropped", 6, [1.25, 0.0])):
        function = lambda x, **p: mlp(x, p)
        case(name, dropped(function, factors) if factors else function, x=(2, 9, channels),
             norm_weight=(channels,), norm_bias=(channels,),
             hidden_weight=(2 * channels, channels), hidden_bias=(2 * channels,),
             output_weight=(channels, 2 * channels), output_bias=(channels,))


RATES = [0.1, 0.05, 0.2, 0.1, 0.01]
SHAPES = {"weight": (5, 7), "bias": (7,)}


def trajectories(training, name, make, groups):
    """Five steps from given gradients; stores the parameters after every step."""
    p = {k: torch.nn.Parameter(torch.from_numpy(fill(f"{name}.{k}", s)).double())
         for k, s in SHAPES.items()}
    optimizer = make([dict(params=[p[k]], **groups[k]) for k in SHAPES])
    steps = {k: [] for k in SHAPES}
    for step, rate in enumerate(RATES):
        for key, parameter in p.items():
            parameter.grad = torch.from_numpy(
                fill(f"{name}.{key}.gradient{step}", SHAPES[key])).double()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        for key, parameter in p.items():
            steps[key].append(parameter.detach().numpy().copy())
    for key, values in steps.items():
        training[f"{name}/{key}"] = np.stack(values).astype(np.float32)


class LARS(torch.optim.Optimizer):
    """BYOL's form, from its description."""

    def __init__(self, groups):
        super().__init__(groups, dict(lr=0.1, weight_decay=0.0, adapted=True))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad + group["weight_decay"] * p
                if group["adapted"] and p.norm() > 0 and g.norm() > 0:
                    g = g * 1e-3 * p.norm() / g.norm()
                state = self.state[p]
                state["mu"] = 0.9 * state.get("mu", torch.zeros_like(p)) + g
                p -= group["lr"] * state["mu"]


def make_training():
    training = {}
    decayed = {"weight": dict(weight_decay=0.1), "bias": dict(weight_decay=0.0)}
    sgd = torch.optim.SGD
    trajectories(training, "sgd", lambda g: sgd(g, lr=1), decayed)
    trajectories(training, "sgd_momentum", lambda g: sgd(g, lr=1, momentum=0.9), decayed)
    trajectories(
        training, "sgd_nesterov", lambda g: sgd(g, lr=1, momentum=0.9, nesterov=True), decayed)
    trajectories(training, "adamw", lambda g: torch.optim.AdamW(g, lr=1), decayed)
    trajectories(training, "lars", LARS, {
        "weight": dict(weight_decay=0.1), "bias": dict(weight_decay=0.0, adapted=False)})

    parts = {k: torch.nn.Parameter(torch.zeros(s).double()) for k, s in SHAPES.items()}
    for key, parameter in parts.items():
        parameter.grad = torch.from_numpy(fill(f"clip.{key}", SHAPES[key])).double()
    norm = torch.nn.utils.clip_grad_norm_(parts.values(), 1.5)
    training["clip/norm"] = np.array([norm.item()])
    for key, parameter in parts.items():
        training[f"clip/{key}"] = parameter.grad.float().numpy()

    # What each step of a run really uses: the scheduler is told about step i after step i.
    parameter = torch.nn.Parameter(torch.zeros(1))
    total, warmup = 120, 10
    for name, peak, start, least in (("moby", 1e-3, 5e-7, 5e-6), ("linear", 2.0, 1e-6, 1e-5)):
        optimizer = torch.optim.SGD([parameter], lr=peak)
        scheduler = timm.scheduler.CosineLRScheduler(
            optimizer, t_initial=total, lr_min=least, warmup_lr_init=start, warmup_t=warmup,
            cycle_limit=1, t_in_epochs=False)
        used = []
        for step in range(total + 5):
            used.append(optimizer.param_groups[0]["lr"])
            scheduler.step_update(step)
        training[f"cosine/{name}"] = np.array(used)
    scheduler = timm.scheduler.CosineLRScheduler(
        torch.optim.SGD([parameter], lr=0.3), t_initial=total - warmup, lr_min=0.01,
        warmup_lr_init=0.02, warmup_t=warmup, warmup_prefix=True, cycle_limit=1, t_in_epochs=False)
    training["cosine/shifted"] = np.array([scheduler._get_lr(t)[0] for t in range(total + 5)])
    optimizer = torch.optim.SGD([parameter], lr=0.4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 35], 0.1)
    used = []
    for step in range(50):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    training["step/milestones"] = np.array(used)
    return training


def main():
    make_operations()
    operations["fill/plain"] = fill("layers.0.blocks.1.attn.qkv.weight", (16,))
    operations["fill/moved"] = fill("input", (16,), 0.1, 1.0)
    save_file(operations, "../Fixtures/TensorCore/operations.safetensors")
    save_file(make_training(), "../Fixtures/Layers/training.safetensors")


if __name__ == "__main__":
    main()
