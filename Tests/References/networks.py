"""Features and gradients of every named network, by timm's own classes.

Made with: torch 2.13.0, timm 1.0.31, numpy 2.4.6. Weights are made from the parameters' official
names (`fill.py`), so nothing of a full network is stored. Run from this folder:

    python networks.py                 # narrow twins: writes ../Fixtures/Models/networks.json
    python networks.py full FILE       # every row of the table at its own size (minutes, 8 GB):
    SWINBENCH_NETWORKS=FILE swift test --filter NetworkReferenceTests

Expected: features within 1e-4, gradients within 1e-3 of the reference in double precision.
"""
import json
import sys

import numpy as np
import torch
from timm.models.swin_transformer import SwinTransformer
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


def swin(embed, depths, heads, window, size):
    model = SwinTransformer(img_size=size, window_size=window, embed_dim=embed, depths=depths,
                            num_heads=heads, num_classes=0)
    return model, size


def plain(channels, depth, heads, patch, size, distilled=False, fixed=False):
    kind = VisionTransformerDistilled if distilled else VisionTransformer
    model = kind(img_size=size, patch_size=patch, embed_dim=channels, depth=depth, num_heads=heads,
                 num_classes=0)
    model.is_fixed = fixed
    return model, size


NARROW = {
    "swin window 12": lambda: swin(8, [1, 2, 3, 1], [1, 2, 4, 8], 12, 192),
    "swin deep": lambda: swin(8, [1, 1, 8, 1], [1, 2, 4, 8], 4, 64),
    "plain": lambda: plain(24, 2, 3, 16, 64),
    "plain 8": lambda: plain(32, 2, 2, 8, 48),
    "distilled": lambda: plain(24, 2, 3, 16, 64, distilled=True),
    "fixed": lambda: plain(48, 2, 12, 16, 64, fixed=True),
}
DEEP = [2, 2, 18, 2]
FULL = {
    "swin-t": lambda: swin(96, [2, 2, 6, 2], [3, 6, 12, 24], 7, 224),
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


def reference(make, batch, precision):
    model, size = make()
    model = model.to(precision).eval()
    fixed = getattr(model, "is_fixed", False)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key, value in parameters.items():
            if key == "pos_embed" and fixed:
                side = size // model.patch_embed.patch_size[0]
                value.copy_(positions(value.shape[2], side))
            else:
                value.copy_(torch.from_numpy(weight(official(key), tuple(value.shape))))
    x = torch.from_numpy(fill("input", (batch, 3, size, size), 2.0)).to(precision)
    # The class token of a ViT, also of a distilled one; the mean over a Swin's last map.
    features = model.forward_features(x)
    features = features.mean((1, 2)) if features.dim() == 4 else features[:, 0]
    (features * torch.from_numpy(fill("cotangent0", tuple(features.shape)))).sum().backward()
    return {"size": size, "batch": batch, "features": samples(features, 16),
            "gradients": {official(key): samples(value.grad, 3)
                          for key, value in parameters.items()
                          if not (key == "pos_embed" and fixed)}}


def main():
    full = sys.argv[1:2] == ["full"]
    result = {}
    for name, make in (FULL if full else NARROW).items():
        # Double precision would need 16 GB for the largest; single differs by about 1e-6.
        result[name] = reference(make, 1 if full else 2,
                                 torch.float32 if full else torch.float64)
        print(name, result[name]["features"]["norm"], flush=True)
    with open(sys.argv[2] if full else "../Fixtures/Models/networks.json", "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
