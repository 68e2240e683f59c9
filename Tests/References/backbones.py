"""Forward and gradient references of Swin and DeiT.

Made with: torch 2.15.0, torchvision 0.29.2, timm 1.0.31, numpy 2.4.6. Run from this folder; writes
../Fixtures/Models/backbones.json. The Swin reference below follows the official code's order of
operations. It is checked against timm and torchvision where they have the same behaviour
(classification at 224; padded maps larger than a window), and in float32 against float64.
"""
import json

import numpy as np
import timm
import torch
import torch.nn.functional as F
import torchvision

from fill import fill, rounded, weight


def swin_parameters(embed, depths, heads, window, dense):
    shapes = {"patch_embed.proj.weight": (embed, 3, 4, 4), "patch_embed.proj.bias": (embed,),
              "patch_embed.norm.weight": (embed,), "patch_embed.norm.bias": (embed,)}
    for stage, depth in enumerate(depths):
        c = embed << stage
        for block in range(depth):
            p = f"layers.{stage}.blocks.{block}."
            w = window if isinstance(window, int) else window[stage]
            shapes |= {p + "norm1.weight": (c,), p + "norm1.bias": (c,),
                       p + "attn.relative_position_bias_table": ((2 * w - 1) ** 2, heads[stage]),
                       p + "attn.qkv.weight": (3 * c, c), p + "attn.qkv.bias": (3 * c,),
                       p + "attn.proj.weight": (c, c), p + "attn.proj.bias": (c,),
                       p + "norm2.weight": (c,), p + "norm2.bias": (c,),
                       p + "mlp.fc1.weight": (4 * c, c), p + "mlp.fc1.bias": (4 * c,),
                       p + "mlp.fc2.weight": (c, 4 * c), p + "mlp.fc2.bias": (c,)}
        if stage + 1 < len(depths):
            p = f"layers.{stage}.downsample."
            shapes |= {p + "reduction.weight": (2 * c, 4 * c), p + "norm.weight": (4 * c,),
                       p + "norm.bias": (4 * c,)}
    last = len(depths) - 1
    for name, c in ([(f"norm{i}", embed << i) for i in range(len(depths))] if dense
                    else [("norm", embed << last)]):
        shapes |= {name + ".weight": (c,), name + ".bias": (c,)}
    return shapes


