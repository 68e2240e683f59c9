"""Layers and fine-tuning steps of Swin and ViT, by SimMIM's and MAE's own groups of parameters.

Made with: torch 2.15.0, timm 1.0.31, numpy 2.4.6. Run from this folder with the authors' files, which
are not ours to copy; writes ../Fixtures/Models/finetuning.json:

    python finetuning.py SimMIM mae      microsoft/SimMIM d3e29bc, facebookresearch/mae efb2a80

layers  of every parameter of Swin-T and of DeiT-S how many layers lie above its own, and whether it
        decays: their parameter groups at a layer decay of a half
steps   five updates in float64 of trajectory_setup's narrow Swin under SimMIM's groups, clipping and
        schedule (timm's, whose ends are 0, where alone the layers' rates differ by one factor), and of
        timm's ViT, 16 channels and 3 blocks, under MAE's groups and its own schedule

Weights are fill.py's by name, the head's uniform in ±1/√16; views fill("view1.step0", …, 2), targets
softmax(fill("targets.step0", (8, 5), 2)), as in trajectories.py. Of a qkv bias the norms leave out the
key third, whose gradient is 0 but for rounding.
"""
import importlib.util
import json
import math
import sys
from types import SimpleNamespace as Settings

import timm.scheduler
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer

from backbones import swin_parameters
from fill import fill, rounded, weight
from trajectory_setup import (
    BATCH, CLASSES, FEATURES, PER_EPOCH, SIZE, STEPS, TINY, TOTAL, WARMUP, backbone,
    linear_parameters)

EPOCHS, WARMUP_EPOCHS = TOTAL // PER_EPOCH, WARMUP // PER_EPOCH
SWIN_T = dict(embed=96, depths=[2, 2, 6, 2], heads=[3, 6, 12, 24], window=7)
NUMBERS = {
    "swin": dict(peak=1e-2, layer_decay=0.8, weight_decay=0.05, clip_norm=1.0, minimum=0.0),
    "vit": dict(peak=8e-3, layer_decay=0.65, weight_decay=0.05, clip_norm=0.0, minimum=1e-4),
}
VIT = dict(embed_dim=16, depth=3, num_heads=2, patch_size=8)


