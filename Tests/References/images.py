"""Image files and the pixels a Python loader makes of them.

Made with: pillow 13.0.0, torchvision 0.29.2, numpy 2.4.6. Run from this folder; writes small files
to ../Fixtures/VisionData and the SHA-256 of every expected pixel array to images.json there.
"""
import hashlib
import json
import os

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torchvision.transforms import functional as F

FOLDER = "../Fixtures/VisionData/"


def scene(width, height):
    """A smooth image with edges and saturated colours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    r = 127 + 120 * np.sin(x / 5.0 + y / 9.0)
    g = 127 + 120 * np.cos(x / 7.0 - y / 4.0)
    b = (x * 255 / width + y * 3) % 256
    r[(x - 12) ** 2 + (y - 10) ** 2 < 40] = 250
    g[height // 2:height // 2 + 4] = 3
    return Image.fromarray(np.stack([r, g, b], -1).clip(0, 255).astype(np.uint8))


def sha(image):
    array = np.asarray(image)
    return hashlib.sha256(array.tobytes()).hexdigest()


def main():
    os.makedirs(FOLDER, exist_ok=True)
    image = scene(47, 36)
    image.save(FOLDER + "scene.png")
    files = {}

    def add(name, picture, **options):
        picture.save(FOLDER + name, **options)
        with Image.open(FOLDER + name) as opened:
            files[name] = sha(opened.convert("RGB"))

    add("baseline.jpg", image, quality=85)
    add("progressive.jpg", image, quality=70, progressive=True)
    add("full_chroma.jpg", image, quality=90, subsampling=0)
    add("gray.jpg", image.convert("L"), quality=85)
    add("cmyk.jpg", image.convert("CMYK"), quality=85)
    add("restart.jpg", image, quality=85, restart_marker_rows=1)
    add("gray.png", image.convert("L"))
    add("gray_alpha.png", image.convert("LA"))
    add("alpha.png", Image.merge("RGBA", (*image.split(), image.convert("L"))))
    add("palette.png", image.quantize(16))
    add("bilevel.png", image.convert("1"))
    transparent = image.quantize(8)
    add("palette_transparent.png", transparent, transparency=2)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        name = f"exif{orientation}.jpg"
        image.resize((17, 11)).save(FOLDER + name, quality=90, exif=exif)
        with Image.open(FOLDER + name) as opened:
            files[name] = sha(opened.convert("RGB"))
            files[name + " oriented"] = sha(ImageOps.exif_transpose(opened).convert("RGB"))

    t = {}
    for name, kind in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC), ("box", Image.BOX)):
        for w, h in ((20, 15), (47, 20), (60, 36), (91, 77), (8, 50)):
            t[f"resize {w}x{h} {name}"] = sha(image.resize((w, h), kind))
        t[f"box {name}"] = sha(image.crop((5, 7, 36, 30)).resize((24, 24), kind))
        t[f"shorter 24 {name}"] = sha(F.resize(image, 24, F.InterpolationMode(name)))
        t[f"shorter 50 {name}"] = sha(F.resize(image, 50, F.InterpolationMode(name)))
    t["center 30"] = sha(F.center_crop(image, 30))
    t["center 41"] = sha(F.center_crop(image, 41))
    t["center 60"] = sha(F.center_crop(image, 60))
    for factor in (0.6, 0.85, 1.0, 1.2, 1.4):
        t[f"brightness {factor}"] = sha(ImageEnhance.Brightness(image).enhance(factor))
        t[f"contrast {factor}"] = sha(ImageEnhance.Contrast(image).enhance(factor))
        t[f"saturation {factor}"] = sha(ImageEnhance.Color(image).enhance(factor))
    for factor in (-0.1, -0.04, 0.0, 0.03, 0.1, 0.5):
        t[f"hue {factor}"] = sha(F.adjust_hue(image, factor))
    t["gray"] = sha(image.convert("L").convert("RGB"))
    for sigma in (0.1, 0.3, 0.7, 1.3, 2.0):
        t[f"blur {sigma}"] = sha(image.filter(ImageFilter.GaussianBlur(sigma)))
    t["solarize"] = sha(ImageOps.solarize(image, 128))
    t["flip"] = sha(ImageOps.mirror(image))
    tensor = F.normalize(F.to_tensor(image), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    t["normalized"] = sha(tensor.numpy())
    with open(FOLDER + "images.json", "w") as file:
        json.dump({"files": files, "transforms": t}, file, indent=0)
        file.write("\n")


main()
