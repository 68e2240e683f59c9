"""References of the operations of detection and segmentation heads.

Made with: torch 2.15.0, torchvision 0.29.2, numpy 2.4.6, safetensors 0.8.0. Run from this folder;
writes ../Fixtures/TensorCore/dense_operations.safetensors.

Maps are channel-last on our side and permuted here. Inputs are made from names as in engine.py.
"""
import math

import torch
import torch.nn.functional as F
import torchvision
from safetensors.numpy import save_file
from torchvision.ops.boxes import _batched_nms_coordinate_trick

from engine import case, operations
from fill import fill

torch.set_num_threads(1)


def planar(function):
    """A function of channel-first maps as one of channel-last maps."""
    return lambda x, **rest: function(x.permute(0, 3, 1, 2), **rest).permute(0, 2, 3, 1)


def regions():
    """Regions inside, across and outside a 12 x 15 map at scale 1/2, large, tiny and empty."""
    corners = [
        (0, 3.2, 2.1, 19.7, 17.9), (1, 0, 0, 30, 24), (0, -7.5, -3, 9, 40), (1, 11, 5, 11.4, 5.3),
        (0, 8, 8, 8, 8), (1, 26, 21, 44, 33), (0, 50, 50, 60, 60), (1, 1.7, 0.3, 28.9, 3.1)]
    return torch.tensor(corners)


def align(size, ratio, aligned, scale=0.5):
    return planar(lambda x: torchvision.ops.roi_align(
        x, regions().to(x.dtype), size, spatial_scale=scale, sampling_ratio=ratio,
        aligned=aligned))


def proposals(count, dtype):
    i = torch.arange(count, dtype=dtype)
    return torch.stack([3 * i, 2 * i, 4 * i + 10, 2.5 * i + 8], 1)


DEVIATIONS = (0.1, 0.1, 0.2, 0.2)


def decode(x):
    p = proposals(len(x), x.dtype)
    d = x * torch.tensor(DEVIATIONS, dtype=x.dtype)
    size, centre = p[:, 2:] - p[:, :2], (p[:, 2:] + p[:, :2]) / 2
    limit = abs(math.log(16 / 1000))
    middle = centre + size * d[:, :2]
    side = size * d[:, 2:].clamp(-limit, limit).exp()
    return torch.cat([middle - side / 2, middle + side / 2], 1)


def giou(x):
    """1 - GIoU as mmdetection's bbox_overlaps computes it, against the proposals."""
    boxes, target = decode(x), proposals(len(x), x.dtype)
    least = torch.tensor(1e-6, dtype=x.dtype)

    def area(b):
        return (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])

    def extent(low, high):
        side = (high - low).clamp(min=0)
        return side[:, 0] * side[:, 1]

    inside = extent(torch.max(boxes[:, :2], target[:, :2]), torch.min(boxes[:, 2:], target[:, 2:]))
    union = torch.max(area(boxes) + area(target) - inside, least)
    around = extent(torch.min(boxes[:, :2], target[:, :2]), torch.max(boxes[:, 2:], target[:, 2:]))
    around = torch.max(around, least)
    return (1 - (inside / union - (around - union) / around)).sum().reshape(1) / 7


