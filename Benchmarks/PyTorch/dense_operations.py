"""The operations of detection and segmentation heads in PyTorch eager, one JSON object a line.

The names and sizes of Benchmarks/Kernels/DenseOperations.swift. Maps are measured channel-first
and channel-last; the faster counts.
"""
import argparse
import json

import torch
import torch.nn.functional as F
import torchvision

from measuring import best

CONVOLUTIONS = {
    "UPerNet fusion": (1, 2048, 512, 128, 128), "UPerNet level 0": (1, 512, 512, 128, 128),
    "UPerNet level 1": (1, 512, 512, 64, 64), "UPerNet level 2": (1, 512, 512, 32, 32),
    "UPerNet bottleneck": (1, 2816, 512, 16, 16), "auxiliary head": (1, 384, 256, 32, 32),
    "FPN P2": (1, 256, 256, 200, 304), "FPN P3": (1, 256, 256, 100, 152),
    "FPN P4": (1, 256, 256, 50, 76), "FPN P5": (1, 256, 256, 25, 38),
    "mask head": (128, 256, 256, 14, 14), "cascade box head": (512, 256, 256, 7, 7)}


def report(name, step, seconds, **rest):
    print(json.dumps({"who": "pytorch", "part": "dense", "name": name, "pass": step,
                      "milliseconds": 1000 * seconds, **rest}), flush=True)


def measure(name, function, shape, parameters=(), work=None):
    """`shape` is [B, C, H, W] for a map, which is then measured in both memory orders."""
    orders = [torch.contiguous_format] + [torch.channels_last] * (len(shape) == 4)
    forward, both = float("inf"), float("inf")
    for order in orders:
        x = torch.randn(shape).contiguous(memory_format=order)
        p = [torch.randn(s) for s in parameters]
        p = [q.contiguous(memory_format=order) if q.dim() == 4 else q for q in p]
        with torch.no_grad():
            forward = min(forward, best(lambda: function(x, *p), 2))
            seed = torch.randn_like(function(x, *p))
        for tensor in [x, *p]:
            tensor.requires_grad_()

        def step():
            function(x, *p).backward(seed)
            for tensor in [x, *p]:
                tensor.grad = None

        both = min(both, best(step, 3))
    extra = {} if work is None else {"gflops": work / forward}
    report(name, "forward", forward, **extra)
    extra = {} if work is None else {"gflops": 3 * work / both}
    report(name, "forward and backward", both, **extra)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    for name, (batch, inputs, outputs, height, width) in CONVOLUTIONS.items():
        measure(name, lambda x, w, b: F.conv2d(x, w, b, padding=1), (batch, inputs, height, width),
                [(outputs, inputs, 3, 3), (outputs,)],
                18 * batch * inputs * outputs * height * width / 1e9)
    measure("mask head deconvolution", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2),
            (128, 256, 14, 14), [(256, 256, 2, 2), (256,)])
    measure("bilinear 16 to 128", lambda x: F.interpolate(x, size=(128, 128), mode="bilinear"),
            (1, 512, 16, 16))
    measure("bilinear logits to 512", lambda x: F.interpolate(x, size=(512, 512), mode="bilinear"),
            (1, 150, 128, 128))
    measure("nearest twice", lambda x: F.interpolate(x, size=(200, 304)), (1, 256, 100, 152))
    measure("adaptive pool 6", lambda x: F.adaptive_avg_pool2d(x, 6), (1, 768, 16, 16))
    pixels = torch.arange(512 * 512)
    targets = torch.where(pixels % 151 == 150, 255, pixels % 151)
    # Rows of logits, or the planes that a network makes: the faster counts.
    planes = targets.reshape(1, 512, 512)

    def entropy(x):
        return F.cross_entropy(
            x, planes if x.dim() == 4 else targets, ignore_index=255, reduction="sum") / 512**2

    measure("cross-entropy 150 classes", entropy, (1, 150, 512, 512))
    i = torch.arange(512)
    x, y = i % 29 * 40.0, i % 23 * 30.0
    regions = torch.stack([0 * x, x, y, x + 20 + i % 17 * 5, y + 16 + i % 13 * 7], 1)
    measure("region alignment 7", lambda x: torchvision.ops.roi_align(
        x, regions, 7, spatial_scale=0.25, sampling_ratio=0, aligned=True), (1, 256, 200, 304))
    for training in (True, False):
        measure("batch norm, training" if training else "batch norm, evaluation",
                lambda x, w, b: F.batch_norm(
                    x, torch.zeros(512), torch.ones(512), w, b, training=training).relu_(),
                (1, 512, 128, 128), [(512,), (512,)])
    places = torch.randn(2000, 4)
    low = torch.tensor([600.0, 400.0]) + places[:, :2] * torch.tensor([200.0, 150.0])
    boxes = torch.cat([low, low + 40 + 20 * places[:, 2:].abs()], 1)
    scores = torch.randn(2000)
    report("suppression of 2000 boxes", "forward",
           best(lambda: torchvision.ops.nms(boxes, scores, 0.7), 1))


main()
