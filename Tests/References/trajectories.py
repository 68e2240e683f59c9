"""Reference trajectories of the pretraining methods: five optimiser steps of each.

Made with: torch 2.15.0, timm 1.0.31, numpy 2.4.6. Run from this folder; writes
../Fixtures/Models/trajectories.json. Computed in float64; a float32 run must give the same losses.

A tiny Swin (embed 8, depths 1 and 2, heads 1 and 2, window 4, built for 32x32) under each method's
heads, loss, target update, optimiser and schedules. Every number starts from `fill`:
  encoder.K            weight(K)
  linears of the heads fill(full key, bound 1/sqrt(fan in)); norms 1 and 0; weight_g 1
  queues               fill("queue1", (entries, width)), rows divided by their length
  inputs               fill("view1.step0", (8, 3, 32, 32), 2), fill("local1.step0", ..16, 16), 2)
  targets              copies of the online networks

Some gradients are zero in exact arithmetic: of shifts that a batch norm takes out again, and of the
key third of every qkv bias, which softmax ignores. AdamW divides their rounding noise by itself, so
no two implementations agree on those elements (nor do their copies in the target, nor the running
means they shift). `zero_gradient` names them, with `.key` for the middle third of a qkv bias;
`sensitive` are the groups without them; `...qkv.bias.query_value` is the norm of the other thirds.
"""
import json
import math

import timm.scheduler
import torch
import torch.nn.functional as F

from backbones import swin, swin_parameters
from fill import fill, rounded, weight
from trajectory_setup import (
    BATCH, BOTTLENECK, CLASSES, EPOCHS, FEATURES, HIDDEN, METHODS, OUTPUT, PER_EPOCH, PROTOTYPES,
    QUEUE, SIZE, STEPS, TINY, TOTAL, WARMUP, backbone, initial_parameters, normalise, schedule)

KINK = 3e-6


