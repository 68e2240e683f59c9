"""Small networks of other programs, saved as those programs save them, and their features.

Made with: torch 2.15.0, torchvision 0.29.2, transformers 5.24.0, timm 1.0.31, safetensors 0.8.0,
numpy 2.4.6. Run from this folder; writes to ../Fixtures/Checkpoints/Layouts. Weights and images
come from fill.py; features.safetensors has each network's pooled features of the images.
"""
import os

import safetensors.torch
import timm.models.swin_transformer
import timm.models.vision_transformer
import torch
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer
from transformers import (DeiTConfig, DeiTModel, Dinov2Config, Dinov2Model, SwinConfig,
                          SwinForImageClassification, ViTConfig, ViTForImageClassification)

from fill import fill

FOLDER = "../Fixtures/Checkpoints/Layouts/"
SIZE, HEADS = 32, 4
PLAIN = dict(image_size=SIZE, patch_size=8, hidden_size=16, num_hidden_layers=2,
             num_attention_heads=HEADS)


def filled(name, network):
    """The network with deterministic weights, large enough that every part matters."""
    state = {}
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            is_gain = "norm" in key.split(".")[-2] if "." in key else False
            is_gain = (is_gain or ".ln" in key) and key.endswith("weight")
            value = torch.from_numpy(fill(f"{name} {key}", tuple(value.shape), 0.4, float(is_gain)))
        state[key] = value
    network.load_state_dict(state)
    return network.eval()


def main():
    os.makedirs(FOLDER, exist_ok=True)
    images = torch.from_numpy(fill("images", (2, 3, SIZE, SIZE), 2))
    features = {}

    def keep(name, network, answer, save):
        network = filled(name, network)
        with torch.no_grad():
            features[name] = answer(network, images).contiguous()
        save(network, FOLDER + name)

    def published(network, path):
        # What the hub has: transformers renames its version 5 keys back as it saves.
        network.save_pretrained(path + "-folder")
        os.replace(path + "-folder/model.safetensors", path + ".safetensors")
        for file in os.listdir(path + "-folder"):
            os.remove(path + "-folder/" + file)
        os.rmdir(path + "-folder")

    def torch_file(network, path):
        torch.save(network.state_dict(), path + ".pth")

    swin = SwinConfig(image_size=SIZE, embed_dim=8, depths=[2, 2], num_heads=[1, 2], window_size=4,
                      num_labels=3)
    keep("hf-swin", SwinForImageClassification(swin), lambda m, x: m.swin(x).pooler_output,
         published)
    keep("hf-swin-v5", SwinForImageClassification(swin), lambda m, x: m.swin(x).pooler_output,
         torch_file)
    keep("hf-vit", ViTForImageClassification(ViTConfig(**PLAIN, intermediate_size=64)),
         lambda m, x: m.vit(x).last_hidden_state[:, 0], published)
    keep("hf-deit", DeiTModel(DeiTConfig(**PLAIN, intermediate_size=64), add_pooling_layer=False),
         lambda m, x: m(x).last_hidden_state[:, 0], published)
    keep("hf-dinov2", Dinov2Model(Dinov2Config(**PLAIN)),
         lambda m, x: m(x).last_hidden_state[:, 0], published)
    keep("torchvision-swin",
         SwinTransformer([4, 4], 8, [2, 2], [1, 2], [4, 4], num_classes=3),
         lambda m, x: m.flatten(m.avgpool(m.permute(m.norm(m.features(x))))), torch_file)

    def class_token(m, x):
        x = torch.cat([m.class_token.expand(len(x), -1, -1), m._process_input(x)], 1)
        return m.encoder(x)[:, 0]

    keep("torchvision-vit", VisionTransformer(SIZE, 8, 2, HEADS, 16, 64, num_classes=3),
         class_token, torch_file)
    keep("timm-swin", timm.models.swin_transformer.SwinTransformer(
        img_size=SIZE, embed_dim=8, depths=(2, 2), num_heads=(1, 2), window_size=4,
        num_classes=3),
        lambda m, x: m.forward_head(m.forward_features(x), pre_logits=True), torch_file)
    # One window a stage, as the searched networks (S3) have them.
    keep("timm-windows", timm.models.swin_transformer.SwinTransformer(
        img_size=64, embed_dim=8, depths=(1, 2, 1), num_heads=(1, 2, 4), window_size=(4, 2, 4),
        num_classes=0),
        lambda m, x: m(torch.from_numpy(fill("large images", (2, 3, 64, 64), 2))), torch_file)
    keep("timm-dinov2", timm.models.vision_transformer.VisionTransformer(
        img_size=SIZE, patch_size=8, embed_dim=16, depth=2, num_heads=HEADS, init_values=1.0,
        num_classes=0), lambda m, x: m(x), torch_file)
    # DeiT III: positions of patches alone, and layer scale under its authors' names.
    keep("deit3", timm.models.vision_transformer.VisionTransformer(
        img_size=SIZE, patch_size=8, embed_dim=16, depth=2, num_heads=HEADS, init_values=1.0,
        no_embed_class=True, num_classes=0), lambda m, x: m(x),
        lambda m, path: torch.save(
            {key.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"): value
             for key, value in m.state_dict().items()}, path + ".pth"))
    safetensors.torch.save_file(features, FOLDER + "features.safetensors")


main()
