"""The training pipelines of mmdetection's and mmsegmentation's own configurations, with our draws.

Versions: openmmlab.py, opencv-python-headless 4.12.0.88. Run from this folder; writes
../Fixtures/VisionData/openmmlab.json (detection samples: SHA-256 of pixels and masks, boxes and
labels) and holds segmentation_data.py's restatement against mmsegmentation: its hashes in
../Fixtures/VisionData/segmentation.json must be those of the real pipeline.

The pipelines are built from the frameworks' model files; loading and packing are left out. numpy's
random functions draw from the package's stream, in the order in which the pipelines call them.
"""
import json
import os
from unittest import mock

import cv2
import mmcv
import numpy as np
import torch

import openmmlab  # noqa: F401
import mmdet
import mmseg
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmdet.utils import register_all_modules as register_detection
from mmengine.config import Config
from mmengine.dataset import Compose
from mmseg.evaluation import IoUMetric
from mmseg.utils import register_all_modules as register_segmentation

from fill import fill
from segmentation_data import (
    DEVIATION, MEAN, Stream, areas, distorted, normalized, numbers, picture, regions, scene, sha)

WIDTH, HEIGHT, OBJECTS = 150, 110, 7


class Draws:
    """numpy's random functions on the package's stream."""

    def __init__(self, stream, is_single):
        self.stream, self.is_single = stream, is_single

    def unit(self):
        # Detection tosses its coins in single precision.
        return (self.stream.next32() >> 8) * 2.0**-24 if self.is_single else self.stream.unit()

    def choice(self, options, p=None):
        """Of two: a flip or none; the way without a crop (first) or with it."""
        assert len(options) == 2
        is_below = self.unit() < 0.5
        return options[0 if is_below == (p is not None) else 1]

    def randint(self, low, high=None):
        low, high = (0, low) if high is None else (low, high)
        return low + self.stream.below(high - low)

    def patched(self):
        names = dict(choice=self.choice, randint=self.randint, uniform=self.stream.uniform,
                     random_sample=self.stream.unit)
        return mock.patch.multiple(np.random, **names)


def pipeline(package, config, left_out, factor=1.0):
    """The configuration's training pipeline with every size times a factor."""
    path = os.path.join(os.path.dirname(package.__file__), ".mim/configs", config)
    steps = Config.fromfile(path).train_pipeline
    return [scaled(step, factor) for step in steps if step.type not in left_out]


def scaled(step, factor):
    if isinstance(step, (list, tuple)) and step and isinstance(step[0], int):
        return tuple(max(16, int(side * factor + 0.5)) for side in step)
    if isinstance(step, (list, tuple)):
        return [scaled(part, factor) for part in step]
    if isinstance(step, dict):
        return {k: scaled(v, factor) if k in ("transforms", "scales", "crop_size") else v
                for k, v in step.items()}
    return step


def objects():
    """Boxes with fractions, and masks of random pixels inside them."""
    values = fill("objects", (OBJECTS, 4), 0.5, 0.5)
    boxes, masks = [], []
    for k, (x, y, w, h) in enumerate(values):
        x1, y1 = x * np.float32(WIDTH * 0.8), y * np.float32(HEIGHT * 0.8)
        x2 = min(x1 + np.float32(8) + w * np.float32(40), np.float32(WIDTH))
        y2 = min(y1 + np.float32(8) + h * np.float32(40), np.float32(HEIGHT))
        boxes.append([x1, y1, x2, y2])
        inside = np.zeros((HEIGHT, WIDTH), bool)
        inside[int(y1):int(y2), int(x1):int(x2)] = True
        masks.append((inside & (picture(f"mask {k}", WIDTH, HEIGHT)[:, :, 0] > 100)))
    return np.array(boxes, np.float32), np.array(masks).astype(np.uint8)


def detection():
    register_detection()
    config = "swin/mask-rcnn_swin-t-p4-w7_fpn_ms-crop-3x_coco.py"
    left_out = ("LoadImageFromFile", "LoadAnnotations", "PackDetInputs")
    boxes, masks = objects()
    out = []
    for factor, count in ((0.25, 24), (1.0, 4)):
        steps = Compose(pipeline(mmdet, config, left_out, factor))
        assert len(steps.transforms) == 2
        for index in range(count):
            sample = dict(
                img=picture("picture", WIDTH, HEIGHT), img_shape=(HEIGHT, WIDTH),
                gt_bboxes=HorizontalBoxes(torch.from_numpy(boxes.copy())),
                gt_bboxes_labels=np.arange(OBJECTS),
                gt_ignore_flags=np.zeros(OBJECTS, bool),
                gt_masks=BitmapMasks(masks.copy(), HEIGHT, WIDTH))
            with Draws(Stream(21, 3, epoch=1, sample=index), is_single=True).patched():
                seen = steps(sample)
            found = seen["gt_bboxes"].tensor.numpy()
            height, width = seen["img"].shape[:2]
            assert seen["gt_masks"].masks.shape == (len(found), height, width)
            out.append(dict(
                factor=factor, sample=index, size=[width, height], image=sha(seen["img"]),
                labels=seen["gt_bboxes_labels"].tolist(),
                boxes=[[float(f"{x:.7g}") for x in box] for box in found.tolist()],
                masks=[sha(mask) for mask in seen["gt_masks"].masks]))
    kept = [len(one["labels"]) for one in out]
    assert min(kept) < OBJECTS == max(kept), kept
    return out


