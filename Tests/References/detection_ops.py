"""References of the detectors' box and mask arithmetic: anchors, assignment, coding, suppression,
proposals, mask targets, pasting, generalised IoU.

Made with: torch 2.15.0, torchvision 0.29.2, numpy 2.4.6. Run from this folder; writes
../Fixtures/Models/detection_ops.json. The rules are mmdetection 2.11's, restated here in torch and
checked against torchvision where it has the same operation (suppression, generalised IoU).
"""
import json
import math

import torch
import torch.nn.functional as F
import torchvision

from fill import fill

torch.set_num_threads(1)


def numbers(name, *shape):
    """Uniform numbers in 0...1."""
    return torch.from_numpy(fill(name, shape, 0.5, 0.5))


def boxes(name, count):
    v = numbers(name, count, 4)
    corner = v[:, :2] * 192
    return torch.cat([corner, corner + v[:, 2:] * 96 + 1], 1)


def base_anchors(stride, scale=8.0, ratios=(0.5, 1.0, 2.0)):
    tall = torch.tensor(ratios).sqrt()
    w, h = stride * (1 / tall) * scale, stride * tall * scale
    return torch.stack([-0.5 * w, -0.5 * h, 0.5 * w, 0.5 * h], 1)


def grid_anchors(stride, rows, columns):
    y, x = torch.meshgrid(torch.arange(rows) * stride, torch.arange(columns) * stride,
                          indexing="ij")
    shift = torch.stack([x, y, x, y], -1).float().reshape(-1, 1, 4)
    return (shift + base_anchors(stride)).reshape(-1, 4)


def iou(a, b):
    area = lambda t: (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])
    low = torch.max(a[:, None, :2], b[None, :, :2])
    high = torch.min(a[:, None, 2:], b[None, :, 2:])
    side = (high - low).clamp(min=0)
    shared = side[..., 0] * side[..., 1]
    return shared / (area(a)[:, None] + area(b)[None] - shared).clamp(min=1e-6)


def assign(candidates, objects, positive, negative, minimum, low_quality):
    result = torch.full((len(candidates),), -1)
    if len(objects) == 0:
        return torch.zeros_like(result)
    overlaps = iou(objects, candidates)
    for j in range(len(candidates)):
        best = float(overlaps[:, j].max())
        if best < negative:
            result[j] = 0
        if best >= positive:
            result[j] = int((overlaps[:, j] == overlaps[:, j].max()).nonzero()[0]) + 1
    if low_quality:
        for i in range(len(objects)):
            best = overlaps[i].max()
            if best >= minimum:
                result[overlaps[i] == best] = i + 1
    return result


def encode(box, target, deviations):
    centre = lambda t: (t[:, :2] + t[:, 2:]) * 0.5
    size = lambda t: t[:, 2:] - t[:, :2]
    shift = (centre(target) - centre(box)) / size(box)
    return torch.cat([shift, torch.log(size(target) / size(box))], 1) / torch.tensor(deviations)


def decode(box, deltas, deviations, limits=None):
    d = deltas * torch.tensor(deviations, dtype=deltas.dtype)
    bound = abs(math.log(16 / 1000))
    size = box[:, 2:] - box[:, :2]
    half = size * d[:, 2:].clamp(-bound, bound).exp() * 0.5
    centre = (box[:, :2] + box[:, 2:]) * 0.5 + size * d[:, :2]
    out = torch.cat([centre - half, centre + half], 1)
    if limits is not None:
        height, width = limits
        out = torch.stack([out[:, 0].clamp(0, width), out[:, 1].clamp(0, height),
                           out[:, 2].clamp(0, width), out[:, 3].clamp(0, height)], 1)
    return out


def suppress(candidates, scores, labels, threshold):
    shifted = candidates + (labels.float() * (candidates.max() + 1))[:, None]
    order = torch.sort(scores, descending=True, stable=True)[1].tolist()
    kept = []
    for i in order:
        if all(float(iou(shifted[i:i + 1], shifted[j:j + 1])) <= threshold for j in kept):
            kept.append(i)
    # torchvision's compiled kernel agrees where nothing lies at the threshold.
    assert kept == torchvision.ops.nms(shifted, scores, threshold).tolist()
    return kept


def proposals(levels, per_level, threshold, per_image, limits):
    found, scores, labels = [], [], []
    for number, (logits, deltas, anchors) in enumerate(levels):
        score = logits.sigmoid()
        order = torch.arange(len(score))
        if len(score) > per_level:
            order = torch.sort(score, descending=True, stable=True)[1][:per_level]
        found.append(decode(anchors[order], deltas[order], [1.0] * 4, limits))
        scores.append(score[order])
        labels.append(torch.full((len(order),), number))
    found, scores, labels = torch.cat(found), torch.cat(scores), torch.cat(labels)
    return found[suppress(found, scores, labels, threshold)[:per_image]]


def level(box):
    side = torch.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    return int(torch.floor(torch.log2(side / 56 + 1e-6)).clamp(0, 3))


def mask(height, width):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ellipse = ((x - 33) * (x - 33) * 4 + (y - 27) * (y - 27) * 9 < 4900) & ((x + 2 * y) % 11 != 0)
    return ellipse.to(torch.uint8)


def mask_target(bitmap, region, padded, size=28):
    height, width = padded
    canvas = torch.zeros(1, 1, height, width)
    canvas[0, 0, :bitmap.shape[0], :bitmap.shape[1]] = bitmap
    box = torch.stack([region[0].clamp(0, width), region[1].clamp(0, height),
                       region[2].clamp(0, width), region[3].clamp(0, height)])
    pooled = torchvision.ops.roi_align(canvas, [box[None]], size, 1.0, 0, True)[0, 0]
    return (pooled >= 0.5).int()


