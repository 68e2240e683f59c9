"""Losses, gradients and detections of small detectors, computed by mmdetection itself.

Versions: openmmlab.py. Run from this folder; writes ../Fixtures/Models/detectors.json (one training
step) and detections.json (three images). The networks are mmdetection's own, built from its model
files with the Swin recipes' settings and few channels; weights and images come from `fill.py`.

Two settings are those of mmdetection 2.11, which the recipes were trained with: proposals without
area are kept, and in training every positive and negative is taken, so that nothing is drawn.
"""
import json
import os

import numpy as np
import torch

import openmmlab
import mmdet
from mmdet.models.roi_heads.mask_heads import fcn_mask_head
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.structures import InstanceData

from backbones import samples
from fill import fill, rounded

CLASSES, CHANNELS, HIDDEN = 5, 8, 24
BACKBONE = dict(embed=8, depths=[1, 2, 1, 1], heads=[1, 2, 2, 4], window=4)
# Height and width as the network sees an image, padded to multiples of 32, and of its file.
SIZES = [(90, 120), (64, 100), (96, 64)]
PADDED = [(96, 128), (64, 128), (96, 64)]
ORIGINAL = [(200, 267), (61, 97), (150, 101)]
BASES = {"mask": "mask-rcnn_r50_fpn.py", "cascade": "cascade-mask-rcnn_r50_fpn.py"}


def configuration(kind):
    """mmdetection's model file with what the Swin recipes change, made small."""
    folder = os.path.join(os.path.dirname(mmdet.__file__), ".mim/configs/_base_/models")
    model = Config.fromfile(os.path.join(folder, BASES[kind])).model
    model.pop("data_preprocessor")
    model.backbone = openmmlab.swin(**BACKBONE)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=CHANNELS)
    model.rpn_head.update(in_channels=CHANNELS, feat_channels=CHANNELS)
    model.rpn_head.anchor_generator.update(scales=[4])
    roi = model.roi_head
    for extractor in (roi.bbox_roi_extractor, roi.mask_roi_extractor):
        extractor.update(out_channels=CHANNELS)
        extractor.roi_layer.update(use_torchvision=True)
    small = dict(in_channels=CHANNELS, fc_out_channels=HIDDEN, num_classes=CLASSES)
    if kind == "mask":
        roi.bbox_head.update(small)
    else:
        for head in roi.bbox_head:
            head.update(small, type="Shared4Conv1FCBBoxHead", conv_out_channels=CHANNELS,
                        norm_cfg=dict(type="BN"), reg_class_agnostic=False,
                        reg_decoded_bbox=True)
            # Set, as updating would keep the old loss's numbers.
            head.loss_bbox = dict(type="GIoULoss", loss_weight=10.0)
    roi.mask_head.update(in_channels=CHANNELS, conv_out_channels=CHANNELS, num_classes=CLASSES)

    train, test = model.train_cfg, model.test_cfg
    train.rpn_proposal.update(nms_pre=60, max_per_img=50, min_bbox_size=-1)
    test.rpn.update(nms_pre=150, max_per_img=60, min_bbox_size=-1)
    test.rcnn.update(max_per_img=40)
    stages = train.rcnn if kind == "cascade" else [train.rcnn]
    for part in [train.rpn] + list(stages):
        part.sampler.update(num=1 << 30)
    return model


def image(index, height, width):
    seen = torch.zeros(1, 3, height, width)
    h, w = SIZES[index]
    seen[0, :, :h, :w] = torch.from_numpy(fill(f"image{index}", (3, h, w), 2.0))
    return seen


def sample(index, with_target=False):
    """An image's description and, in training, its objects: fixed boxes, striped masks."""
    (h, w), (oh, ow) = SIZES[index], ORIGINAL[index]
    result = DetDataSample(metainfo=dict(
        img_shape=(h, w), pad_shape=PADDED[index], ori_shape=(oh, ow),
        scale_factor=(w / ow, h / oh)))
    if not with_target:
        return result
    places = [[(10.0, 12, 60, 70), (55, 20, 110, 52), (5, 60, 40, 88)], [(20, 8, 77, 50)]][index]
    y, x = np.mgrid[:PADDED[index][0], :PADDED[index][1]]
    masks = [(x >= x1) & (x < x2) & (y >= y1) & (y < y2) & ((x + 3 * y) % 16 > 3)
             for x1, y1, x2, y2 in places]
    result.gt_instances = InstanceData(
        bboxes=torch.tensor(places), labels=torch.tensor([[1, 4, 0], [2]][index]),
        masks=BitmapMasks(np.stack(masks).astype(np.uint8), *PADDED[index]))
    return result


def runs(mask):
    """Run lengths of a mask, column by column, outside first."""
    flat = mask.T.reshape(-1).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat])))
    return np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()


def training(model, gradients):
    model.train()
    images = torch.cat([image(i, 96, 128) for i in range(2)])
    losses = model.loss(images, [sample(i, with_target=True) for i in range(2)])
    terms = {}
    for name, value in losses.items():
        if "loss" in name:
            terms[name] = sum(value) if isinstance(value, list) else value
    sum(terms.values()).backward()
    return {"terms": {k: float(v.detach()) for k, v in terms.items()},
            "gradients": {k: samples(v, 4) for k, v in gradients().items()}}


def inference(model):
    """The detections of every image; of each, how many mask pixels rounding may turn over, too."""
    model.eval()
    found, unclear = [], []
    paste = fcn_mask_head._do_paste_mask

    def counting(*arguments, **options):
        values, place = paste(*arguments, **options)
        unclear.append(int(((values - 0.5).abs() < 3e-4).sum()))
        return values, place

    fcn_mask_head._do_paste_mask = counting
    for index in range(3):
        unclear.clear()
        with torch.no_grad():
            result = model.predict(image(index, *PADDED[index]), [sample(index)], rescale=True)
        objects = result[0].pred_instances
        found.append([
            {"box": box.tolist(), "label": int(label), "score": float(score),
             "runs": runs(mask.numpy()), "unclear": count}
            for box, label, score, mask, count in zip(
                objects.bboxes, objects.labels, objects.scores, objects.masks, unclear,
                strict=True)])
    fcn_mask_head._do_paste_mask = paste
    return found


def main():
    register_all_modules()
    steps, detections = {}, {}
    for kind in BASES:
        model = MODELS.build(configuration(kind))
        openmmlab.filled(model, **BACKBONE)
        for name, parameter in model.named_parameters():
            # Masks of trained networks are sure of most pixels.
            if name.endswith("conv_logits.weight"):
                parameter.data *= 30
        detections[kind] = inference(model)
        gradients = openmmlab.filled(model, **BACKBONE)
        steps[kind] = training(model, gradients)
        print(kind, steps[kind]["terms"], [len(found) for found in detections[kind]])
    for name, report in (("detectors", steps), ("detections", detections)):
        with open(f"../Fixtures/Models/{name}.json", "w") as file:
            json.dump(rounded(report), file, separators=(",", ":"))
            file.write("\n")


if __name__ == "__main__":
    main()
