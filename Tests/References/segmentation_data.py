"""Segmentation transforms by OpenCV, and the scores of mmsegmentation's rules restated in numpy.

Made with: opencv-python-headless 5.0.0.93 (4.12.0.88 gives the same file), numpy 2.4.6. Run from this
folder; writes ../Fixtures/VisionData/segmentation.json (SHA-256 of pixels, sizes, boxes) and
../Fixtures/Evaluation/segmentation.json (numbers). Pictures and label maps come from `fill`; random
draws come from a restatement of the package's counter-based stream.
"""
import hashlib
import json

import cv2
import numpy as np

from fill import fill

MEAN = np.array([123.675, 116.28, 103.53])
DEVIATION = np.array([58.395, 57.12, 57.375])


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def picture(name, width, height):
    """Random bytes, [height, width, 3], red first."""
    return fill(name, (height, width, 3), 127.5, 127.5).astype(np.uint8)


def regions(name, width, height, classes, ignored=0.1):
    """A label map of rectangles 5 high and 7 wide; some are 255."""
    rows, columns = (height + 4) // 5, (width + 6) // 7
    cells = fill(name, (rows, columns), 0.5, 0.5)
    values = np.minimum((cells * np.float32(classes)).astype(np.int64), classes - 1)
    values[fill(name + ".ignored", (rows, columns), 0.5, 0.5) < np.float32(ignored)] = 255
    y, x = np.arange(height) // 5, np.arange(width) // 7
    return values[y][:, x].astype(np.uint8)


class Stream:
    """The package's RandomStream: Philox 4x32-10 with (seed, purpose) as key."""

    MASK = 0xFFFFFFFF

    def __init__(self, seed, purpose, epoch=0, sample=0):
        mixed = seed ^ (purpose * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        self.key = (mixed & self.MASK, mixed >> 32)
        self.rest = (epoch, sample & self.MASK, sample >> 32)
        self.block, self.words = 0, []

    def next32(self):
        if not self.words:
            c, (k0, k1) = (self.block, *self.rest), self.key
            for _ in range(10):
                p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
                c = ((p1 >> 32) ^ c[1] ^ k0, p1 & self.MASK,
                     (p0 >> 32) ^ c[3] ^ k1, p0 & self.MASK)
                k0, k1 = (k0 + 0x9E3779B9) & self.MASK, (k1 + 0xBB67AE85) & self.MASK
            self.words = list(c)
            self.block += 1
        return self.words.pop(0)

    def next64(self):
        low = self.next32()
        return low | self.next32() << 32

    def unit(self):
        return (self.next64() >> 11) * 2.0**-53

    def uniform(self, low, high):
        return low + (high - low) * self.unit()

    def below(self, bound):
        product = self.next64() * bound
        if product & 0xFFFFFFFFFFFFFFFF < bound:
            while product & 0xFFFFFFFFFFFFFFFF < (2**64 - bound) % bound:
                product = self.next64() * bound
        return product >> 64


def linear(image, size):
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def nearest(labels, size):
    return cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)


def fitted(width, height, limit):
    k = min(max(limit) / max(height, width), min(limit) / min(height, width))
    return int(width * k + 0.5), int(height * k + 0.5)


def affine(values, alpha=1, beta=0):
    changed = values.astype(np.float32) * np.float32(alpha) + np.float32(beta)
    return np.clip(changed, 0, 255).astype(np.uint8)


def with_saturation(bgr, alpha):
    hsv = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)
    hsv[:, :, 1] = affine(hsv[:, :, 1], alpha)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def with_hue(bgr, steps):
    hsv = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + steps) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def distorted(rgb, stream):
    """Photometric distortion with draws from the stream; pixels red first in and out."""
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    if stream.below(2):
        bgr = affine(bgr, beta=stream.uniform(-32, 32))
    mode = stream.below(2)
    if mode == 1 and stream.below(2):
        bgr = affine(bgr, alpha=stream.uniform(0.5, 1.5))
    if stream.below(2):
        bgr = with_saturation(bgr, stream.uniform(0.5, 1.5))
    if stream.below(2):
        bgr = with_hue(bgr, stream.below(36) - 18)
    if mode == 0 and stream.below(2):
        bgr = affine(bgr, alpha=stream.uniform(0.5, 1.5))
    return np.ascontiguousarray(bgr[:, :, ::-1])


def is_varied(part, limit):
    values, counts = np.unique(part, return_counts=True)
    counts = counts[values != 255]
    return len(counts) > 1 and counts.max() / counts.sum() < limit


def crop_box(labels, size, limit, corner):
    """The chosen (top, left, height, width) for proposals made by `corner(margins)`."""
    height, width = labels.shape
    margins = max(height - size, 0), max(width - size, 0)

    def propose():
        top, left = corner(margins)
        return top, left, min(size, height - top), min(size, width - left)

    box = propose()
    if limit < 1:
        for _ in range(10):
            t, l, h, w = box
            if is_varied(labels[t:t + h, l:l + w], limit):
                break
            box = propose()
    return box