def authors_file(path):
    spec = importlib.util.spec_from_file_location("authors_" + path.split("/")[-1][:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Named:
    """Parameters by name, and what else the authors' functions ask of a network."""

    def __init__(self, parameters, blocks=0):
        self.parameters, self.blocks = parameters, [None] * blocks

    def named_parameters(self):
        return list(self.parameters.items())

    def no_weight_decay(self):
        return {"absolute_pos_embed", "pos_embed", "cls_token"}

    def no_weight_decay_keywords(self):
        return {"relative_position_bias_table"}


def simmim_optimizer(folder, parameters, depths, rate, layer_decay, weight_decay):
    train = Settings(LAYER_DECAY=layer_decay, BASE_LR=rate, WEIGHT_DECAY=weight_decay,
                     OPTIMIZER=Settings(NAME="adamw", EPS=1e-8, BETAS=(0.9, 0.999)))
    config = Settings(MODEL=Settings(TYPE="swin", SWIN=Settings(DEPTHS=depths)), TRAIN=train)
    return authors_file(folder + "/optimizer.py").build_finetune_optimizer(
        config, Named(parameters), Settings(info=lambda text: None))


def mae_optimizer(folder, parameters, depth, rate, layer_decay, weight_decay):
    named = Named(parameters, depth)
    groups = authors_file(folder + "/util/lr_decay.py").param_groups_lrd(
        named, weight_decay, named.no_weight_decay(), layer_decay)
    return torch.optim.AdamW(groups, lr=rate)


def layers(optimizer, parameters):
    """Name: (layers above its own, whether it decays), of an optimiser whose layer decay is 0.5."""
    places = {}
    for group in optimizer.param_groups:
        above = -math.log2(group["lr_scale"])
        assert above == round(above)
        for parameter in group["params"]:
            name = next(k for k, v in parameters.items() if v is parameter)
            places[name] = [int(above), int(group["weight_decay"] > 0)]
    assert len(places) == len(parameters)
    return places


def empty(shapes):
    return {k: torch.nn.Parameter(torch.zeros(s)) for k, s in shapes.items()}


def head():
    return {k: torch.from_numpy(v) for k, v in linear_parameters("head", FEATURES, CLASSES).items()}


def swin_network():
    p = {k: torch.from_numpy(weight(k, s)) for k, s in swin_parameters(**TINY, dense=False).items()}
    p = {k: v.double().requires_grad_() for k, v in (p | head()).items()}
    return p, lambda x: F.linear(backbone(x, p), p["head.weight"], p["head.bias"])


def vit_network():
    model = VisionTransformer(img_size=SIZE, num_classes=CLASSES, global_pool="token", **VIT).double()
    with torch.no_grad():
        for key, value in model.named_parameters():
            value.copy_(head()[key] if key.startswith("head.")
                        else torch.from_numpy(weight(key, tuple(value.shape))))
    return dict(model.named_parameters()), model


def norms(parameters):
    found = {}
    for key, value in parameters.items():
        if key.endswith("qkv.bias"):
            q, _, v = value.chunk(3)
            value = torch.cat([q, v])
        found[key] = float(value.detach().norm())
    return found


def steps(network, optimizer, numbers, before, after):
    """Five updates; `before` and `after` set the rates as each source does."""
    p, function = network
    records, clipped = [], 0
    for t in range(STEPS):
        before(t)
        x = torch.from_numpy(fill(f"view1.step{t}", (BATCH, 3, SIZE, SIZE), 2.0)).double()
        targets = torch.from_numpy(fill(f"targets.step{t}", (BATCH, CLASSES), 2.0)).double()
        loss = -(targets.softmax(1) * function(x).log_softmax(1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        limit = numbers["clip_norm"] or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(list(p.values()), limit))
        clipped += norm > limit
        rate = max(group["lr"] for group in optimizer.param_groups)
        optimizer.step()
        after(t)
        records.append({"loss": float(loss.detach()), "gradient_norm": norm, "learning_rate": rate,
                        "norms": norms(p)})
    assert clipped or not numbers["clip_norm"]
    return records


def main():
    simmim, mae = sys.argv[1:]
    torch.set_num_threads(1)
    swin_t = empty(swin_parameters(**SWIN_T, dense=False)
                   | {"head.weight": (CLASSES, 768), "head.bias": (CLASSES,)})
    deit_s = dict(VisionTransformer(
        embed_dim=384, depth=12, num_heads=6, patch_size=16, num_classes=CLASSES,
        global_pool="token").named_parameters())
    report = {"layers": {
        "swin-t": layers(simmim_optimizer(simmim, swin_t, SWIN_T["depths"], 1, 0.5, 0.05), swin_t),
        "deit-s": layers(mae_optimizer(mae, deit_s, 12, 1, 0.5, 0.05), deit_s)}}

    n = NUMBERS["swin"]
    network = swin_network()
    optimizer = simmim_optimizer(
        simmim, network[0], TINY["depths"], n["peak"], n["layer_decay"], n["weight_decay"])
    # The groups have their rates already; timm since 0.6 would multiply them by this once more.
    for group in optimizer.param_groups:
        del group["lr_scale"]
    schedule = timm.scheduler.CosineLRScheduler(
        optimizer, t_initial=TOTAL, lr_min=n["minimum"], warmup_t=WARMUP, warmup_lr_init=0,
        cycle_limit=1, t_in_epochs=False)
    report["swin"] = {"numbers": n, "steps": steps(
        network, optimizer, n, lambda t: None, schedule.step_update)}

    n = NUMBERS["vit"]
    network = vit_network()
    optimizer = mae_optimizer(
        mae, network[0], VIT["depth"], n["peak"], n["layer_decay"], n["weight_decay"])
    arguments = Settings(lr=n["peak"], min_lr=n["minimum"], epochs=EPOCHS,
                         warmup_epochs=WARMUP_EPOCHS)
    adjust = authors_file(mae + "/util/lr_sched.py").adjust_learning_rate
    report["vit"] = {"numbers": n, "steps": steps(
        network, optimizer, n, lambda t: adjust(optimizer, t / PER_EPOCH, arguments),
        lambda t: None)}

    for name in ("swin", "vit"):
        report[name]["numbers"] |= dict(
            batch=BATCH, epochs=EPOCHS, warmup_epochs=WARMUP_EPOCHS, steps_per_epoch=PER_EPOCH,
            classes=CLASSES, size=SIZE)
        print(name, [round(step["loss"], 5) for step in report[name]["steps"]])
    with open("../Fixtures/Models/finetuning.json", "w") as file:
        json.dump(rounded(report), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
