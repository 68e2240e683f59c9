"""UPerNet composed in PyTorch: losses, gradients and test logits of a small segmentor.

Made with: torch 2.15.0, numpy 2.4.6. Run from this folder; writes ../Fixtures/Models/segmentor.json.
Written from the description of the reference code; backbones.py has the backbone.
"""
import json

import torch
import torch.nn.functional as F

from backbones import rounded, samples, swin, swin_parameters
from fill import fill, weight

EMBED, DEPTHS, HEADS, WINDOW = 8, [1, 1, 2, 1], [1, 2, 2, 4], 4
WIDTH, AUXILIARY, CLASSES, POOLS = 16, 8, 5, (1, 2, 3, 6)
CHANNELS = [EMBED << i for i in range(4)]


def block_shapes(key, inputs, outputs, size):
    return {key + ".conv.weight": (outputs, inputs, size, size), key + ".bn.weight": (outputs,),
            key + ".bn.bias": (outputs,)}


def head_shapes():
    d, a = "decode_head.", "auxiliary_head."
    shapes = {d + "conv_seg.weight": (CLASSES, WIDTH, 1, 1), d + "conv_seg.bias": (CLASSES,),
              a + "conv_seg.weight": (CLASSES, AUXILIARY, 1, 1), a + "conv_seg.bias": (CLASSES,)}
    for j in range(len(POOLS)):
        shapes |= block_shapes(f"{d}psp_modules.{j}.1", CHANNELS[3], WIDTH, 1)
    shapes |= block_shapes(d + "bottleneck", CHANNELS[3] + len(POOLS) * WIDTH, WIDTH, 3)
    for i in range(3):
        shapes |= block_shapes(f"{d}lateral_convs.{i}", CHANNELS[i], WIDTH, 1)
        shapes |= block_shapes(f"{d}fpn_convs.{i}", WIDTH, WIDTH, 3)
    shapes |= block_shapes(d + "fpn_bottleneck", 4 * WIDTH, WIDTH, 3)
    return shapes | block_shapes(a + "convs.0", CHANNELS[2], AUXILIARY, 3)


class Net:
    def __init__(self):
        shapes = {"backbone." + k: s for k, s in
                  swin_parameters(EMBED, DEPTHS, HEADS, WINDOW, True).items()} | head_shapes()
        self.p = {}
        for key, shape in shapes.items():
            name = key.removeprefix("backbone.")
            value = torch.from_numpy(weight(name, shape)).double()
            # Gains away from zero, as trained ones are.
            value = value + 1 if key.endswith("bn.weight") else value
            self.p[key] = value.requires_grad_()
        self.statistics = {}

    def block(self, x, key, training):
        w = self.p[key + ".conv.weight"]
        x = F.conv2d(x, w, padding=w.shape[-1] // 2)
        mean, var = self.statistics.setdefault(
            key, (torch.zeros(w.shape[0]).double(), torch.ones(w.shape[0]).double()))
        x = F.batch_norm(x, mean, var, self.p[key + ".bn.weight"], self.p[key + ".bn.bias"],
                         training, 0.1, 1e-5)
        return F.relu(x)

    def classify(self, x, key):
        return F.conv2d(x, self.p[key + "conv_seg.weight"], self.p[key + "conv_seg.bias"])

    def stages(self, x):
        size = [x.shape[2] // 4, x.shape[3] // 4]
        backbone = {k.removeprefix("backbone."): v for k, v in self.p.items()
                    if k.startswith("backbone.")}
        maps = []
        for tokens in swin(x, backbone, EMBED, DEPTHS, HEADS, WINDOW, True):
            maps.append(tokens.transpose(1, 2).reshape(x.shape[0], -1, *size))
            size = [(n + 1) // 2 for n in size]
        return maps

    def forward(self, x, training):
        def resized(a, like):
            return F.interpolate(a, like.shape[2:], mode="bilinear", align_corners=False)

        maps, d = self.stages(x), "decode_head."
        laterals = [self.block(maps[i], f"{d}lateral_convs.{i}", training) for i in range(3)]
        pyramid = [maps[3]]
        for j, size in enumerate(POOLS):
            pooled = self.block(F.adaptive_avg_pool2d(maps[3], size), f"{d}psp_modules.{j}.1", training)
            pyramid.append(resized(pooled, maps[3]))
        laterals.append(self.block(torch.cat(pyramid, 1), d + "bottleneck", training))
        for i in (3, 2, 1):
            laterals[i - 1] = laterals[i - 1] + resized(laterals[i], laterals[i - 1])
        outs = [self.block(laterals[i], f"{d}fpn_convs.{i}", training) for i in range(3)]
        outs.append(laterals[3])
        union = torch.cat([outs[0]] + [resized(o, outs[0]) for o in outs[1:]], 1)
        decode = self.classify(self.block(union, d + "fpn_bottleneck", training), d)
        auxiliary = self.classify(
            self.block(maps[2], "auxiliary_head.convs.0", training), "auxiliary_head.")
        return decode, auxiliary


def main():
    torch.set_num_threads(1)
    net = Net()
    x = torch.from_numpy(fill("input", (2, 3, 64, 64), 2.0)).double()
    labels = ((torch.from_numpy(fill("labels", (2, 64, 64))) + 1) * 3.2).long().clamp(max=6)
    labels[labels >= CLASSES] = 255
    losses = []
    for logits in net.forward(x, True):
        logits = F.interpolate(logits, (64, 64), mode="bilinear", align_corners=False)
        terms = F.cross_entropy(logits, labels, ignore_index=255, reduction="none")
        losses.append(terms.mean())
    (losses[0] + 0.4 * losses[1]).backward()
    report = {"decode": float(losses[0].detach()), "auxiliary": float(losses[1].detach()),
              "gradients": {k: samples(v.grad, 4) for k, v in net.p.items()},
              "ignored": int((labels == 255).sum())}
    with torch.no_grad():
        # The running statistics are those after the training pass; an odd size pads everywhere.
        odd = torch.from_numpy(fill("odd", (1, 3, 52, 76), 2.0)).double()
        logits = net.forward(odd, False)[0]
        report["logits"] = samples(logits.permute(0, 2, 3, 1), 64)
        passes = []
        for name, flip in (("odd", False), ("odd", True)):
            seen = odd.flip(3) if flip else odd
            mid = F.interpolate(net.forward(seen, False)[0], (52, 76), mode="bilinear")
            last = F.interpolate(mid, (60, 70), mode="bilinear").softmax(1)
            passes.append(last.flip(3) if flip else last)
        mean = (passes[0] + passes[1]) / 2
        top = mean.topk(2, 1).values
        report["classes"] = mean.argmax(1).flatten().tolist()
        report["clear"] = int(((top[:, 0] - top[:, 1]) > 1e-4).sum())
    numbers = {k: v for k, v in report.items() if k != "classes"}
    with open("../Fixtures/Models/segmentor.json", "w") as file:
        json.dump(rounded(numbers) | {"classes": report["classes"]}, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
