"""A checkpoint of every named network with random weights, laid out as its authors publish it.

Made with: torch 2.15.0, timm 1.0.31. Run from this folder:

    python network_files.py FOLDER             # all of them, 5 GB
    python network_files.py FOLDER swin-s ...  # some

Swin under timm's keys, the larger ones with a head of ImageNet-22K; DeiT's `model` with its head, or
its two; DINO's `teacher`, MoCo v3's `module.base_encoder` in `state_dict`. A Swin with batch norms is
published by nobody and trained by bench-pretrain. Benchmarks/Linear/every_network.sh measures them.
"""
import os
import sys

import torch

from networks import FULL, positions

WIDE_HEAD = 21841


def head(channels, classes):
    return {"weight": 0.02 * torch.randn(classes, channels), "bias": torch.zeros(classes)}


def swin(model, classes):
    own = {"head.fc." + key: value for key, value in head(model.num_features, classes).items()}
    return model.state_dict() | own


def deit(model):
    heads = ["head", "head_dist"] if hasattr(model, "dist_token") else ["head"]
    own = {f"{name}.{key}": value for name in heads
           for key, value in head(model.embed_dim, 1000).items()}
    return {"model": model.state_dict() | own}


def dino(model):
    return {"teacher": {"backbone." + key: value for key, value in model.state_dict().items()}}


def moco(model):
    side = 224 // model.patch_embed.patch_size[0]
    with torch.no_grad():
        model.pos_embed.copy_(positions(model.embed_dim, side))
    return {"epoch": 300, "state_dict": {
        "module.base_encoder." + key: value for key, value in model.state_dict().items()}}


def files():
    """The file's name, the network, and who publishes it so."""
    for name in FULL:
        if name.startswith("swin") and not name.endswith("-bn"):
            wide = name in ("swin-b", "swin-l")
            yield name, name, lambda model, wide=wide: swin(model, WIDE_HEAD if wide else 1000)
        elif name.startswith("deit"):
            # Three heads or twelve: its shapes do not tell, its published name does.
            yield "deit_tiny" if name == "deit-ti" else name, name, deit
        elif name.startswith("vit"):
            yield "dino-" + name, name, dino
        elif name.startswith("moco"):
            yield name, name, moco
    yield "dino-vit-s-16", "deit-s", dino
    yield "dino-vit-b-16", "deit-b", dino


def main():
    folder, wanted = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    for name, network, publish in files():
        path = os.path.join(folder, name + ".pth")
        if wanted and name not in wanted or os.path.exists(path):
            continue
        torch.manual_seed(0)
        torch.save(publish(FULL[network]()[0].eval()), path + ".part")
        os.replace(path + ".part", path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
