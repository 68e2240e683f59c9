"""Augmentations of the supervised recipes and of BYOL for fixed parameters.

Made with: timm 1.0.31, pillow 13.0.0, torch 2.15.0, torchvision 0.29.2, numpy 2.4.6, scipy 1.17.1,
safetensors 0.8.0, opencv-python-headless 4.12.0.88. Run from this folder after images.py; writes
augmentations.json (SHA-256 of 8-bit pixels, orders of images, erased rectangles) and
augmentations.safetensors to ../Fixtures/VisionData.

RandAugment, mixup, CutMix and random erasing come from timm with the random choices fixed. BYOL's
operations are written here in double precision from their definitions; hue and saturation are the
standard library's `colorsys`, the blur is scipy's.
"""
import colorsys
import hashlib
import json
import random
from unittest import mock

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from scipy.ndimage import correlate1d
from timm.data.auto_augment import rand_augment_transform
from timm.data.distributed_sampler import RepeatAugSampler
from timm.data.mixup import Mixup
from timm.data.random_erasing import RandomErasing

from fill import fill
from segmentation_data import Stream

torch.set_num_threads(1)
FOLDER = "../Fixtures/VisionData/"
FILL = (124, 116, 104)
# The names on the Swift side, in timm's order.
OPERATIONS = (
    "autoContrast equalize invert rotate posterize solarize solarizeAdd color contrast brightness "
    "sharpness shearX shearY translateX translateY").split()


def sha(image):
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()


def dim():
    """A square of little contrast in red, all values in green and one value in blue."""
    y, x = np.mgrid[0:64, 0:64]
    return Image.fromarray(
        np.stack([40 + (7 * x + 3 * y) % 50, x * y % 256, np.full_like(x, 77)], -1).astype(np.uint8))


def pixel_operations(images):
    """Every operation of rand-m9-mstd0.5-inc1 at several strengths, in both directions."""
    transform = rand_augment_transform(
        "rand-m9-mstd0.5-inc1",
        dict(translate_const=100, img_mean=FILL, interpolation=Image.BICUBIC))
    assert len(transform.ops) == len(OPERATIONS) and transform.num_layers == 2
    assert all(op.prob == 0.5 and op.magnitude == 9 for op in transform.ops)
    assert all(op.hparams["magnitude_std"] == 0.5 for op in transform.ops)
    results = {}
    for title, image in images.items():
        for name, op in zip(OPERATIONS, transform.ops):
            op.prob, op.magnitude_std = 1.0, 0
            for magnitude in (0.0, 3.7, 8.6, 9.0, 9.31, 10.0):
                for sign, number in (("+", 0.1), ("-", 0.9)):
                    op.magnitude = magnitude
                    with mock.patch.object(random, "random", lambda: number):
                        key = f"{title} {name} {sign}{magnitude}"
                        # Pillow 13 refuses to keep no bits; older ones made the image black.
                        black = name == "posterize" and magnitude == 10
                        results[key] = sha(Image.new("RGB", image.size) if black else op(image))
        for degrees in (-400.5, -90.0, 0.0, 12.0, 45.0, 90.0, 180.0, 270.0, 360.0):
            turned = image.rotate(degrees, Image.BICUBIC, fillcolor=FILL)
            results[f"{title} rotate by {degrees}"] = sha(turned)
    return results


def repeated_orders():
    """Orders of repeated augmentation without the shuffle, by 'count rank world'."""
    results = {}
    for count, rank, world in (
            (300, 0, 1), (300, 2, 7), (100, 0, 1), (100, 3, 8), (700, 1, 2), (5, 3, 4)):
        sampler = RepeatAugSampler(range(count), num_replicas=world, rank=rank, shuffle=False)
        results[f"{count} {rank} {world}"] = list(sampler)
    return results


def mixing():
    """Batches and targets of timm's Mixup for fixed shares and centres."""
    labels = torch.tensor([1, 0, 2, 1, 1, 4])
    results = {}
    cases = {
        "blend 0.3": (0.3, False, 0, 0), "blend 0.85": (0.85, False, 0, 0),
        "paste 0.4 5 3": (0.4, True, 3, 5), "paste 0.75 0 7": (0.75, True, 7, 0),
        "paste 0.02 9 2": (0.02, True, 2, 9), "paste 0.999 4 4": (0.999, True, 4, 4),
    }
    for name, (share, is_cutmix, y, x) in cases.items():
        mixup = Mixup(0.8, 1.0, prob=1, switch_prob=0.5, label_smoothing=0.1, num_classes=5)
        batch = torch.from_numpy(fill("mixup", (6, 3, 8, 10)))
        centre = iter((y, x))
        with mock.patch.object(mixup, "_params_per_batch", lambda: (share, is_cutmix)), \
                mock.patch.object(np.random, "randint", lambda *a, **k: next(centre)):
            images, targets = mixup(batch, labels)
        results[f"mix/{name}/images"] = images.numpy()
        results[f"mix/{name}/targets"] = targets.numpy()
    return results


