"""Features and gradients of every named network, by timm's own classes.

Made with: torch 2.13.0, timm 1.0.31, numpy 2.4.6. Weights are made from the parameters' official
names (`fill.py`), so nothing of a full network is stored. Run from this folder:

    python networks.py                 # narrow twins: writes ../Fixtures/Models/networks.json
    python networks.py full FILE       # every row of the table at its own size (5 minutes, 8 GB):
    SWINBENCH_NETWORKS=FILE swift test --filter NetworkReferenceTests

    python networks.py full FILE swin-l-384   # one of them, or several, where memory is short

A batch norm before each MLP is put in place of timm's layer norm: over the channels of the tokens of
all images, by the batch's own statistics in training and by running ones otherwise.

Attention is what hooks see behind the softmax: the class token's row of the last block, or the mean of
a window's rows of the last block of each of the last two stages, put back where their tokens lie.

Expected: features within 1e-4, gradients within 1e-3 of the reference in double precision.
"""
import json
import sys

import numpy as np
import torch
from timm.models.swin_transformer import SwinTransformer, window_reverse
from timm.models.vision_transformer import VisionTransformer
from timm.models.deit import VisionTransformerDistilled

from fill import fill, weight


def official(key):
    """The official name of a key of timm's Swin, whose merges stand in the next stage."""
    parts = key.split(".")
    if parts[0] == "layers" and parts[2] == "downsample":
        parts[1] = str(int(parts[1]) - 1)
    return ".".join(parts)