def attention(x, p, key, heads, window, mask):
    n, tokens, c = x.shape
    qkv = F.linear(x, p[key + "qkv.weight"], p[key + "qkv.bias"])
    q, k, v = qkv.reshape(n, tokens, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
    logits = (q * (c // heads) ** -0.5) @ k.transpose(-2, -1)
    at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij"))
    at = at.flatten(1)
    relative = (at[:, :, None] - at[:, None, :] + window - 1)
    index = relative[0] * (2 * window - 1) + relative[1]
    bias = p[key + "relative_position_bias_table"][index.flatten()]
    logits = logits + bias.view(tokens, tokens, heads).permute(2, 0, 1)
    if mask is not None:
        count = mask.shape[0]
        logits = logits.view(-1, count, heads, tokens, tokens) + mask[None, :, None]
        logits = logits.view(-1, heads, tokens, tokens)
    out = (logits.softmax(-1) @ v).transpose(1, 2).reshape(n, tokens, c)
    return F.linear(out, p[key + "proj.weight"], p[key + "proj.bias"])


def block(x, h, w, p, key, heads, window, shift):
    b, _, c = x.shape
    y = F.layer_norm(x, (c,), p[key + "norm1.weight"], p[key + "norm1.bias"], 1e-5).view(b, h, w, c)
    y = F.pad(y, (0, 0, 0, -w % window, 0, -h % window))
    hp, wp = y.shape[1:3]
    mask = None
    if shift:
        y = torch.roll(y, (-shift, -shift), (1, 2))
        label = torch.zeros(hp, wp, dtype=x.dtype)
        bands = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
        for i, rows in enumerate(bands):
            for j, columns in enumerate(bands):
                label[rows, columns] = 3 * i + j
        label = label.view(hp // window, window, wp // window, window).transpose(1, 2)
        label = label.reshape(-1, window * window)
        mask = (label[:, None] != label[:, :, None]).to(x.dtype) * -100.0
    y = y.view(b, hp // window, window, wp // window, window, c).transpose(2, 3)
    y = attention(y.reshape(-1, window * window, c), p, key + "attn.", heads, window, mask)
    y = y.view(b, hp // window, wp // window, window, window, c).transpose(2, 3)
    y = y.reshape(b, hp, wp, c)
    if shift:
        y = torch.roll(y, (shift, shift), (1, 2))
    x = x + y[:, :h, :w].reshape(b, h * w, c)
    y = F.layer_norm(x, (c,), p[key + "norm2.weight"], p[key + "norm2.bias"], 1e-5)
    y = F.gelu(F.linear(y, p[key + "mlp.fc1.weight"], p[key + "mlp.fc1.bias"]))
    return x + F.linear(y, p[key + "mlp.fc2.weight"], p[key + "mlp.fc2.bias"])


def swin(x, p, embed, depths, heads, window, dense):
    x = F.pad(x, (0, -x.shape[3] % 4, 0, -x.shape[2] % 4))
    x = F.conv2d(x, p["patch_embed.proj.weight"], p["patch_embed.proj.bias"], stride=4)
    h, w = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    x = F.layer_norm(x, (embed,), p["patch_embed.norm.weight"], p["patch_embed.norm.bias"], 1e-5)
    outputs = []
    for stage, depth in enumerate(depths):
        c = embed << stage
        size = window if dense else min(window, min(h, w))
        for index in range(depth):
            shift = size // 2 if index % 2 and (dense or min(h, w) > size) else 0
            x = block(x, h, w, p, f"layers.{stage}.blocks.{index}.", heads[stage], size, shift)
        if dense:
            gain, offset = p[f"norm{stage}.weight"], p[f"norm{stage}.bias"]
            outputs.append(F.layer_norm(x, (c,), gain, offset, 1e-5))
        if stage + 1 < len(depths):
            key = f"layers.{stage}.downsample."
            y = F.pad(x.view(-1, h, w, c), (0, 0, 0, w % 2, 0, h % 2))
            y = torch.cat([y[:, 0::2, 0::2], y[:, 1::2, 0::2],
                           y[:, 0::2, 1::2], y[:, 1::2, 1::2]], -1)
            h, w = (h + 1) // 2, (w + 1) // 2
            y = F.layer_norm(y.reshape(-1, h * w, 4 * c), (4 * c,), p[key + "norm.weight"],
                             p[key + "norm.bias"], 1e-5)
            x = F.linear(y, p[key + "reduction.weight"])
    if dense:
        return outputs
    c = embed << len(depths) - 1
    return [F.layer_norm(x, (c,), p["norm.weight"], p["norm.bias"], 1e-5).mean(1)]


def samples(t, count=8):
    flat = t.detach().double().flatten()
    at = [(i * 7919 + 13) % flat.numel() for i in range(count)]
    return {"norm": float(flat.norm()), "sum": float(flat.sum()),
            "values": [float(flat[i]) for i in at]}


def summary(outputs, parameters, gradients_of):
    loss = sum((o * torch.from_numpy(fill(f"cotangent{i}", tuple(o.shape))).to(o.dtype)).sum()
               for i, o in enumerate(outputs))
    loss.backward()
    return {"loss": float(loss.detach()), "outputs": [samples(o, 32) for o in outputs],
            "gradients": {k: samples(gradients_of(v), 4) for k, v in parameters.items()}}


def run_swin(size, embed, depths, heads, window, dense, batch):
    maps = [size[0] // 4 >> i for i in range(len(depths))]
    windows = [window if dense else min(window, m) for m in maps]
    p = {k: torch.from_numpy(weight(k, s)).double().requires_grad_()
         for k, s in swin_parameters(embed, depths, heads, windows, dense).items()}
    x = torch.from_numpy(fill("input", (batch, 3, *size), 2.0)).double()
    outputs = swin(x, p, embed, depths, heads, window, dense)
    result = summary(outputs, p, lambda v: v.grad)
    result |= {"size": list(size), "batch": batch, "embed": embed, "depths": depths, "heads": heads,
               "window": window, "dense": dense}
    return result, p, x, outputs


def check_single_precision(name, result, parameters, function):
    """The same forward and backward pass in float32 must give the same numbers."""
    single = {k: v.detach().float().requires_grad_() for k, v in parameters.items()}
    other = summary(function(single), single, lambda v: v.grad)
    for i, (a, b) in enumerate(zip(result["outputs"], other["outputs"])):
        assert abs(a["norm"] - b["norm"]) <= 1e-5 * a["norm"], (name, i, a["norm"], b["norm"])
    for key, a in result["gradients"].items():
        b = other["gradients"][key]
        assert abs(a["norm"] - b["norm"]) <= 1e-4 * a["norm"], (name, key, a["norm"], b["norm"])


def check_torchvision(p, embed, depths, heads, window):
    """Padded maps larger than a window: stages 0 to 2 of the dense form against torchvision."""
    model = torchvision.models.swin_t().double().eval()
    names = {"patch_embed.proj": "features.0.0", "patch_embed.norm": "features.0.2"}
    for stage, depth in enumerate(depths):
        for index in range(depth):
            ours, theirs = f"layers.{stage}.blocks.{index}.", f"features.{2 * stage + 1}.{index}."
            for a, b in (("norm1", "norm1"), ("norm2", "norm2"), ("attn.qkv", "attn.qkv"),
                         ("attn.proj", "attn.proj"), ("mlp.fc1", "mlp.0"), ("mlp.fc2", "mlp.3")):
                names[ours + a] = theirs + b
        for part in ("reduction", "norm"):
            names[f"layers.{stage}.downsample.{part}"] = f"features.{2 * stage + 2}.{part}"
    renamed = {}
    for key, value in p.items():
        stem, _, leaf = key.rpartition(".")
        if leaf == "relative_position_bias_table":
            part = stem.split(".")
            stem = f"features.{2 * int(part[1]) + 1}.{part[3]}.attn"
        elif stem in names:
            stem = names[stem]
        else:
            continue
        renamed[f"{stem}.{leaf}"] = value.detach()
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    assert not unexpected, unexpected
    assert all("relative_position_index" in k or k.split(".")[0] in ("norm", "head")
               for k in missing), missing
    x = torch.from_numpy(fill("input", (1, 3, 150, 187), 2.0)).double()
    with torch.no_grad():
        ours = swin(x, p, embed, depths, heads, window, True)
        y = F.pad(x, (0, -x.shape[3] % 4, 0, -x.shape[2] % 4))
        for index, layer in enumerate(model.features):
            y = layer(y)
            if index in (1, 3, 5):
                stage = index // 2
                c = embed << stage
                z = F.layer_norm(y, (c,), p[f"norm{stage}.weight"], p[f"norm{stage}.bias"], 1e-5)
                assert torch.allclose(z.flatten(1, 2), ours[stage], atol=1e-9), f"stage {stage}"


def deit(size):
    """DeiT-S at another input size: the 14x14 positions are interpolated as DeiT does it."""
    model = timm.create_model("deit_small_patch16_224", num_classes=0, img_size=size)
    model = model.double().eval()
    positions = torch.from_numpy(weight("pos_embed", (1, 197, 384))).double()
    grid = positions[:, 1:].view(1, 14, 14, 384).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(size // 16, size // 16), mode="bicubic", align_corners=False)
    positions = torch.cat([positions[:, :1], grid.flatten(2).transpose(1, 2)], 1)
    with torch.no_grad():
        for key, value in model.named_parameters():
            value.copy_(positions if key == "pos_embed" and size != 224
                        else torch.from_numpy(weight(key, tuple(value.shape))))
    x = torch.from_numpy(fill("input", (2, 3, size, size), 2.0)).double()
    parameters = dict(model.named_parameters())
    result = summary([model(x)], parameters, lambda v: v.grad)
    check_single_precision(
        f"deit {size}", result, parameters,
        lambda p: [torch.func.functional_call(model, p, (x.float(),))])
    return result


def main():
    tiny = dict(embed=96, depths=[2, 2, 6, 2], heads=[3, 6, 12, 24], window=7)
    report = {}
    report["swin_tiny"], p, x, outputs = run_swin((224, 224), dense=False, batch=2, **tiny)
    model = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0).double().eval()
    renamed = {}
    for key, value in p.items():
        if ".downsample." in key:
            stage = int(key.split(".")[1])
            key = key.replace(f"layers.{stage}.", f"layers.{stage + 1}.", 1)
        renamed[key] = value.detach()
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    assert not unexpected and not missing, (missing, unexpected)
    with torch.no_grad():
        assert torch.allclose(model(x), outputs[0].detach(), atol=1e-9), "reference and timm differ"
    check_single_precision("swin", report["swin_tiny"], p, lambda q: swin(
        x.float(), q, dense=False, **tiny))
    report["swin_dense"], p, x, _ = run_swin((75, 94), dense=True, batch=2, **tiny)
    check_single_precision("dense", report["swin_dense"], p, lambda q: swin(
        x.float(), q, dense=True, **tiny))
    check_torchvision(p, **tiny)
    small = dict(embed=8, depths=[1, 2], heads=[1, 2], window=4)
    report["swin_small"], *_ = run_swin((32, 32), dense=False, batch=3, **small)
    report["swin_small_dense"], *_ = run_swin((37, 30), dense=True, batch=2, **small)
    report["deit_small"] = deit(224)
    report["deit_small_128"] = deit(128)
    with open("../Fixtures/Models/backbones.json", "w") as file:
        json.dump(rounded(report), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