def erasures():
    """Rectangles (left, top, width, height) that timm erases with the package's draws, or none."""
    results = []
    for width, height, probability in ((224, 224, 0.25), (40, 13, 1.0), (9, 30, 1.0)):
        erase = RandomErasing(probability, mode="const", device="cpu")
        for index in range(30):
            stream = Stream(4, 3, epoch=1, sample=index)
            with mock.patch.multiple(
                    random, random=stream.unit, uniform=stream.uniform,
                    randint=lambda low, high: low + stream.below(high - low + 1)):
                image = erase(torch.ones(3, height, width))
            rows, columns = (image[0] == 0).nonzero(as_tuple=True)
            box = [] if len(rows) == 0 else [
                int(columns.min()), int(rows.min()), int(columns.max() - columns.min()) + 1,
                int(rows.max() - rows.min()) + 1]
            results.append([width, height, probability, index, *box])
    assert any(len(r) == 4 for r in results) and sum(len(r) == 8 for r in results) > 60
    return results


def cubic_matrix(size_in, size_out):
    """TensorFlow's bicubic weights, half-pixel centres, no antialiasing: [size_out, size_in]."""
    def keys(x):
        x = abs(x)
        if x <= 1:
            return 1.5 * x ** 3 - 2.5 * x ** 2 + 1
        return -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 if x < 2 else 0.0

    matrix = np.zeros((size_out, size_in))
    scale = np.float32(size_in) / np.float32(size_out)
    for i in range(size_out):
        place = (np.float32(i) + np.float32(0.5)) * scale - np.float32(0.5)
        first = int(np.floor(place))
        # The weights come from a table of 1024 steps.
        step = np.rint((place - np.float32(first)) * np.float32(1024)) / 1024
        for tap in range(-1, 3):
            if 0 <= first + tap < size_in:
                matrix[i, first + tap] = keys(step - tap)
        matrix[i] /= matrix[i].sum()
    return matrix


def resized(pixels, height, width):
    rows, columns = cubic_matrix(pixels.shape[0], height), cubic_matrix(pixels.shape[1], width)
    return (np.einsum("yi,ijc,xj->yxc", rows, pixels.astype(np.float64), columns) / 255).clip(0, 1)


def through_hsv(image, change):
    out = np.empty_like(image)
    for at in np.ndindex(image.shape[:2]):
        out[at] = colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*image[at])))
    return out


def byol(scene):
    """BYOL's operations on real numbers, [3, H, W]; the input of all but 'resize' is 'input'."""
    pixels = np.asarray(scene)
    results = {
        "resize 20x20": resized(pixels, 20, 20),
        "resize 24x26 of box": resized(pixels[7:30, 5:16], 26, 24),
    }
    # The operations start from single precision, as they do on the other side.
    image = resized(pixels, 15, 17).astype(np.float32).astype(np.float64)
    image[3, 4] = image[3, 5] = 0
    image[5, 5] = 0.25
    results["input"] = image
    for delta in (-0.4, 0.13, 0.4):
        results[f"brightness {delta}"] = image + delta
    for factor in (0.6, 1.37):
        mean = image.mean((0, 1), keepdims=True)
        results[f"contrast {factor}"] = factor * (image - mean) + mean
    for factor in (0.8, 1.2):
        results[f"saturation {factor}"] = through_hsv(
            image, lambda h, s, v: (h, min(1, s * factor), v))
    for delta in (-0.1, 0.04, 0.1):
        results[f"hue {delta}"] = through_hsv(image, lambda h, s, v: ((h + delta) % 1, s, v))
    gray = image @ np.array([0.2989, 0.5870, 0.1140])
    results["gray"] = np.repeat(gray[..., None], 3, -1)
    results["solarize"] = np.where(image < 0.5, image, 1 - image)
    for sigma, radius in ((0.1, 2), (0.9, 3), (2.0, 11)):
        x = np.arange(-radius, radius + 1)
        weights = np.exp(-x ** 2 / (2 * sigma ** 2))
        weights /= weights.sum()
        blurred = correlate1d(image, weights, axis=1, mode="constant")
        results[f"blur {sigma} {radius}"] = correlate1d(blurred, weights, axis=0, mode="constant")
    normalized = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    results = {key: value.clip(0, 1) for key, value in results.items()}
    results["normalized"] = normalized
    return {
        f"byol/{key}": np.ascontiguousarray(value.transpose(2, 0, 1)).astype(np.float32)
        for key, value in results.items()}


def main():
    scene = Image.open(FOLDER + "scene.png").convert("RGB")
    results = {
        "pixels": pixel_operations({"scene": scene, "dim": dim()}),
        "orders": repeated_orders(),
        "erasures": erasures(),
    }
    with open(FOLDER + "augmentations.json", "w") as file:
        json.dump(results, file, indent=0)
        file.write("\n")
    save_file({**mixing(), **byol(scene)}, FOLDER + "augmentations.safetensors")


main()
