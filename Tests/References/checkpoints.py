"""Small checkpoints in every file form and layout, and the values in them.

Made with: torch 2.15.0, safetensors 0.8.0, numpy 2.4.6. Run from this folder; writes to
../Fixtures/Checkpoints. Values come from fill.py, so the tests know them by name.
"""
import argparse
import collections
import os

import safetensors.torch
import torch
import torch.nn.functional as F

from fill import fill, weight

FOLDER = "../Fixtures/Checkpoints/"


class CfgNode(dict):
    """Stands for the configuration objects that training checkpoints carry."""


def tensor(name, shape):
    return torch.from_numpy(fill(name, shape))


def swin(window=4):
    """A backbone of 4 channels, depths 1-2, heads 1-2 under its official keys."""
    shapes = {"patch_embed.proj.weight": (4, 3, 4, 4), "patch_embed.proj.bias": (4,),
              "patch_embed.norm.weight": (4,), "patch_embed.norm.bias": (4,)}
    for stage, depth in enumerate([1, 2]):
        c = 4 << stage
        for block in range(depth):
            p = f"layers.{stage}.blocks.{block}."
            shapes |= {p + "norm1.weight": (c,), p + "norm1.bias": (c,),
                       p + "attn.relative_position_bias_table": ((2 * window - 1) ** 2, 1 << stage),
                       p + "attn.qkv.weight": (3 * c, c), p + "attn.qkv.bias": (3 * c,),
                       p + "attn.proj.weight": (c, c), p + "attn.proj.bias": (c,),
                       p + "norm2.weight": (c,), p + "norm2.bias": (c,),
                       p + "mlp.fc1.weight": (4 * c, c), p + "mlp.fc1.bias": (4 * c,),
                       p + "mlp.fc2.weight": (c, 4 * c), p + "mlp.fc2.bias": (c,)}
    shapes |= {"layers.0.downsample.reduction.weight": (8, 16),
               "layers.0.downsample.norm.weight": (16,), "layers.0.downsample.norm.bias": (16,),
               "norm.weight": (8,), "norm.bias": (8,)}
    return collections.OrderedDict((k, torch.from_numpy(weight(k, s))) for k, s in shapes.items())


def unfolded(value):
    """From the official order of merged channels to unfold's, for the last axis."""
    channels = value.shape[-1] // 4
    out = torch.empty_like(value)
    for slice_, position in enumerate([0, 2, 1, 3]):
        for c in range(channels):
            out[..., c * 4 + position] = value[..., slice_ * channels + c]
    return out


def open_mmlab(state):
    result = collections.OrderedDict()
    for key, value in state.items():
        if ".downsample." in key:
            value = unfolded(value)
        key = key.replace("patch_embed.proj.", "patch_embed.projection.")
        key = key.replace("layers.", "stages.", 1) if key.startswith("layers.") else key
        key = key.replace(".attn.", ".attn.w_msa.").replace(".mlp.fc1.", ".ffn.layers.0.0.")
        key = key.replace(".mlp.fc2.", ".ffn.layers.1.")
        key = "norm3." + key[5:] if key.startswith("norm.") else key
        result["backbone." + key] = value
    return result


def check_unfold_order():
    """Merging by unfold with reordered weights is merging by slices with the official ones."""
    x = tensor("map", (1, 6, 4, 4)).double()
    w = tensor("reduction", (5, 24)).double()
    slices = torch.cat([x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2],
                        x[:, :, 1::2, 1::2]], 1).flatten(2).transpose(1, 2)
    columns = F.unfold(x, 2, stride=2).transpose(1, 2)
    assert torch.allclose(slices @ w.T, columns @ unfolded(w).T)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    check_unfold_order()
    base = tensor("base", (6, 4))
    kinds = collections.OrderedDict(
        f32=tensor("f32", (2, 3)), f64=tensor("f64", (3,)).double(), f16=tensor("f16", (2, 2)).half(),
        bf16=tensor("bf16", (4,)).bfloat16(), i64=torch.tensor([[1, -2], [3, 2**40]]),
        transposed=base.t(), rows=base[2:5], scalar=torch.tensor(3.5))
    extra = {"model": kinds, "epoch": 7, "args": argparse.Namespace(lr=0.1, name="x"),
             "config": CfgNode(A=CfgNode(B=1)), "max_accuracy": 0.5}
    torch.save(extra, FOLDER + "kinds.pth")
    torch.save(extra, FOLDER + "kinds_legacy.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file({k: v.contiguous().clone() for k, v in kinds.items()},
                                FOLDER + "kinds.safetensors", metadata={"format": "pt"})
    state = swin()
    torch.save({"model": state}, FOLDER + "official.pth")
    # A tensor that a few bytes stretch to four terabytes, beside the weights that matter.
    torch.save({"model": state, "mask": torch.zeros(1).expand(1 << 40)}, FOLDER + "stretched.pth")
    moby = collections.OrderedDict()
    moby["queue1"] = tensor("queue1", (4, 8))
    for key, value in state.items():
        moby["encoder." + key] = value
        moby["encoder_k." + key] = value * 2
    moby["projector.linear_out.weight"] = tensor("projector", (4, 8))
    torch.save({"model": moby, "epoch": 299, "config": CfgNode(X=1)}, FOLDER + "moby.pth")
    new_timm = collections.OrderedDict(
        (k.replace("layers.0.downsample", "layers.1.downsample"), v) for k, v in state.items())
    new_timm["head.fc.weight"] = tensor("head", (3, 8))
    new_timm["head.fc.bias"] = tensor("head bias", (3,))
    torch.save(new_timm, FOLDER + "timm.pth")
    torch.save({"state_dict": open_mmlab(state), "meta": {}}, FOLDER + "openmmlab.pth")
    table = torch.from_numpy(weight("table", (49, 2)))
    resized = F.interpolate(table.double().T.reshape(1, 2, 7, 7), size=(13, 13), mode="bicubic",
                            align_corners=False)
    smaller = F.interpolate(table.double().T.reshape(1, 2, 7, 7), size=(3, 3), mode="bicubic",
                            align_corners=False)
    safetensors.torch.save_file(
        {"table": table, "table13": resized.reshape(2, 169).T.float().contiguous(),
         "table3": smaller.reshape(2, 9).T.float().contiguous()}, FOLDER + "interpolation.safetensors")


main()
