"""Image files of every flavour, the pixels that Pillow makes of them, and torchvision's crop boxes.

Made with: pillow 13.0.0, torchvision 0.29.2, torch 2.15.0, numpy 2.4.6. Run from this folder;
writes small files to ../Fixtures/VisionData/flavours and what is expected of them to
flavours.json there.
"""
import hashlib
import io
import json
import math
import os
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional as F

FOLDER = "../Fixtures/VisionData/flavours/"
RNG = np.random.default_rng(20210510)

files, labels = {}, {}


def sha(pixels):
    return hashlib.sha256(np.asarray(pixels, dtype=np.uint8).tobytes()).hexdigest()


def write(name, data):
    with open(FOLDER + name, "wb") as file:
        file.write(data)


def photo(width, height):
    """Smooth colours with edges and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([
        128 + 120 * np.sin(x / 7 + y / 11), 128 + 110 * np.cos(x / 5 - y / 9),
        255 * x / width * (y > height / 3)], axis=-1)
    base[height // 4:height // 2, width // 3:width // 2] = (250, 10, 30)
    noisy = base + RNG.normal(0, 12, base.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


# PNG, written here because no library writes every flavour.

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(samples, bits):
    rows = b""
    for row in samples:
        flat = row.reshape(-1)
        if bits == 16:
            data = flat.astype(">u2").tobytes()
        elif bits == 8:
            data = flat.astype(np.uint8).tobytes()
        else:
            text = "".join(format(int(v), f"0{bits}b") for v in flat)
            text += "0" * (-len(text) % 8)
            data = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))
        rows += b"\0" + data
    return rows


def png(samples, color, bits, palette=None, transparent=None, interlaced=False, gamma=None):
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    if interlaced:
        steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                 (1, 0, 2, 2), (0, 1, 1, 2)]
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in steps]
        rows = b"".join(packed_rows(p, bits) for p in parts if p.size)
    else:
        rows = packed_rows(samples, bits)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if gamma:
        data += chunk(b"gAMA", struct.pack(">I", gamma))
    if palette is not None:
        data += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparent is not None:
        data += chunk(b"tRNS", transparent)
    return data + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def decoded(name, data, pixels=None):
    write(name, data)
    if pixels is None:
        pixels = Image.open(io.BytesIO(data)).convert("RGB")
    files[name] = sha(pixels)


def png_cases():
    def samples(bits, channels):
        return RNG.integers(0, 1 << bits, (13, 19, channels))
    colors = RNG.integers(0, 256, (256, 3))
    for bits in (1, 2, 4, 8):
        decoded(f"gray{bits}.png", png(samples(bits, 1), 0, bits))
    for interlaced in (False, True):
        name = "-interlaced" if interlaced else ""
        deep = samples(16, 1)
        # Pillow clips 16-bit gray to 255; the high byte is what it keeps of 16-bit colour.
        decoded(f"gray16{name}.png", png(deep, 0, 16, interlaced=interlaced),
                np.repeat(deep >> 8, 3, axis=2))
        decoded(f"rgba8{name}.png", png(samples(8, 4), 6, 8, interlaced=interlaced))
        decoded(f"palette4{name}.png",
                png(samples(4, 1), 3, 4, palette=colors[:16], interlaced=interlaced))
    decoded("gray8-transparent.png", png(samples(8, 1), 0, 8, transparent=b"\0\x40"))
    decoded("gray-alpha8.png", png(samples(8, 2), 4, 8))
    decoded("gray-alpha16.png", png(samples(16, 2), 4, 16))
    for bits in (1, 2, 8):
        decoded(f"palette{bits}.png", png(samples(bits, 1), 3, bits, palette=colors[:1 << bits]))
    decoded("palette8-transparent.png",
            png(samples(8, 1), 3, 8, palette=colors, transparent=bytes(range(200))))
    decoded("rgb8.png", png(samples(8, 3), 2, 8))
    decoded("rgb8-transparent.png", png(samples(8, 3), 2, 8, transparent=bytes(6)))
    decoded("rgb8-gamma.png", png(samples(8, 3), 2, 8, gamma=100000))
    decoded("rgb16.png", png(samples(16, 3), 2, 16))
    decoded("rgba16.png", png(samples(16, 4), 6, 16))
    # Labels are the stored numbers: gray with a gamma chunk and palettes.
    for name, bits, color in (("labels-gray8", 8, 0), ("labels-palette8", 8, 3),
                              ("labels-palette2", 2, 3)):
        stored = samples(bits, 1)
        palette = colors[:1 << bits] if color == 3 else None
        write(f"{name}.png", png(stored, color, bits, palette=palette, gamma=45455))
        labels[f"{name}.png"] = sha(stored)


def jpeg(image, **options):
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def jpeg_cases():
    image = photo(37, 27)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        decoded(f"{name}.jpg", jpeg(image, quality=85, subsampling=subsampling))
    decoded("420-progressive.jpg", jpeg(image, quality=80, progressive=True))
    decoded("420-optimized-q30.jpg", jpeg(image, quality=30, optimize=True))
    decoded("restarts.jpg", jpeg(image, quality=75, restart_marker_blocks=2))
    decoded("rgb.jpg", jpeg(image, quality=75, keep_rgb=True))
    decoded("gray.jpg", jpeg(image.convert("L"), quality=75))
    cmyk = jpeg(image.convert("CMYK"), quality=75)
    decoded("cmyk.jpg", cmyk)
    adobe = cmyk.index(b"Adobe")
    decoded("ycck.jpg", cmyk[:adobe + 11] + b"\2" + cmyk[adobe + 12:])
    # The same tables as 16-bit numbers: DQT with precision 1.
    data = jpeg(image, quality=60)
    at = data.index(b"\xff\xdb")
    length = struct.unpack(">H", data[at + 2:at + 4])[0]
    table = data[at + 5:at + 4 + length - 2]
    assert len(table) == 64, len(table)
    wide = b"\xff\xdb" + struct.pack(">HB", 131, 0x10) + b"".join(bytes([0, v]) for v in table)
    data = data[:at] + wide + data[at + 2 + length:]
    decoded("tables16.jpg", b"\xff\xd8" + data[2:])

    turned = photo(11, 7)
    little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    data = jpeg(turned, quality=90, exif=b"Exif\0\0" + little)
    name = "orientation6-little-endian.jpg"
    write(name, data)
    opened = Image.open(io.BytesIO(data))
    files[name + " oriented"] = sha(ImageOps.exif_transpose(opened).convert("RGB"))
    xmp = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:tiff="t" '
           b'tiff:Orientation="8"/></x:xmpmeta>')
    name = "orientation8-xmp.jpg"
    data = jpeg(turned, quality=90, xmp=xmp)
    write(name, data)
    opened = Image.open(io.BytesIO(data))
    files[name + " oriented"] = sha(ImageOps.exif_transpose(opened).convert("RGB"))
    # eXIf behind the pixels of a PNG, where it is allowed too.
    exif = chunk(b"eXIf", little)
    data = png(np.asarray(turned), 2, 8)
    end = data.index(b"IEND") - 4
    name = "orientation6.png"
    write(name, data[:end] + exif + data[end:])
    opened = Image.open(FOLDER + name)
    opened.load()
    files[name + " oriented"] = sha(ImageOps.exif_transpose(opened).convert("RGB"))
    # Data missing in the middle, with the marker that ends a file where it belongs: Pillow fills
    # the rest with gray and says nothing.
    data = jpeg(photo(37, 27), quality=80)
    data = data[:len(data) * 2 // 3] + b"\xff\xd9"
    name = "damaged.jpg"
    write(name, data)
    files[name + " accepted"] = sha(Image.open(FOLDER + name).convert("RGB"))


def hue_hash():
    """A hash (FNV-1a) of what every hue shift makes of a grid of colours."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    value = 0xCBF29CE484222325
    for shift in (-0.31, 0.0, 0.1):
        for byte in np.asarray(F.adjust_hue(Image.fromarray(grid), shift)).tobytes():
            value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return str(value)