def make_operations():
    case("convolution", planar(lambda x, weight, bias: F.conv2d(x, weight, bias, padding=1)),
         x=(2, 9, 6, 5), weight=(7, 5, 3, 3), bias=(7,))
    case("convolution_rectified",
         planar(lambda x, weight, bias: F.conv2d(x, weight, bias, padding=1).relu()),
         x=(1, 5, 8, 3), weight=(4, 3, 3, 3), bias=(4,))
    case("convolution_transposed",
         planar(lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2)),
         x=(2, 3, 4, 5), weight=(5, 6, 2, 2), bias=(6,))
    case("subsampled", planar(lambda x: F.max_pool2d(x, 1, stride=2)), x=(2, 5, 6, 3))
    for size in (1, 2, 3, 6):
        case(f"adaptive_average_{size}", planar(lambda x: F.adaptive_avg_pool2d(x, size)),
             x=(2, 11, 8, 5))
    for name, size in (("up", (13, 18)), ("down", (3, 4)), ("one", (1, 1)), ("double", (10, 14))):
        for corners in (False, True):
            case(f"bilinear_{name}" + ("_corners" if corners else ""),
                 planar(lambda x: F.interpolate(
                     x, size=size, mode="bilinear", align_corners=corners)), x=(2, 5, 7, 3))
        case(f"nearest_{name}", planar(lambda x: F.interpolate(x, size=size)), x=(2, 5, 7, 3))
    for name, size, ratio, aligned in (
            ("adaptive", (7, 7), 0, True), ("fixed", (3, 4), 2, True),
            ("unaligned", (4, 3), 0, False), ("unaligned_fixed", (2, 2), 3, False)):
        case(f"region_{name}", align(size, ratio, aligned), x=(2, 12, 15, 3))
    case("region_mask", align((5, 5), 0, True, scale=1.0), x=(2, 30, 44, 1))

    targets = torch.tensor([(5 * row + 2) % 13 if row % 4 else 255 for row in range(10)])
    case("cross_entropy_ignoring", lambda x: F.cross_entropy(
        x, targets, ignore_index=255, reduction="sum").reshape(1) / 10,
         range_=(3.0, 0.0), x=(10, 13))
    case("cross_entropy_mean_ignoring",
         lambda x: F.cross_entropy(x, targets, ignore_index=255).reshape(1),
         range_=(3.0, 0.0), x=(10, 13))
    fixed = dict(x=(6, 9), targets=(6, 9), weights=(6, 9))
    case("binary_cross_entropy", lambda x, targets, weights: F.binary_cross_entropy_with_logits(
        x, targets.abs(), weights.clamp(min=0), reduction="sum").reshape(1) / 11,
         range_=(20.0, 0.0), constants=("targets", "weights"), **fixed)
    case("l1", lambda x, targets, weights: (
        (x - targets).abs() * weights.clamp(min=0)).sum().reshape(1) / 11,
         constants=("targets", "weights"), **fixed)
    case("smooth_l1", lambda x, targets, weights: (F.smooth_l1_loss(
        x, targets, beta=1 / 9, reduction="none") * weights.clamp(min=0)).sum().reshape(1) / 11,
         constants=("targets", "weights"), **fixed)
    case("decoded", decode, range_=(24.0, 0.0), x=(9, 4))
    case("generalized_iou", giou, range_=(6.0, 0.0), x=(9, 4))
    case("batch_norm_rectified", lambda x, weight, bias: F.batch_norm(
        x, None, None, weight, bias, training=True).relu(), range_=(2.0, 0.5),
         x=(40, 21), weight=(21,), bias=(21,))


def make_suppression():
    """Boxes in clumps with scores of 32 steps, so that many are equal."""
    count = 400
    places, sizes = fill("nms.places", (count, 2), 60, 100), fill("nms.sizes", (count, 2), 20, 30)
    boxes = torch.from_numpy(places).repeat(1, 2)
    boxes[:, 2:] += torch.from_numpy(sizes)
    scores = torch.from_numpy(fill("nms.scores", (count,)))
    scores = (scores * 16).round() / 16
    classes = torch.arange(count) * 7 % 5
    for threshold in (0.3, 0.5, 0.7):
        name = f"nms/{int(10 * threshold)}"
        operations[name] = torchvision.ops.nms(boxes, scores, threshold).float().numpy()
        operations[name + "/classes"] = _batched_nms_coordinate_trick(
            boxes, scores, classes, threshold).float().numpy()


if __name__ == "__main__":
    make_operations()
    make_suppression()
    save_file(operations, "../Fixtures/TensorCore/dense_operations.safetensors")