def paste(grid, box, height, width):
    y = (torch.arange(height) + 0.5 - box[1]) / (box[3] - box[1]) * 2 - 1
    x = (torch.arange(width) + 0.5 - box[0]) / (box[2] - box[0]) * 2 - 1
    at = torch.stack([x[None].expand(height, -1), y[:, None].expand(-1, width)], -1)
    image = F.grid_sample(grid[None, None], at[None], align_corners=False)[0, 0]
    return image >= 0.5


def runs(bitmap):
    flat = bitmap.t().reshape(-1).tolist()
    counts, value, length = [], False, 0
    for pixel in flat:
        if pixel != value:
            counts.append(length)
            value, length = pixel, 0
        length += 1
    return counts + [length]


def giou_loss(predicted, target):
    area = lambda t: (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])
    side = (torch.min(predicted[:, 2:], target[:, 2:])
            - torch.max(predicted[:, :2], target[:, :2])).clamp(min=0)
    shared = side[:, 0] * side[:, 1]
    union = (area(predicted) + area(target) - shared).clamp(min=1e-6)
    side = (torch.max(predicted[:, 2:], target[:, 2:])
            - torch.min(predicted[:, :2], target[:, :2])).clamp(min=0)
    outer = (side[:, 0] * side[:, 1]).clamp(min=1e-6)
    return 1 - (shared / union - (outer - union) / outer)


def main():
    report = {"base": [base_anchors(s).tolist() for s in (4, 8, 16, 32, 64)]}
    shapes = [(200, 336), (100, 168), (50, 84), (25, 42), (13, 21)]
    every = [grid_anchors(s, *m) for s, m in zip((4, 8, 16, 32, 64), shapes)]
    report["anchor_count"] = sum(len(a) for a in every)
    report["anchor_sums"] = [float(a.double().sum()) for a in every]
    report["inside"] = [int(((a[:, 0] >= 0) & (a[:, 1] >= 0) & (a[:, 2] < 1333)
                             & (a[:, 3] < 800)).sum()) for a in every]

    candidates, objects = boxes("candidates", 400), boxes("objects", 12)
    # A copy makes equal overlaps, a sliver makes an object without a good box.
    objects = torch.cat([objects, objects[3:4], torch.tensor([[10.0, 10, 12, 250]])])
    candidates = torch.cat([candidates, objects[:2], candidates[7:8]])
    report["assign"] = [assign(candidates, objects, *rule).tolist() for rule in (
        (0.7, 0.3, 0.3, True), (0.5, 0.5, 0.5, True), (0.6, 0.6, 0.6, False))]

    a, b = boxes("from", 24), boxes("to", 24)
    deviations = [0.1, 0.1, 0.2, 0.2]
    report["encoded"] = encode(a, b, deviations).tolist()
    strong = torch.from_numpy(fill("deltas", (24, 4), 40.0))
    report["decoded"] = decode(a, strong, deviations).tolist()
    report["clipped"] = decode(a, strong, deviations, (200, 240)).tolist()

    scores, labels = numbers("scores", 400), (numbers("labels", 400) * 5).int()
    scores[11] = scores[10]
    crowd = boxes("candidates", 400)
    report["kept"] = suppress(crowd, scores, labels, 0.5)

    levels = []
    for number, (stride, side) in enumerate(((4, 24), (8, 12), (16, 6))):
        anchors = grid_anchors(stride, side, side)
        logits = torch.from_numpy(fill(f"logits{number}", (len(anchors),), 4.0))
        deltas = torch.from_numpy(fill(f"deltas{number}", (len(anchors), 4), 1.0))
        levels.append((logits, deltas, anchors))
    report["proposals"] = proposals(levels, 200, 0.7, 150, (90, 96)).tolist()

    sides = [1.0, 111.9, 112.0, 113.0, 223.9, 224.0, 300.0, 447.9, 448.0, 900.0, 0.0]
    report["levels"] = [level(torch.tensor([3.0, 5.0, 3.0 + s, 5.0 + s])) for s in sides]

    bitmap = mask(60, 80)
    regions = torch.cat([boxes("regions", 12) * 0.3 - 4,
                         torch.tensor([[-5.0, -5, 90, 70], [20, 20, 20, 30], [70, 50, 79.5, 59.5],
                                       [30.0, 25.0, 30.6, 25.4]])])
    report["mask_targets"] = [
        "".join(str(v) for v in mask_target(bitmap, r, (64, 96)).flatten().tolist())
        for r in regions]

    report["pasted"] = []
    places = torch.cat([boxes("places", 6) * 0.25,
                        torch.tensor([[-8.0, -3, 30.5, 70], [3, 4, 3.5, 4.5]])])
    for index, place in enumerate(places):
        coarse = numbers(f"grid{index}", 1, 1, 5, 5)
        grid = F.interpolate(coarse, size=(28, 28), mode="nearest")[0, 0]
        report["pasted"].append(runs(paste(grid, place, 48, 64)))
    whole = paste(torch.ones(28, 28), torch.tensor([4.3, 5.1, 40.2, 33.9]), 48, 64)
    report["pasted"].append(runs(whole))

    deltas = torch.from_numpy(fill("deltas", (24, 4), 4.0)).double().requires_grad_()
    predicted = decode(a.double(), deltas, deviations)
    loss = giou_loss(predicted, b.double())
    theirs = torchvision.ops.generalized_box_iou_loss(predicted, b.double(), eps=0.0)
    assert torch.allclose(loss, theirs, atol=1e-9)
    loss.sum().backward()
    report["giou"] = {"loss": float(loss.sum().detach()), "slope": deltas.grad.tolist()}
    with open("../Fixtures/Models/detection_ops.json", "w") as file:
        json.dump(report, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