def normalization():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tensor = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])(
            Image.fromarray(np.stack([ramp] * 3, axis=-1)))
    return [struct.unpack("<I", struct.pack("<f", v))[0] for v in tensor.flatten().tolist()]


def crop_regions():
    """torchvision's own region, fed with known uniform numbers."""
    class Known:
        def __init__(self, numbers):
            self.numbers = list(numbers)

        def __getattr__(self, name):
            return getattr(torch, name)

        def empty(self, _):
            return self

        def uniform_(self, low, high):
            low, high = float(low), float(high)
            self.value = low + (high - low) * self.numbers.pop(0)
            return self

        def randint(self, low, high, size):
            self.value = low + int(self.numbers.pop(0) * (high - low))
            return self

        def exp(self, _):
            self.value = math.exp(self.value)
            return self

        def item(self):
            return self.value

    module = transforms.transforms
    rows = []
    sizes = [(500, 375), (375, 500), (224, 224), (40, 300), (300, 40), (1, 1), (7, 5), (64, 48)]
    for index in range(64):
        width, height = sizes[index % len(sizes)]
        numbers = [round(v, 6) for v in RNG.random(24).tolist()]
        known = module.torch = Known(numbers)
        top, left, part_height, part_width = transforms.RandomResizedCrop.get_params(
            Image.new("L", (width, height)), [0.08, 1], [3 / 4, 4 / 3])
        module.torch = torch
        numbers = numbers[:24 - len(known.numbers)]
        rows.append(dict(width=width, height=height, numbers=numbers,
                         region=[left, top, part_width, part_height]))
    return rows


def main():
    os.makedirs(FOLDER, exist_ok=True)
    png_cases()
    jpeg_cases()
    index = dict(files=files, labels=labels, hueHash=hue_hash(), normalized=normalization(),
                 cropBoxes=crop_regions())
    with open(FOLDER + "flavours.json", "w") as file:
        json.dump(index, file, separators=(",", ":"))
        file.write("\n")


main()
