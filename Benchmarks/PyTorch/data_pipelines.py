"""From JPEG to normalised numbers with Pillow and torchvision, one thread, one JSON object a line.

Reads the files that `bench-kernels data FOLDER` leaves. Each pipeline is measured as recipes write it
(Pillow decodes and transforms), and with torchvision's own decoder and transforms of tensors.
"""
import argparse
import io
import json
import pathlib
import random
import resource
import time

import torch
from PIL import Image, ImageFilter, ImageOps
from torchvision import io as vision_io
from torchvision.transforms import InterpolationMode, v2
from torchvision import transforms

from measuring import best

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Blur:
    """MoBY's blur: a deviation of 0.1 to 2."""

    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2)))


def solarize(image):
    return ImageOps.solarize(image)


def pillow_pipelines():
    end = [transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]

    def view(blur, solar):
        return transforms.Compose([
            transforms.RandomResizedCrop(224, scale=(0.2, 1)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([Blur()], p=blur),
            transforms.RandomApply([solarize], p=solar),
        ] + end)

    return {
        "decode": [],
        "evaluation": [transforms.Compose([
            transforms.Resize(256, interpolation=InterpolationMode.BICUBIC),
            transforms.CenterCrop(224)] + end)],
        "crop and flip": [transforms.Compose([
            transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()] + end)],
        "two views": [view(1.0, 0.0), view(0.1, 0.2)],
    }


def tensor_pipelines():
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, DEVIATION)]

    def view(blur, solar):
        return v2.Compose([
            v2.RandomResizedCrop(224, scale=(0.2, 1), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            v2.RandomGrayscale(p=0.2),
            v2.RandomApply([v2.GaussianBlur(13, (0.1, 2))], p=blur),
            v2.RandomSolarize(128, p=solar),
        ] + end)

    return {
        "decode": [],
        "evaluation": [v2.Compose([
            v2.Resize(256, interpolation=InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(224)] + end)],
        "crop and flip": [v2.Compose([
            v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()] + end)],
        "two views": [view(1.0, 0.0), view(0.1, 0.2)],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = [path.read_bytes() for path in sorted(options.folder.glob("*.jpg"))]
    tensors = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]

    def pillow(views):
        for data in files:
            image = Image.open(io.BytesIO(data)).convert("RGB")
            for view in views:
                view(image)

    def torchvision(views):
        for data in tensors:
            image = vision_io.decode_jpeg(data, mode=vision_io.ImageReadMode.RGB)
            for view in views:
                view(image)

    for peer, pipelines, body in (("pillow", pillow_pipelines(), pillow),
                                  ("torchvision", tensor_pipelines(), torchvision)):
        for name, views in pipelines.items():
            seconds = best(lambda: body(views), 4, time.process_time)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps({"who": peer, "part": "data", "name": name, "peakMiB": peak,
                              "imagesPerSecond": len(files) / seconds}), flush=True)


if __name__ == "__main__":
    main()