class Trajectory:
    def __init__(self, method, dtype):
        self.method, self.numbers, self.dtype = method, METHODS[method], dtype
        self.online = {k: torch.from_numpy(v).to(dtype)
                       for k, v in initial_parameters(method).items()}
        self.target = {} if method == "supervised" else {
            k.replace(".", "_k.", 1): v.clone() for k, v in self.online.items()
            if not k.startswith("predictor.")}
        frozen = self.numbers.get("frozen", "none")
        self.trained = {k: v.requires_grad_() for k, v in self.online.items()
                        if not k.startswith(frozen)}
        self.state, self.momentum = {}, {}
        for name in {"moby": ["queue1", "queue2"], "mocov2": ["queue"]}.get(method, []):
            self.state[name] = normalise(self.value(name, (QUEUE, OUTPUT), 1.0))
        if method.startswith("dino"):
            self.state["center"] = torch.zeros(1, PROTOTYPES, dtype=dtype)
        self.pointer = 0
        self.noise = dict.fromkeys(self.trained, 0.0)
        groups = [[v for k, v in self.trained.items() if self.decays(k)],
                  [v for k, v in self.trained.items() if not self.decays(k)]]
        groups = [{"params": g} for g in groups if g]
        if self.numbers["optimizer"] == "adamw":
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
        elif self.numbers["optimizer"] == "sgd":
            self.optimizer = torch.optim.SGD(groups, lr=1, momentum=0.9)

    def decays(self, key):
        rule = self.numbers["no_decay"]
        single = self.online[key].ndim == 1
        table = "relative_position_bias_table" in key
        return rule == "none" or not (single or key.endswith(".bias")
                                      or "table" in rule and table)

    def value(self, name, shape, bound):
        return torch.from_numpy(fill(name, shape, bound)).to(self.dtype)

    def head(self, x, p, name, norm_out=False):
        """Linear, batch norm and ReLU as often as there are keys for it, then the last linear."""
        at, key = 1, f"{name}.linear_hidden."
        while f"{key}{at}.weight" in p:
            x = F.linear(x, p[f"{key}{at}.weight"], p.get(f"{key}{at}.bias"))
            if f"{key}{at + 1}.weight" in p:
                gain, offset = p[f"{key}{at + 1}.weight"], p[f"{key}{at + 1}.bias"]
                x = self.batch_norm(x, f"{key}{at + 1}", gain, offset)
            # A unit this close to the kink may fall on either side in single precision.
            assert x.dtype != torch.float64 or x.detach().abs().min() > KINK
            x, at = F.relu(x), at + 3
        x = F.linear(x, p[name + ".linear_out.weight"], p.get(name + ".linear_out.bias"))
        return self.batch_norm(x, name + ".norm_out") if norm_out else x

    def batch_norm(self, x, key, gain=None, offset=None):
        """Of the batch; the running statistics follow in the order of the calls."""
        mean = self.state.setdefault(key + ".running_mean", torch.zeros_like(x[0]).detach())
        variance = self.state.setdefault(key + ".running_var", torch.ones_like(x[0]).detach())
        return F.batch_norm(x, mean, variance, gain, offset, True, 0.1, 1e-5)

    def encode(self, x, p, suffix=""):
        """Backbone and projector."""
        stem = f"encoder{suffix}."
        features = backbone(x, {k[len(stem):]: v for k, v in p.items() if k.startswith(stem)})
        if not self.method.startswith("dino"):
            return self.head(features, p, "projector" + suffix, self.method == "mocov3")
        for i in (0, 2, 4):
            key = f"projector{suffix}.mlp.{i}"
            features = F.linear(features, p[key + ".weight"], p[key + ".bias"])
            features = F.gelu(features) if i < 4 else normalise(features)
        key = f"projector{suffix}.last_layer.weight_"
        v = p[key + "v"]
        return features @ (p[key + "g"] * v / v.norm(dim=1, keepdim=True)).T

    def predict(self, x):
        return self.head(self.encode(x, self.online), self.online, "predictor",
                         self.method == "mocov3")

    @torch.no_grad()
    def update_target(self, m):
        for key, value in self.target.items():
            value.mul_(m).add_(self.online[key.replace("_k.", ".", 1)], alpha=1 - m)

    @torch.no_grad()
    def keys(self, *views):
        return [self.encode(x, self.target, "_k") for x in views]

    def contrast(self, q, k, queue):
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1)
        first = torch.zeros(len(q), dtype=torch.long)
        return F.cross_entropy(logits / self.numbers["temperature"], first)

    def enqueue(self, **keys):
        for name, k in keys.items():
            self.state[name][self.pointer:self.pointer + BATCH] = k
        self.pointer = (self.pointer + BATCH) % QUEUE

    def loss(self, t, m, temperature):
        x1, x2 = (self.value(f"view{v}.step{t}", (BATCH, 3, SIZE, SIZE), 2.0) for v in (1, 2))
        return getattr(self, self.method.split("_")[0])(t, x1, x2, m, temperature)

    def moby(self, t, x1, x2, m, _):
        p1, p2 = normalise(self.predict(x1)), normalise(self.predict(x2))
        self.update_target(m)
        k1, k2 = map(normalise, self.keys(x1, x2))
        queue1, queue2 = self.state["queue1"].clone(), self.state["queue2"].clone()
        self.enqueue(queue1=k1, queue2=k2)
        return self.contrast(p1, k2, queue2) + self.contrast(p2, k1, queue1)

    def mocov2(self, t, x1, x2, m, _):
        q = normalise(self.encode(x1, self.online))
        self.update_target(m)
        [k] = map(normalise, self.keys(x2))
        queue = self.state["queue"].clone()
        self.enqueue(queue=k)
        return self.contrast(q, k, queue)

    def byol(self, t, x1, x2, m, _):
        def unit(x):
            return x * x.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()
        p1, p2 = self.predict(x1), self.predict(x2)
        z1, z2 = self.keys(x1, x2)
        return sum((unit(p) - unit(z)).square().sum(1).mean() for p, z in ((p1, z2), (p2, z1)))

    def mocov3(self, t, x1, x2, m, _):
        q1, q2 = normalise(self.predict(x1)), normalise(self.predict(x2))
        self.update_target(m)
        k1, k2 = map(normalise, self.keys(x1, x2))
        tau, own = self.numbers["temperature"], torch.arange(BATCH)
        return 2 * tau * sum(F.cross_entropy(q @ k.T / tau, own) for q, k in ((q1, k2), (q2, k1)))

    def dino(self, t, x1, x2, m, temperature):
        count = self.numbers["local_crops"]
        local = [self.value(f"local{i + 1}.step{t}", (BATCH, 3, 16, 16), 2.0)
                 for i in range(count)]
        raw = self.keys(x1, x2)
        teacher = [((r - self.state["center"]) / temperature).softmax(1) for r in raw]
        tau = self.numbers["student_temperature"]
        student = [(self.encode(x, self.online) / tau).log_softmax(1) for x in (x1, x2, *local)]
        terms = [-(p * s).sum(1).mean() for i, p in enumerate(teacher)
                 for v, s in enumerate(student) if v != i]
        assert len(terms) == 2 * (1 + count)
        keep = self.numbers["centre_momentum"]
        centre = torch.cat(raw).mean(0, keepdim=True)
        self.state["center"] = keep * self.state["center"] + (1 - keep) * centre
        return sum(terms) / len(terms)

    def supervised(self, t, x1, *_):
        p = {k[len("encoder."):]: v for k, v in self.online.items() if k.startswith("encoder.")}
        logits = F.linear(backbone(x1, p), self.online["head.weight"], self.online["head.bias"])
        targets = self.value(f"targets.step{t}", (BATCH, CLASSES), 2.0).softmax(1)
        return -(targets * logits.log_softmax(1)).sum(1).mean()

    @torch.no_grad()
    def clip(self):
        """Returns how many tensors were scaled down."""
        limit = self.numbers.get("clip_norm")
        if limit:
            norm = math.sqrt(sum(float(v.grad.square().sum()) for v in self.trained.values()))
            for value in self.trained.values():
                value.grad.mul_(min(1.0, limit / (norm + 1e-6)))
            return len(self.trained) if limit < norm + 1e-6 else 0
        limit, count = self.numbers.get("clip_norm_per_tensor"), 0
        for value in self.trained.values() if limit else []:
            factor = limit / (float(value.grad.norm()) + 1e-6)
            if factor < 1:
                value.grad.mul_(factor)
                count += 1
        return count

    @torch.no_grad()
    def lars(self, rate):
        for key, value in self.trained.items():
            g = value.grad
            if self.decays(key):
                g = g + self.numbers["weight_decay"] * value
                a, b = float(value.norm()), float(g.norm())
                g = g * (self.numbers["trust"] * a / b if a > 0 and b > 0 else 1.0)
            last = self.momentum.get(key, torch.zeros_like(value))
            self.momentum[key] = self.numbers["sgd_momentum"] * last + g
            value -= rate * self.momentum[key]

    def step(self, t):
        rate, m, wd, temperature = schedule(self.method, self.numbers, t)
        loss = self.loss(t, m, temperature)
        for value in self.trained.values():
            value.grad = None
        loss.backward()
        norm = math.sqrt(sum(float(v.grad.square().sum()) for v in self.trained.values()))
        for key, value in self.trained.items():
            g = value.grad[len(value) // 3:][:len(value) // 3] if "qkv.bias" in key else value.grad
            self.noise[key] = max(self.noise[key], float(g.abs().max()))
        clipped = self.clip()
        if t // PER_EPOCH < self.numbers.get("freeze_last_layer_epochs", 0):
            self.online["projector.last_layer.weight_v"].grad = None
        if self.numbers["optimizer"] == "lars":
            self.lars(rate)
        else:
            for group in self.optimizer.param_groups:
                decays = any(group["params"][0] is v for k, v in self.trained.items()
                             if self.decays(k))
                group.update(lr=rate, weight_decay=wd if decays else 0.0)
            self.optimizer.step()
        if self.method == "byol" or self.method.startswith("dino"):
            self.update_target(m)
        record = dict(loss=float(loss.detach()), learning_rate=rate, momentum=m, weight_decay=wd,
                      teacher_temperature=temperature)
        record = {k: v for k, v in record.items() if v is not None}
        return record | self.measure() | {"gradient_norm": norm, "clipped_tensors": clipped}

    @torch.no_grad()
    def measure(self):
        norms, groups, extra = {}, {}, {}
        for key, value in (self.online | self.target).items():
            norms[key] = float(value.norm())
            groups.setdefault(key.split(".")[0], []).append((key, value.detach().flatten().clone()))
            if key.endswith("qkv.bias"):
                q, _, v = value.chunk(3)
                norms[key + ".query_value"] = float(torch.cat([q, v]).norm())
        for key, value in self.state.items():
            extra |= {key + ".sum": float(value.sum()), key + ".norm": float(value.norm())}
            if key.startswith("queue"):
                rows = torch.arange(1, QUEUE + 1, dtype=self.dtype)
                extra[key + ".row_weighted_sum"] = float((rows @ value).sum())
                extra["queue_ptr"] = self.pointer
        return {"norms": norms, "groups": groups, "extra": extra}


def zero_gradients(trajectory):
    """Keys whose gradient is rounding noise; of qkv biases the key third."""
    tiny = {k: v < 1e-12 for k, v in trajectory.noise.items()}
    assert all(tiny[k] for k in tiny if "qkv.bias" in k)
    assert all(v > 1e-9 for k, v in trajectory.noise.items() if not tiny[k])
    return {k for k, zero in tiny.items() if zero}


def summarise_groups(step, zero):
    """Norm and sum of every group, of all elements and without those of zero gradient."""
    groups, sensitive = {}, {}
    for name, members in step["groups"].items():
        kept = []
        for key, value in members:
            if key.replace("_k.", ".", 1) not in zero:
                kept.append(value)
            elif key.endswith("qkv.bias"):
                q, _, v = value.chunk(3)
                kept += [q, v]
        for into, values in ((groups, [v for _, v in members]), (sensitive, kept)):
            values = torch.cat(values).double()
            into |= {name: float(values.norm()), name + ".sum": float(values.sum())}
    step["groups"], step["sensitive"] = groups, sensitive


def run(method, dtype, zero=None):
    trajectory = Trajectory(method, dtype)
    steps = [trajectory.step(t) for t in range(STEPS)]
    zero = zero or zero_gradients(trajectory)
    for step in steps:
        summarise_groups(step, zero)
    return steps, zero


def compare(method, double, single, zero):
    """Prints how far float32 is from float64; the losses must agree."""
    worst = {}
    for a, b in zip(double, single):
        worst["loss"] = max(worst.get("loss", 0), abs(a["loss"] / b["loss"] - 1))
        for part in ("norms", "groups", "sensitive", "extra"):
            for key, value in a[part].items():
                free = key.replace("_k.", ".", 1) in zero
                name = ("free norms" if free else part) if part == "norms" else (
                    part + ".sum" if key.endswith("sum") else part)
                scale = 1 if name.endswith("sum") else max(abs(value), 1e-6)
                error = abs(value - b[part][key]) / scale
                worst[name] = max(worst.get(name, (0, "")), (error, key))
    print(method, f"loss {worst.pop('loss'):.1e}", *(
        f"{k} {v[0]:.1e} ({v[1]})" for k, v in worst.items()), sep="\n   ")
    for a, b in zip(double, single):
        assert abs(a["loss"] - b["loss"]) <= 1e-4 * abs(a["loss"]), method


def check_against_peers():
    """The backbone at its built size, and the two schedules that timm and torch also have."""
    p = {k: torch.from_numpy(weight(k, s)).double()
         for k, s in swin_parameters(**TINY, dense=False).items()}
    x = torch.from_numpy(fill("input", (2, 3, SIZE, SIZE), 2.0)).double()
    assert torch.allclose(backbone(x, p), swin(x, p, **TINY, dense=False)[0], atol=1e-12)
    n = METHODS["moby"]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=n["peak"])
    timm_schedule = timm.scheduler.CosineLRScheduler(
        optimizer, t_initial=TOTAL, lr_min=n["minimum"], warmup_t=WARMUP,
        warmup_lr_init=n["warmup_start"], t_in_epochs=False)
    for t in range(TOTAL):
        rate = schedule("moby", n, t)[0]
        assert math.isclose(rate, optimizer.param_groups[0]["lr"], rel_tol=1e-12), t
        optimizer.step()
        timm_schedule.step_update(t)


def main():
    torch.set_num_threads(1)
    check_against_peers()
    report = {}
    shared = dict(TINY, size=SIZE, batch=BATCH, features=FEATURES, hidden=HIDDEN, output=OUTPUT,
                  total_steps=TOTAL, steps_per_epoch=PER_EPOCH, epochs=EPOCHS, warmup_steps=WARMUP)
    for method, numbers in METHODS.items():
        steps, zero = run(method, torch.float64)
        single, _ = run(method, torch.float32, zero)
        compare(method, steps, single, zero)
        for t in (1, 3):
            del steps[t]["norms"]
        heads = (dict(bottleneck=BOTTLENECK, prototypes=PROTOTYPES) if "dino" in method
                 else dict(classes=CLASSES) if method == "supervised" else {})
        names = sorted(k + (".key" if "qkv.bias" in k else "") for k in zero)
        report[method] = {"numbers": shared | heads | numbers, "zero_gradient": names,
                          "steps": steps}
    with open("../Fixtures/Models/trajectories.json", "w") as file:
        json.dump(rounded({"methods": report}), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