def trained(image, labels, stream, size):
    """The whole training pipeline."""
    ratio = stream.uniform(0.5, 2.0)
    limit = int(4 * size * ratio), int(size * ratio)
    new = fitted(image.shape[1], image.shape[0], limit)
    image, labels = linear(image, new), nearest(labels, new)

    def corner(margins):
        top = stream.below(margins[0] + 1)
        return top, stream.below(margins[1] + 1)

    t, l, h, w = crop_box(labels, size, 0.75, corner)
    image, labels = image[t:t + h, l:l + w], labels[t:t + h, l:l + w]
    if stream.unit() < 0.5:
        image, labels = image[:, ::-1], labels[:, ::-1]
    image = distorted(image, stream)
    return image, np.ascontiguousarray(labels)


def normalized(rgb):
    """As mmcv's imnormalize does it, [3, H, W]."""
    values = np.ascontiguousarray(rgb).astype(np.float32)
    cv2.subtract(values, MEAN.reshape(1, -1), values)
    cv2.multiply(values, 1 / DEVIATION.reshape(1, -1), values)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def padded(image, labels, size):
    planes = np.zeros((3, size, size), np.float32)
    planes[:, :image.shape[0], :image.shape[1]] = normalized(image)
    full = np.full((size, size), 255, np.uint8)
    full[:labels.shape[0], :labels.shape[1]] = labels
    return planes, full


