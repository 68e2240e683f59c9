"""UPerNet of Hugging Face on its Swin backbone against the values that this package's is held to.

Made with: torch 2.13.0, transformers 5.24.0, numpy 2.4.6. Run from this folder:

    python huggingface.py

Fills a small UperNetForSemanticSegmentation with the weights of `fill.py` under the published names
and compares its logits of an image that no window divides with ../Fixtures/Models/segmentor.json
(made by `mmsegmentation.py`; `SegmentorInferenceTests` hold ours to it within 1e-5). Expected: at most
1e-8 of the largest logit; it writes nothing and fails above 1e-6.
"""
import json

import torch
from transformers import SwinConfig, UperNetConfig, UperNetForSemanticSegmentation

from fill import fill, weight

WIDTH, AUXILIARY, CLASSES = 16, 8, 5
SIZE = (52, 76)
BACKBONE = [
    ("swin.", ""), ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("embeddings.norm.", "patch_embed.norm."), ("encoder.layers.", "layers."),
    (".attention.self.relative_position_bias_table", ".attn.relative_position_bias_table"),
    (".attention.relative_position_bias.relative_position_bias_table",
     ".attn.relative_position_bias_table"),
    (".attention.output.dense.", ".attn.proj."), (".attention.o_proj.", ".attn.proj."),
    (".layernorm_before.", ".norm1."), (".layernorm_after.", ".norm2."),
    (".intermediate.dense.", ".mlp.fc1."), (".mlp.output.dense.", ".mlp.fc2."),
    (".output.dense.", ".mlp.fc2."), ("layernorm.", "norm."),
]
PARTS = ["query", "key", "value"]


def official(key):
    """The published name of a key, and which third of it this is."""
    third = next((i for i, part in enumerate(PARTS)
                  if f".{part}." in key or f".{part[0]}_proj." in key), None)
    if not key.startswith("backbone."):
        return key.replace("batch_norm", "bn").replace("classifier", "conv_seg"), None
    name = key[len("backbone."):]
    if third is not None:
        stem, leaf = name.split(".attention.")[0], name.rsplit(".", 1)[1]
        name = f"{stem}.attn.qkv.{leaf}"
    for theirs, ours in BACKBONE:
        name = name.replace(theirs, ours)
    for stage in range(4):
        name = name.replace(f"hidden_states_norms.stage{stage + 1}.", f"norm{stage}.")
    return "backbone." + name, third


def main():
    swin = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 4], window_size=4,
        drop_path_rate=0.0, out_features=["stage1", "stage2", "stage3", "stage4"])
    model = UperNetForSemanticSegmentation(UperNetConfig(
        backbone_config=swin, num_labels=CLASSES, hidden_size=WIDTH, pool_scales=[1, 2, 3, 6],
        auxiliary_in_channels=32, auxiliary_channels=AUXILIARY, auxiliary_num_convs=1))
    seen = set()
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith(("relative_position_index", "num_batches_tracked")):
                continue
            name, third = official(key)
            shape = list(value.shape)
            if third is not None:
                shape[0] *= 3
            values = torch.from_numpy(weight(name, tuple(shape)))
            if name.endswith(("bn.weight", "running_var")):
                values = values + 1
            value.copy_(values if third is None else values.chunk(3)[third])
            seen.add(name)
    print(f"{len(seen)} tensors")
    model = model.double().eval()
    with torch.no_grad():
        logits = model(torch.from_numpy(fill("odd", (1, 3, *SIZE), 2.0)).double()).logits
    flat = logits.permute(0, 2, 3, 1).flatten()
    with open("../Fixtures/Models/segmentor.json") as file:
        known = json.load(file)["logits"]["whole"]
    largest = float(flat.abs().max())
    at = [(i * 7919 + 13) % flat.numel() for i in range(len(known["values"]))]
    difference = max(abs(float(flat[i]) - v) for i, v in zip(at, known["values"])) / largest
    norm = abs(float(flat.norm()) - known["norm"]) / known["norm"]
    print(f"logits of {logits.shape[2]}x{logits.shape[3]} pixels: {difference:.1e} of the largest, "
          f"norm {norm:.1e}")
    assert difference < 1e-6 and norm < 1e-6


if __name__ == "__main__":
    main()
