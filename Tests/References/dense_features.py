"""What detectors and segmentors make of a plain transformer's map, by PyTorch.

Made with: torch 2.13.0, numpy 2.4.6. Run from this folder; writes
../Fixtures/Models/dense_features.json. Written from the papers: the simple feature pyramid with
detectron2's order of layers (transposed convolutions, layer norm over the channels, GELU; a 1x1 and
a 3x3 convolution without bias, each with such a norm), the patches of a narrow ViT on images of
another shape than it was built for, positions as DINO interpolates them, a linear head (batch norm,
1x1 convolution, bilinear enlargement, cross-entropy over all pixels), and the labels that patches
take from their nearest ones by attention. Double precision throughout.
"""
import json

import torch
import torch.nn.functional as F

from fill import fill, rounded, weight

torch.manual_seed(0)


def tensor(name, shape, bound=1.0):
    return torch.from_numpy(fill(name, shape, bound)).double()


def parameter(name, shape):
    return torch.from_numpy(weight(name, shape)).double().requires_grad_()


def samples(t, count=8):
    flat = t.detach().double().flatten()
    return {"norm": float(flat.norm()),
            "values": [float(flat[(i * 7919 + 13) % flat.numel()]) for i in range(count)]}


def last(t):
    """Channels last, as the maps lie in the other program."""
    return t.permute(0, 2, 3, 1)


def channel_norm(x, p, name):
    mean = x.mean(1, keepdim=True)
    variance = ((x - mean) ** 2).mean(1, keepdim=True)
    gain, offset = p[name + ".weight"], p[name + ".bias"]
    return (x - mean) / torch.sqrt(variance + 1e-6) * gain[:, None, None] + offset[:, None, None]


