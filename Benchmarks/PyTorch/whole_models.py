"""Mask R-CNN and UPerNet with Swin-T in PyTorch eager, one JSON object a line.

Mask R-CNN is torchvision's own, with its Swin-T as backbone and the settings of the Swin recipes as
far as its interface has them; UPerNet is composed of torch's modules. Sizes and counts are those of
`bench-kernels detector` and `segmentor`.
"""
import argparse

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from measuring import best, report

CHANNELS = [96, 192, 384, 768]


class Stages(nn.Module):
    """The four stage outputs of torchvision's Swin-T, each with a norm of its own."""

    def __init__(self, drop_path):
        super().__init__()
        self.features = torchvision.models.SwinTransformer(
            patch_size=[4, 4], embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24],
            window_size=[7, 7], stochastic_depth_prob=drop_path).features
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in CHANNELS)

    def forward(self, x):
        maps = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index % 2:
                stage = index // 2
                maps[str(stage)] = self.norms[stage](x).permute(0, 3, 1, 2)
        return maps


class Pyramid(nn.Module):
    out_channels = 256

    def __init__(self):
        super().__init__()
        self.body = Stages(0.1)
        self.fpn = FeaturePyramidNetwork(CHANNELS, 256, LastLevelMaxPool())

    def forward(self, x):
        return self.fpn(self.body(x))


def detector():
    levels = ["0", "1", "2", "3"]
    model = MaskRCNN(
        Pyramid(), 81, min_size=800, max_size=1333, image_mean=[0, 0, 0], image_std=[1, 1, 1],
        rpn_anchor_generator=AnchorGenerator(
            tuple((size,) for size in (32, 64, 128, 256, 512)), ((0.5, 1.0, 2.0),) * 5),
        rpn_pre_nms_top_n_train=2000, rpn_post_nms_top_n_train=1000,
        rpn_pre_nms_top_n_test=1000, rpn_post_nms_top_n_test=1000,
        box_roi_pool=MultiScaleRoIAlign(levels, 7, 0), box_fg_iou_thresh=0.5,
        mask_roi_pool=MultiScaleRoIAlign(levels, 14, 0))
    # One class stands out, so that a network without training finds its hundred objects.
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[1] = 4
    height, width = 800, 1216
    images = [torch.randn(3, height, width) for _ in range(2)]
    model.eval()
    with torch.no_grad():
        found = len(model(images[:1])[0]["scores"])

        def detect():
            # Masks as bits at the image's size, as a result file needs them.
            return model(images[:1])[0]["masks"] >= 0.5

        report("detector inference", 1, best(detect), found=found)
    targets = []
    for image in range(2):
        boxes, masks = [], []
        for number in range(10):
            x, y = 20 + 97 * number + 13 * image, 15 + 61 * number
            right, bottom = x + 30 + 17 * number, y + 24 + 14 * number
            mask = torch.zeros(height, width, dtype=torch.uint8)
            mask[y:bottom, x:right] = 1
            boxes.append([float(x), float(y), float(right), float(bottom)])
            masks.append(mask)
        targets.append({"boxes": torch.tensor(boxes), "labels": 1 + 7 * torch.arange(10),
                        "masks": torch.stack(masks)})
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)

    def step():
        optimizer.zero_grad()
        sum(model(images, [dict(target) for target in targets]).values()).backward()
        optimizer.step()

    report("detector training", 2, best(step))


class Block(nn.Sequential):
    def __init__(self, inputs, outputs, size):
        super().__init__(nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class UPerNet(nn.Module):
    def __init__(self, classes=150, width=512):
        super().__init__()
        self.backbone = Stages(0.3)
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), Block(768, width, 1)) for size in (1, 2, 3, 6))
        self.bottleneck = Block(768 + 4 * width, width, 3)
        self.laterals = nn.ModuleList(Block(channels, width, 1) for channels in CHANNELS[:3])
        self.outputs = nn.ModuleList(Block(width, width, 3) for _ in range(3))
        self.fusion = Block(4 * width, width, 3)
        self.classifier = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(width, classes, 1))
        self.auxiliary = nn.Sequential(
            Block(384, 256, 3), nn.Dropout2d(0.1), nn.Conv2d(256, classes, 1))

    def forward(self, x):
        def resized(a, like):
            return F.interpolate(a, like.shape[2:], mode="bilinear", align_corners=False)

        maps = list(self.backbone(x).values())
        pyramid = [maps[3]] + [resized(pool(maps[3]), maps[3]) for pool in self.pools]
        laterals = [layer(one) for layer, one in zip(self.laterals, maps)]
        laterals.append(self.bottleneck(torch.cat(pyramid, 1)))
        for i in (3, 2, 1):
            laterals[i - 1] = laterals[i - 1] + resized(laterals[i], laterals[i - 1])
        outs = [layer(one) for layer, one in zip(self.outputs, laterals)] + [laterals[3]]
        fused = self.fusion(torch.cat([outs[0]] + [resized(one, outs[0]) for one in outs[1:]], 1))
        logits = self.classifier(fused)
        return (logits, self.auxiliary(maps[2])) if self.training else logits


def segmentor():
    model = UPerNet().eval()
    image = torch.randn(1, 3, 512, 512)

    def resized(logits):
        return F.interpolate(logits, (512, 512), mode="bilinear", align_corners=False)

    with torch.no_grad():
        report("segmentor inference", 1, best(lambda: resized(model(image)).argmax(1)))
    model.train()
    images = torch.randn(2, 3, 512, 512)
    pixels = torch.arange(2 * 512 * 512)
    labels = torch.where(pixels % 151 == 150, 255, pixels % 151).reshape(2, 512, 512)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5, weight_decay=0.01)

    def step():
        optimizer.zero_grad()
        decode, auxiliary = (
            F.cross_entropy(resized(logits), labels, ignore_index=255, reduction="sum")
            / labels.numel() for logits in model(images))
        (decode + 0.4 * auxiliary).backward()
        optimizer.step()

    report("segmentor training", 2, best(step))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", choices=["detector", "segmentor"], required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    detector() if options.part == "detector" else segmentor()


main()