def segmentation():
    """Asserts that the restated pipeline is mmsegmentation's, pixel by pixel."""
    register_segmentation()
    left_out = ("LoadImageFromFile", "LoadAnnotations", "PackSegInputs")
    steps = pipeline(mmseg, "_base_/datasets/ade20k.py", left_out)
    for step in steps:
        if step["type"] == "RandomResize":
            step["scale"] = (4 * 96, 96)
        if step["type"] == "RandomCrop":
            step["crop_size"] = (96, 96)
    assert [s["type"] for s in steps] == [
        "RandomResize", "RandomCrop", "RandomFlip", "PhotoMetricDistortion"]
    train = Compose(steps)
    with open("../Fixtures/VisionData/segmentation.json") as file:
        expected = json.load(file)
    image, labels = picture("picture", 150, 110), regions("train", 150, 110, 4)
    for index, hashes in enumerate(expected["training"]):
        sample = dict(img=np.ascontiguousarray(image[:, :, ::-1]), img_shape=(110, 150),
                      gt_seg_map=labels.copy(), seg_fields=["gt_seg_map"])
        stream = Stream(9, 3, epoch=2, sample=index)
        with Draws(stream, is_single=False).patched():
            seen = train(sample)
        assert sha(seen["img"][:, :, ::-1]) == hashes[0], index
        assert sha(seen["gt_seg_map"]) == hashes[1], index
        planes = mmcv.imnormalize(seen["img"], MEAN, DEVIATION, to_rgb=True)
        ours = normalized(np.ascontiguousarray(seen["img"][:, :, ::-1]))
        assert (planes.transpose(2, 0, 1) == ours).all()
    distort = Compose([dict(type="PhotoMetricDistortion")])
    image = picture("picture", 100, 40)
    for index, digest in enumerate(expected["distortion"]):
        with Draws(Stream(5, 3, epoch=1, sample=index), is_single=False).patched():
            seen = distort(dict(img=np.ascontiguousarray(image[:, :, ::-1])))["img"]
        assert sha(seen[:, :, ::-1]) == digest, index
        assert sha(distorted(image, Stream(5, 3, epoch=1, sample=index))) == digest
    print(len(expected["training"]), "pipelines and", len(expected["distortion"]),
          "distortions of mmsegmentation: every pixel equal")


def scores():
    """Asserts that the restated scores are mmsegmentation's."""
    worst = 0.0
    for classes, used, count in ((7, 7, 12), (20, 6, 9), (150, 12, 4)):
        images = [scene(i, classes, used, 0.3, "a") for i in range(count)]
        results = []
        for raw, prediction in images:
            label = raw.astype(np.int64) - 1
            label[raw == 0] = 255
            results.append(IoUMetric.intersect_and_union(
                torch.from_numpy(prediction), torch.from_numpy(label), classes, 255))
        theirs = IoUMetric.total_area_to_metrics(
            *(sum(x) for x in zip(*results)), metrics=["mIoU", "mDice"])
        ours = numbers([sum(x) for x in zip(*(areas(p, raw, classes) for raw, p in images))])
        for name, each in (("IoU", "mIoU"), ("Acc", "mAcc"), ("Dice", "mDice")):
            worst = max(worst, abs(float(np.nanmean(theirs[name])) - ours[each]))
        worst = max(worst, abs(float(theirs["aAcc"]) - ours["aAcc"]))
    assert worst < 1e-6, worst  # theirs are sums in single precision
    print(f"scores of mmsegmentation: {worst:.1e}")


def main():
    cv2.setNumThreads(1)
    samples = detection()
    print(len(samples), "detection samples,", sum(len(s["masks"]) for s in samples), "masks")
    segmentation()
    scores()
    with open("../Fixtures/VisionData/openmmlab.json", "w") as file:
        json.dump(samples, file, separators=(",", ":"))
        file.write("\n")


main()
