"""Pictures corrupted by the published code of ImageNet-C, with the package's own random numbers.

Made with: imagenet-c 0.0.3 (the authors' code) and imagecorruptions 1.1.2, numpy 1.26.4, scipy 1.11.4,
scikit-image 0.19.3, opencv-python-headless 4.8.1.78, pillow 10.4.0, setuptools 68.2.2, on Python 3.11. Run
from this folder; writes ../Fixtures/VisionData/corruptions.json (the SHA-256 of every corrupted picture)
and corruptions.png (eight rows of each, one below the other). It prints where imagecorruptions differs.

ImageMagick's motion blur is imagecorruptions' restatement of it here, rounded to whole levels; numpy's
generators give what the package's stream of the corruption, severity and image gives. `python
corruptions.py magick` compares that blur with ImageMagick's own, where its libraries are (seen 6.9.11-60:
no pixel differs).
"""
import ctypes
import hashlib
import io
import json
import sys
import types
import warnings

import cv2
import numpy as np
from PIL import Image

from segmentation_data import Stream

warnings.simplefilter("ignore")
FOLDER = "../Fixtures/VisionData/"
SIDE, INDEX = 224, 7
ROWS = [0, 31, 62, 93, 124, 155, 186, 223]


# MARK: Random numbers


class Draws:
    """All words of one stream at once."""

    SEED, PURPOSE = 0x496D6167654E6574, 3

    def __init__(self, number, severity, sample):
        one = Stream(self.SEED, self.PURPOSE, number * 8 + severity, sample)
        self.key, self.rest = one.key, one.rest
        self.at, self.words = 0, np.zeros(0, np.uint64)

    def blocks(self, first, count):
        mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
        c = [np.arange(first, first + count, dtype=np.uint64)]
        c += [np.full(count, word, np.uint64) for word in self.rest]
        k0, k1 = self.key
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
            c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & mask,
                 (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & mask]
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        return np.stack([c[0] | c[1] << shift, c[2] | c[3] << shift], -1).ravel()

    def take(self, count):
        if self.at + count > len(self.words):
            missing = max(1 << 16, self.at + count - len(self.words))
            self.words = np.concatenate(
                [self.words, self.blocks(len(self.words) // 2, missing // 2 + 1)])
        self.at += count
        return self.words[self.at - count:self.at]

    def unit(self, size):
        count = int(np.prod(size)) if size is not None else 1
        values = (self.take(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return values.reshape(size) if size is not None else float(values[0])

    def uniform(self, low=0.0, high=1.0, size=None):
        return low + (high - low) * self.unit(size)

    def normal(self, loc=0.0, scale=1.0, size=None):
        pairs = self.unit((int(np.prod(size)), 2))
        values = np.sqrt(-2 * np.log(1 - pairs[:, 0])) * np.cos(2 * np.pi * pairs[:, 1])
        return loc + scale * values.reshape(size)

    def randint(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        count = 1 if size is None else int(np.prod(size))
        values = [low + (int(word) * (high - low) >> 64) for word in self.take(count)]
        return values[0] if size is None else np.array(values).reshape(size)

    def poisson(self, mean):
        """The least count whose summed probability passes one uniform number."""
        mean, place = np.asarray(mean, np.float64), self.unit(np.shape(mean))
        probability = np.exp(-mean)
        total, result = probability.copy(), np.zeros(mean.shape, np.int64)
        for count in range(1, 1000):
            open_ = place >= total
            if not open_.any():
                break
            probability = probability * mean / count
            total = total + probability
            result[open_] = count
        return result

    # What scikit-image calls.
    def random(self, size):
        return self.unit(size)


def feed(draws):
    np.random.normal, np.random.uniform = draws.normal, draws.uniform
    np.random.randint, np.random.poisson = draws.randint, draws.poisson
    np.random.default_rng = lambda seed=None: draws


# MARK: ImageMagick's stand-in


class Picture:
    """Enough of Wand's image: a PNG in, a PNG out."""

    def __init__(self, blob):
        self.wand, self.pixels = self, np.array(Image.open(io.BytesIO(blob)))

    def make_blob(self):
        out = io.BytesIO()
        Image.fromarray(self.pixels).save(out, format="PNG")
        return out.getvalue()


def motion_blurred(picture, radius, sigma, angle):
    from imagecorruptions.corruptions import _motion_blur
    blurred = _motion_blur(picture.pixels, radius=int(radius), sigma=sigma, angle=angle)
    picture.pixels = np.floor(np.clip(blurred, 0, 255) + 0.5).astype(np.uint8)


def compare_with_magick():
    """The restated motion blur beside libMagickWand's, in the strengths of motion_blur and snow."""
    library = ctypes.CDLL("libMagickWand-6.Q16.so.6")
    pointer, size, real = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_double
    library.NewMagickWand.restype = pointer
    for name, arguments in [
            ("MagickConstituteImage", [pointer, size, size, ctypes.c_char_p, ctypes.c_int, pointer]),
            ("MagickMotionBlurImage", [pointer, real, real, real]),
            ("MagickExportImagePixels",
             [pointer, size, size, size, size, ctypes.c_char_p, ctypes.c_int, pointer])]:
        getattr(library, name).argtypes = arguments
    library.MagickWandGenesis()
    image, bytes_ = scene(), 1
    for radius, sigma in [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15), (10, 4), (12, 4), (12, 8),
                          (12, 12)]:
        worst = 0
        for angle in np.linspace(-135, 45, 41):
            own = types.SimpleNamespace(pixels=image)
            motion_blurred(own, radius, sigma, angle)
            wand, out = library.NewMagickWand(), np.zeros_like(image)
            done = library.MagickConstituteImage(
                wand, SIDE, SIDE, b"RGB", bytes_, image.ctypes.data)
            done &= library.MagickMotionBlurImage(wand, radius, sigma, angle)
            done &= library.MagickExportImagePixels(
                wand, 0, 0, SIDE, SIDE, b"RGB", bytes_, out.ctypes.data)
            assert done and not np.array_equal(out, image)
            worst = max(worst, np.abs(out.astype(int) - own.pixels).max())
        print(f"radius {radius}, sigma {sigma}: ImageMagick differs by {worst}")


def stand_in():
    for name in ["wand", "wand.image", "wand.api", "wand.color"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["wand.image"].Image = Picture
    sys.modules["wand.api"].library = types.SimpleNamespace(
        MagickMotionBlurImage=motion_blurred)
    sys.modules["wand"].color = sys.modules["wand.color"]


# MARK: Pictures


def scene():
    """Slopes, texture, edges, and flat white, black and gray."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    image = np.stack([x * 255 // 223, y * 255 // 223, (x ^ y) * 255 // 255], -1)
    image[(x - 60) ** 2 + (y - 70) ** 2 < 1600] = [240, 200, 20]
    image[(x % 16 < 3) & (y > 200)] = [200, 30, 60]
    for (left, top, right, bottom), colour in [
            ((130, 20, 200, 80), 255), ((20, 150, 90, 200), 0), ((120, 130, 210, 200), 128)]:
        image[top:bottom, left:right] = colour
    return image.astype(np.uint8)


def frost_picture(number):
    """A picture of ice, by rule; red first."""
    width, height = 260 + 10 * number, 250 + 5 * number
    y, x = np.mgrid[0:height, 0:width]
    value = (x * y * (number + 3) + 7 * x + 11 * y) % 256
    return np.stack([value, (value + x) % 256, (value + 2 * y) % 256], -1).astype(np.uint8)


def read_frost(path):
    return frost_picture(int(path[path.rindex("frost") + 5]) - 1)[..., ::-1]


def main():
    stand_in()
    import imagecorruptions
    import imagenet_c
    cv2.imread = read_frost
    digests, rows, image = {}, [], scene()
    for number, name in enumerate(imagenet_c.corruption_dict):
        worst, far = 0, 0
        for severity in range(1, 6):
            feed(Draws(number, severity, INDEX))
            made = imagenet_c.corrupt(image, severity, name)
            digests[f"{name} {severity}"] = hashlib.sha256(made.tobytes()).hexdigest()
            rows.append(made[ROWS])
            feed(Draws(number, severity, INDEX))
            other = imagecorruptions.corrupt(image, severity, name)
            difference = np.abs(made.astype(int) - other)
            worst, far = max(worst, difference.max()), max(far, (difference > 1).mean())
            if len(sys.argv) > 1:
                Image.fromarray(made).save(f"{sys.argv[1]}/{name}-{severity}.png")
        print(f"{name}: imagecorruptions differs by {worst}, by more than 1 in {far:.1%}")
    with open(FOLDER + "corruptions.json", "w") as file:
        json.dump(digests, file, indent=0, sort_keys=True)
        file.write("\n")
    Image.fromarray(np.concatenate(rows)).save(FOLDER + "corruptions.png", optimize=True)


compare_with_magick() if sys.argv[1:] == ["magick"] else main()