def transforms():
    out = {"resize": {}, "nearest": {}, "sizes": [], "color": {}, "distortion": [], "training": [],
           "boxes": [], "passes": {}, "windows": []}
    pairs = [((683, 512), (342, 256)), ((128, 96), (64, 48)), ((500, 364), (703, 512)),
             ((47, 36), (90, 70)), ((47, 36), (23, 18)), ((48, 36), (24, 36)), ((48, 36), (24, 18)),
             ((2, 2), (7, 5)), ((1, 5), (4, 9)), ((5, 1), (3, 4)), ((333, 51), (301, 99)),
             ((64, 48), (224, 168)), ((64, 48), (64, 48)), ((101, 7), (11, 5))]
    for (width, height), new in pairs:
        name = f"{width}x{height} {new[0]}x{new[1]}"
        out["resize"][name] = sha(linear(picture("picture", width, height), new))
        out["nearest"][name] = sha(nearest(picture("map", width, height)[:, :, 0].copy(), new))
    ratios = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75] + [0.5 + 1.5 * float(x) for x in fill("r", 40, .5, .5)]
    shapes = [(683, 512), (500, 364), (256, 256), (400, 300), (512, 683), (768, 512), (1600, 1600),
              (2100, 520), (130, 96), (975, 975), (5000, 300), (300, 5000), (640, 480), (481, 321)]
    for index, ratio in enumerate(ratios):
        for width, height in shapes if index < 6 else [shapes[index % len(shapes)]]:
            limit = int(2048 * ratio), int(512 * ratio)
            out["sizes"].append([width, height, ratio, *fitted(width, height, limit)])

    # Every third level of each channel; 86 columns are two whole vectors and a remainder.
    levels = np.arange(0, 256, 3, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 86, 3)
    cube = np.ascontiguousarray(cube)
    for alpha in (1.0, 0.5, 0.7312, 1.49):
        out["color"][f"saturation {alpha}"] = sha(
            with_saturation(cube[:, :, ::-1].copy(), alpha)[:, :, ::-1])
    for steps in (0, -18, -1, 5, 17):
        out["color"][f"hue {steps}"] = sha(with_hue(cube[:, :, ::-1].copy(), steps)[:, :, ::-1])
    for alpha, beta in ((1.0, 17.3), (1.0, -31.9), (0.5001, 0.0), (1.4321, 0.0)):
        out["color"][f"values {alpha} {beta}"] = sha(affine(cube, alpha, beta))
    out["color"]["normalized"] = sha(normalized(cube))

    image = picture("picture", 100, 40)
    out["distortion"] = [
        sha(distorted(image, Stream(5, 3, epoch=1, sample=index))) for index in range(24)]

    image, labels = picture("picture", 150, 110), regions("train", 150, 110, 4)
    for index in range(16):
        a, b = trained(image, labels, Stream(9, 3, epoch=2, sample=index), 96)
        planes, full = padded(a, b, 96)
        out["training"].append([sha(a), sha(b), sha(planes), sha(full)])

    labels = regions("boxes", 70, 60, 3)
    labels[:30, :40] = 1
    labels[30:] = 255
    for limit in (0.75, 0.4, 1.0):
        stream = Stream(1, 3)

        def corner(margins):
            top = stream.below(margins[0] + 1)
            return top, stream.below(margins[1] + 1)

        out["boxes"].append(
            {"limit": limit,
             "boxes": [[int(x) for x in crop_box(labels, 24, limit, corner)] for _ in range(30)]})

    image = picture("picture", 48, 36)
    for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75):
        new = fitted(48, 36, (int(2048 * ratio), int(512 * ratio)))
        variant = linear(image, new)
        out["passes"][f"{ratio} {new[0]}x{new[1]}"] = [
            sha(variant), sha(cv2.flip(variant, 1))]

    for width, height, size, stride in ((683, 512, 512, 341), (512, 512, 512, 341), (90, 50, 40, 25),
                                        (30, 90, 40, 40), (2048, 1024, 512, 341), (81, 80, 40, 20)):
        boxes = []
        for row in range(max(height - size + stride - 1, 0) // stride + 1):
            for column in range(max(width - size + stride - 1, 0) // stride + 1):
                bottom = min(row * stride + size, height)
                right = min(column * stride + size, width)
                top, left = max(bottom - size, 0), max(right - size, 0)
                boxes.append([left, top, right - left, bottom - top])
        out["windows"].append({"of": [width, height, size, stride], "boxes": boxes})
    return out


# MARK: Scores


def areas(prediction, raw, classes):
    """Intersection, prediction and label areas of one image after reduce_zero_label."""
    label = raw.astype(np.int64)
    label[label == 0] = 255
    label = label - 1
    label[label == 254] = 255
    mask = label != 255
    prediction, label = prediction[mask], label[mask]
    both = prediction[prediction == label]
    edges = np.arange(classes + 1)
    return [np.histogram(x, bins=edges)[0] for x in (both, prediction, label)]


def numbers(total):
    both, predicted, labelled = (x.astype(np.float64) for x in total)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = both / (predicted + labelled - both)
        accuracy = both / labelled
        dice = 2 * both / (predicted + labelled)
    present = np.nan_to_num(iou)
    pixel = both.sum() / labelled.sum()
    return {
        "aAcc": pixel, "mIoU": np.nanmean(iou), "mAcc": np.nanmean(accuracy),
        "mDice": np.nanmean(dice), "IoU": [None if np.isnan(x) else x for x in iou],
        "Acc": [None if np.isnan(x) else x for x in accuracy], "devKitMIoU": present.mean(),
        "devKit": (pixel + present.mean()) / 2}


def scene(index, classes, used, wrong, network):
    """Raw labels (0 other) and a prediction; only `used` classes occur in the labels."""
    width, height = 60 + 7 * (index % 5), 45 + 5 * (index % 3)
    label = regions(f"scene {index}", width, height, used)
    raw = np.where(label == 255, 0, label + 1).astype(np.uint8)
    guess = regions(f"guess {network} {index}", width, height, classes, 0)
    chance = fill(f"chance {network} {index}", (height, width), 0.5, 0.5)
    prediction = np.where((chance < np.float32(wrong)) | (label == 255), guess, label)
    return raw, prediction.astype(np.int64)


def scores():
    out = {"cases": []}
    for classes, used, count in ((7, 7, 12), (20, 6, 9), (150, 12, 4), (3, 1, 2)):
        images = [scene(i, classes, used, 0.3, "a") for i in range(count)]
        parts = [areas(prediction, raw, classes) for raw, prediction in images]
        # A class that is predicted but never labelled, and one that is neither, are both wanted.
        case = {"classes": classes, "used": used, "count": count,
                "records": [[x.tolist() for x in part] for part in parts[:3]]}
        case.update(numbers([sum(x) for x in zip(*parts)]))
        out["cases"].append(case)

    count, classes = 60, 12
    both = []
    for network, wrong in (("a", 0.30), ("b", 0.34)):
        parts = [areas(p, raw, classes) for raw, p in
                 (scene(i, classes, 12, wrong, network) for i in range(count))]
        both.append(np.stack([np.stack(x) for x in parts]))  # [images, 3, classes]
    rng = np.random.default_rng(0)

    def miou(total):
        i, p, l = total
        with np.errstate(invalid="ignore"):
            return np.nanmean(i / (p + l - i))

    single, delta = [], []
    for _ in range(20000):
        weights = np.bincount(rng.integers(0, count, count), minlength=count)
        a, b = (miou(np.tensordot(weights, x, 1)) for x in both)
        single.append(a)
        delta.append(a - b)

    def summary(values, estimate):
        low, high = np.percentile(values, [2.5, 97.5])
        return {"estimate": estimate, "deviation": np.std(values, ddof=1), "low": low, "high": high}

    a, b = (miou(x.sum(0)) for x in both)
    out["bootstrap"] = {"count": count, "classes": classes, "single": summary(single, a),
                        "delta": summary(delta, a - b)}
    return out


def main():
    cv2.setNumThreads(1)
    for folder, content in (("VisionData", transforms()), ("Evaluation", scores())):
        with open(f"../Fixtures/{folder}/segmentation.json", "w") as file:
            json.dump(content, file, indent=None, separators=(",", ":"))
            file.write("\n")


if __name__ == "__main__":
    main()