def positions(channels, grid):
    """MoCo v3's: sines and cosines of rows, then of columns; zeros for the class token."""
    omega = 10000.0 ** -(np.arange(channels // 4) / (channels / 4))
    row, column = np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij")
    first, second = (np.outer(a.flatten(), omega) for a in (row, column))
    table = np.concatenate([np.sin(first), np.cos(first), np.sin(second), np.cos(second)], 1)
    return torch.from_numpy(np.concatenate([np.zeros((1, channels)), table]))[None]


class TokenBatchNorm(torch.nn.BatchNorm1d):
    """Batch norm of `[B, N, C]`: the channels are the second axis for PyTorch."""

    def forward(self, tokens):
        return super().forward(tokens.transpose(1, 2)).transpose(1, 2)


def swin(embed, depths, heads, window, size, batch_norm=False):
    model = SwinTransformer(img_size=size, window_size=window, embed_dim=embed, depths=depths,
                            num_heads=heads, num_classes=0, drop_path_rate=0.0)
    for stage, layer in enumerate(model.layers if batch_norm else []):
        for block in layer.blocks:
            block.norm2 = TokenBatchNorm(embed << stage)
    return model, size


def plain(channels, depth, heads, patch, size, distilled=False, fixed=False):
    kind = VisionTransformerDistilled if distilled else VisionTransformer
    model = kind(img_size=size, patch_size=patch, embed_dim=channels, depth=depth, num_heads=heads,
                 num_classes=0)
    model.is_fixed = fixed
    return model, size


NARROW = {
    "swin window 12": lambda: swin(8, [1, 2, 3, 1], [1, 2, 4, 8], 12, 192),
    "swin shifted": lambda: swin(8, [2, 1], [1, 2], 4, 32),
    "swin deep": lambda: swin(8, [1, 1, 8, 1], [1, 2, 4, 8], 4, 64),
    "swin batch norm": lambda: swin(8, [1, 2], [1, 2], 4, 32, batch_norm=True),
    "swin batch norm in training": lambda: swin(8, [1, 2], [1, 2], 4, 32, batch_norm=True),
    "plain": lambda: plain(24, 2, 3, 16, 64),
    "plain 8": lambda: plain(32, 2, 2, 8, 48),
    "distilled": lambda: plain(24, 2, 3, 16, 64, distilled=True),
    "fixed": lambda: plain(48, 2, 12, 16, 64, fixed=True),
}
DEEP = [2, 2, 18, 2]
FULL = {
    "swin-t": lambda: swin(96, [2, 2, 6, 2], [3, 6, 12, 24], 7, 224),
    "swin-t-bn": lambda: swin(96, [2, 2, 6, 2], [3, 6, 12, 24], 7, 224, batch_norm=True),
    "swin-s": lambda: swin(96, DEEP, [3, 6, 12, 24], 7, 224),
    "swin-b": lambda: swin(128, DEEP, [4, 8, 16, 32], 7, 224),
    "swin-l": lambda: swin(192, DEEP, [6, 12, 24, 48], 7, 224),
    "swin-b-384": lambda: swin(128, DEEP, [4, 8, 16, 32], 12, 384),
    "swin-l-384": lambda: swin(192, DEEP, [6, 12, 24, 48], 12, 384),
    "deit-ti": lambda: plain(192, 12, 3, 16, 224),
    "deit-s": lambda: plain(384, 12, 6, 16, 224),
    "deit-b": lambda: plain(768, 12, 12, 16, 224),
    "deit-ti-distilled": lambda: plain(192, 12, 3, 16, 224, distilled=True),
    "deit-s-distilled": lambda: plain(384, 12, 6, 16, 224, distilled=True),
    "deit-b-distilled": lambda: plain(768, 12, 12, 16, 224, distilled=True),
    "vit-s-8": lambda: plain(384, 12, 6, 8, 224),
    "vit-b-8": lambda: plain(768, 12, 12, 8, 224),
    "moco-vit-s": lambda: plain(384, 12, 12, 16, 224, fixed=True),
    "moco-vit-b": lambda: plain(768, 12, 12, 16, 224, fixed=True),
}


def samples(tensor, count):
    flat = tensor.detach().double().flatten()
    at = [(i * 7919 + 13) % flat.numel() for i in range(count)]
    return {"norm": float(f"{float(flat.norm()):.9g}"),
            "values": [float(f"{float(flat[i]):.9g}") for i in at]}


def watched(model, size):
    """Asks for the attention of the last blocks; a function that gives it after a pass."""
    seen = []

    def watch(attention):
        attention.fused_attn = False
        attention.attn_drop.register_forward_hook(lambda _, inputs, output: seen.append(output))

    if isinstance(model, SwinTransformer):
        last = [layer.blocks[-1] for layer in model.layers[-2:]]
        for block in last:
            watch(block.attn)

        def maps():
            result = []
            for block, rows in zip(last, seen):
                (h, w), side = block.input_resolution, block.window_size
                received = rows.mean(2).transpose(1, 2)  # windows, slots, heads
                received = received.reshape(len(received), *side, -1)
                received = window_reverse(received, side, h, w)
                received = torch.roll(received, block.shift_size, (1, 2))
                result.append(received.permute(0, 3, 1, 2))
            return result
    else:
        watch(model.blocks[-1].attn)

        def maps():
            side = size // model.patch_embed.patch_size[0]
            patches = seen[0][:, :, 0, -side * side:]
            return [patches.reshape(*patches.shape[:2], side, side)]
    return maps


def reference(make, batch, precision, training=False):
    model, size = make()
    model = model.to(precision).train(training)
    fixed = getattr(model, "is_fixed", False)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key, value in parameters.items():
            if key == "pos_embed" and fixed:
                side = size // model.patch_embed.patch_size[0]
                value.copy_(positions(value.shape[2], side))
            else:
                value.copy_(torch.from_numpy(weight(official(key), tuple(value.shape))))
        for key, value in model.named_buffers():
            if "running_" in key:
                start = float(key.endswith("var"))
                value.copy_(start + torch.from_numpy(weight(key, tuple(value.shape))))
    x = torch.from_numpy(fill("input", (batch, 3, size, size), 2.0)).to(precision)
    maps = watched(model, size)
    # The class token of a ViT, also of a distilled one; the mean over a Swin's last map.
    features = model.forward_features(x)
    features = features.mean((1, 2)) if features.dim() == 4 else features[:, 0]
    (features * torch.from_numpy(fill("cotangent0", tuple(features.shape)))).sum().backward()
    statistics = {key: samples(value, 3) for key, value in model.named_buffers()
                  if "running_" in key and training}
    return {"size": size, "batch": batch, "features": samples(features, 16),
            "attention": [samples(m, 16) for m in maps()],
            **({"statistics": statistics} if statistics else {}),
            "gradients": {official(key): samples(value.grad, 3)
                          for key, value in parameters.items()
                          if not (key == "pos_embed" and fixed)}}


def main():
    full = sys.argv[1:2] == ["full"]
    result = {}
    for name, make in (FULL if full else NARROW).items():
        if full and sys.argv[3:] and name not in sys.argv[3:]:
            continue
        # Double precision would need 16 GB for the largest; single differs by about 1e-6.
        result[name] = reference(make, 1 if full else 2,
                                 torch.float32 if full else torch.float64,
                                 training=name.endswith("in training"))
        print(name, result[name]["features"]["norm"], flush=True)
    with open(sys.argv[2] if full else "../Fixtures/Models/networks.json", "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