def simple_pyramid():
    d, c, shape = 16, 12, (2, 16, 6, 10)
    shapes = {"simfp_2.0.weight": (d, d // 2, 2, 2), "simfp_2.0.bias": (d // 2,),
              "simfp_2.norm.weight": (d // 2,), "simfp_2.norm.bias": (d // 2,),
              "simfp_2.3.weight": (d // 2, d // 4, 2, 2), "simfp_2.3.bias": (d // 4,),
              "simfp_3.0.weight": (d, d // 2, 2, 2), "simfp_3.0.bias": (d // 2,)}
    for level, first, inputs in ((2, 4, d // 4), (3, 1, d // 2), (4, 0, d), (5, 1, d)):
        for offset, (width, kernel) in enumerate(((inputs, 1), (c, 3))):
            name = f"simfp_{level}.{first + offset}"
            shapes |= {name + ".weight": (c, width, kernel, kernel),
                       name + ".norm.weight": (c,), name + ".norm.bias": (c,)}
    p = {key: parameter(key, size) for key, size in shapes.items()}
    x = tensor("map", shape, 2.0).requires_grad_()

    def deconvolution(y, name):
        return F.conv_transpose2d(y, p[name + ".weight"], p[name + ".bias"], stride=2)

    fine = F.gelu(channel_norm(deconvolution(x, "simfp_2.0"), p, "simfp_2.norm"))
    bases = [deconvolution(fine, "simfp_2.3"), deconvolution(x, "simfp_3.0"), x,
             F.max_pool2d(x, 2, 2)]
    outputs = []
    for y, level, first in zip(bases, (2, 3, 4, 5), (4, 1, 0, 1)):
        for offset, padding in ((0, 0), (1, 1)):
            name = f"simfp_{level}.{first + offset}"
            y = channel_norm(F.conv2d(y, p[name + ".weight"], padding=padding), p, name + ".norm")
        outputs.append(last(y))
    sum((o * tensor(f"cotangent{i}", tuple(o.shape))).sum() for i, o in enumerate(outputs)
        ).backward()
    return {"outputs": [samples(o, 24) for o in outputs], "input": samples(last(x.grad), 16),
            "gradients": {k: samples(v.grad) for k, v in p.items()}}


def patches():
    d, depth, heads, built = 24, 2, 3, 4
    shapes = {"cls_token": (1, 1, d), "pos_embed": (1, 1 + built * built, d),
              "patch_embed.proj.weight": (d, 3, 16, 16), "patch_embed.proj.bias": (d,),
              "norm.weight": (d,), "norm.bias": (d,)}
    for i in range(depth):
        b = f"blocks.{i}."
        shapes |= {b + "norm1.weight": (d,), b + "norm1.bias": (d,),
                   b + "attn.qkv.weight": (3 * d, d), b + "attn.qkv.bias": (3 * d,),
                   b + "attn.proj.weight": (d, d), b + "attn.proj.bias": (d,),
                   b + "norm2.weight": (d,), b + "norm2.bias": (d,),
                   b + "mlp.fc1.weight": (4 * d, d), b + "mlp.fc1.bias": (4 * d,),
                   b + "mlp.fc2.weight": (d, 4 * d), b + "mlp.fc2.bias": (d,)}
    p = {key: parameter(key, size) for key, size in shapes.items()}
    images = tensor("input", (2, 3, 44, 96), 2.0)
    x = F.conv2d(F.pad(images, (0, 0, 0, 4)), p["patch_embed.proj.weight"],
                 p["patch_embed.proj.bias"], stride=16)
    h, w = x.shape[2:]
    grid = p["pos_embed"][:, 1:].reshape(1, built, built, d).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=((h + 0.1) / built, (w + 0.1) / built),
                         mode="bicubic", align_corners=False, recompute_scale_factor=False)
    assert grid.shape[2:] == (h, w)
    positions = torch.cat([p["pos_embed"][:, :1], grid.flatten(2).transpose(1, 2)], 1)
    x = torch.cat([p["cls_token"].expand(2, -1, -1), x.flatten(2).transpose(1, 2)], 1) + positions

    def norm(y, name):
        return F.layer_norm(y, (d,), p[name + ".weight"], p[name + ".bias"], 1e-6)

    def linear(y, name):
        return F.linear(y, p[name + ".weight"], p[name + ".bias"])

    for i in range(depth):
        b = f"blocks.{i}."
        q, k, v = linear(norm(x, b + "norm1"), b + "attn.qkv").reshape(
            2, -1, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1) * (d // heads) ** -0.5).softmax(-1) @ v
        x = x + linear(y.transpose(1, 2).reshape(2, -1, d), b + "attn.proj")
        x = x + linear(F.gelu(linear(norm(x, b + "norm2"), b + "mlp.fc1")), b + "mlp.fc2")
    out = norm(x, "norm")[:, 1:].reshape(2, h, w, d)
    (out * tensor("cotangent0", tuple(out.shape))).sum().backward()
    return {"outputs": [samples(out, 24)], "gradients": {k: samples(v.grad) for k, v in p.items()}}


def linear_head():
    d, classes, side = 10, 5, 24
    p = {key: parameter(key, size) for key, size in {
        "decode_head.bn.weight": (d,), "decode_head.bn.bias": (d,),
        "decode_head.conv_seg.weight": (classes, d, 1, 1),
        "decode_head.conv_seg.bias": (classes,)}.items()}
    x = tensor("features", (2, 3, 4, d), 2.0).permute(0, 3, 1, 2)
    labels = ((tensor("labels", (2, side, side)) + 1) * 3.2).long().clamp(max=6)
    labels[labels >= classes] = 255
    mean, variance = torch.zeros(d).double(), torch.ones(d).double()

    def logits(training):
        # The gain lies around 1, as `DeterministicFill.fill` has it.
        y = F.batch_norm(x, mean, variance, p["decode_head.bn.weight"] + 1,
                         p["decode_head.bn.bias"], training, 0.1, 1e-5)
        return F.conv2d(y, p["decode_head.conv_seg.weight"], p["decode_head.conv_seg.bias"])

    wide = F.interpolate(logits(True), (side, side), mode="bilinear", align_corners=False)
    loss = F.cross_entropy(wide, labels, ignore_index=255, reduction="sum") / labels.numel()
    loss.backward()
    return {"loss": float(loss.detach()), "gradients": {k: samples(v.grad) for k, v in p.items()},
            "mean": samples(mean), "variance": samples(variance),
            "logits": samples(last(logits(False)), 24)}


def neighbours():
    """Labels of 6 patches from 40 known ones: attention over the nearest 7, temperature 0.02."""
    d, classes, k = 8, 4, 7
    keys = F.normalize(tensor("keys", (40, d)), dim=1)
    queries = F.normalize(tensor("queries", (6, d)), dim=1)
    values = tensor("values", (40, classes)).abs()
    values = values / values.sum(1, keepdim=True)
    similarity, index = (queries @ keys.T).topk(k, dim=1)
    shares = (similarity / 0.02).softmax(1)
    out = (shares[..., None] * values[index]).sum(1)
    return {"labels": [float(v) for v in out.flatten()]}


if __name__ == "__main__":
    result = {"pyramid": simple_pyramid(), "patches": patches(), "linear": linear_head(),
              "neighbours": neighbours()}
    with open("../Fixtures/Models/dense_features.json", "w") as file:
        json.dump(rounded(result), file, separators=(",", ":"), sort_keys=True)
        file.write("\n")
