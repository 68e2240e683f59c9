"""Losses and gradients of whole detectors on a small configuration, composed in torch.

Made with: torch 2.15.0, torchvision 0.29.2, numpy 2.4.6. Run from this folder; writes
../Fixtures/Models/detectors.json. Follows mmdetection 2.11's training flow; the samplers take every
positive and negative, so nothing is drawn. Weights and images come from `fill.py` by name.
"""
import json

import torch
import torch.nn.functional as F
import torchvision

from backbones import samples, swin, swin_parameters
from detection_ops import assign, base_anchors, decode, encode, giou_loss, mask_target, suppress
from fill import fill, weight

torch.set_num_threads(1)

CLASSES, CHANNELS, HIDDEN = 5, 8, 24
BACKBONE = dict(embed=8, depths=[1, 2, 1, 1], heads=[1, 2, 2, 4], window=4)
STRIDES = (4, 8, 16, 32, 64)
PER_LEVEL, PER_IMAGE = 60, 50
SIZES, PADDED = [(90, 120), (64, 100)], [(96, 128), (64, 128)]
BATCH_SIZE = (96, 128)
STAGES = {"mask": [(0.5, (0.1, 0.1, 0.2, 0.2), 1.0, True)],
          "cascade": [(0.5, (0.1, 0.1, 0.2, 0.2), 1.0, False),
                      (0.6, (0.05, 0.05, 0.1, 0.1), 0.5, False),
                      (0.7, (0.033, 0.033, 0.067, 0.067), 0.25, False)]}


def shapes(kind):
    result = {"backbone." + k: s for k, s in swin_parameters(dense=True, **BACKBONE).items()}
    for i in range(4):
        result |= {f"neck.lateral_convs.{i}.conv.weight": (CHANNELS, 8 << i, 1, 1),
                   f"neck.lateral_convs.{i}.conv.bias": (CHANNELS,),
                   f"neck.fpn_convs.{i}.conv.weight": (CHANNELS, CHANNELS, 3, 3),
                   f"neck.fpn_convs.{i}.conv.bias": (CHANNELS,)}
    for name, shape in (("conv", (CHANNELS, CHANNELS, 3, 3)), ("cls", (3, CHANNELS, 1, 1)),
                        ("reg", (12, CHANNELS, 1, 1))):
        result |= {f"rpn_head.rpn_{name}.weight": shape, f"rpn_head.rpn_{name}.bias": shape[:1]}
    for suffix in suffixes(kind):
        box, mask = f"roi_head.bbox_head.{suffix}", f"roi_head.mask_head.{suffix}"
        widths = [CHANNELS * 49, HIDDEN] if kind == "mask" else [CHANNELS * 49]
        if kind == "cascade":
            for i in range(4):
                result |= {f"{box}shared_convs.{i}.conv.weight": (CHANNELS, CHANNELS, 3, 3),
                           f"{box}shared_convs.{i}.bn.weight": (CHANNELS,),
                           f"{box}shared_convs.{i}.bn.bias": (CHANNELS,)}
        for i, width in enumerate(widths):
            result |= {f"{box}shared_fcs.{i}.weight": (HIDDEN, width),
                       f"{box}shared_fcs.{i}.bias": (HIDDEN,)}
        result |= {box + "fc_cls.weight": (CLASSES + 1, HIDDEN),
                   box + "fc_cls.bias": (CLASSES + 1,),
                   box + "fc_reg.weight": (4 * CLASSES, HIDDEN),
                   box + "fc_reg.bias": (4 * CLASSES,)}
        for i in range(4):
            result |= {f"{mask}convs.{i}.conv.weight": (CHANNELS, CHANNELS, 3, 3),
                       f"{mask}convs.{i}.conv.bias": (CHANNELS,)}
        result |= {mask + "upsample.weight": (CHANNELS, CHANNELS, 2, 2),
                   mask + "upsample.bias": (CHANNELS,),
                   mask + "conv_logits.weight": (CLASSES, CHANNELS, 1, 1),
                   mask + "conv_logits.bias": (CLASSES,)}
    return result


def suffixes(kind):
    return [""] if kind == "mask" else ["0.", "1.", "2."]


def target(image):
    """Three objects in the first image, one in the second: fixed boxes, striped masks."""
    places = [[(10.0, 12, 60, 70), (55, 20, 110, 52), (5, 60, 40, 88)], [(20, 8, 77, 50)]][image]
    labels = [[1, 4, 0], [2]][image]
    height, width = SIZES[image]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    masks = []
    for x1, y1, x2, y2 in places:
        inside = (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
        masks.append((inside & ((x + 3 * y) % 16 > 3)).to(torch.uint8))
    return torch.tensor(places), labels, masks


def anchors_of(stride, rows, columns):
    y, x = torch.meshgrid(torch.arange(rows) * stride, torch.arange(columns) * stride,
                          indexing="ij")
    shift = torch.stack([x, y, x, y], -1).float().reshape(-1, 1, 4)
    return (shift + base_anchors(stride, scale=4.0)).reshape(-1, 4)


def pyramid(p, images):
    q = {k[len("backbone."):]: v for k, v in p.items() if k.startswith("backbone.")}
    stages, (h, w) = [], (BATCH_SIZE[0] // 4, BATCH_SIZE[1] // 4)
    for i, tokens in enumerate(swin(images, q, dense=True, **BACKBONE)):
        stages.append(tokens.transpose(1, 2).reshape(2, 8 << i, h, w))
        h, w = (h + 1) // 2, (w + 1) // 2
    conv = lambda x, key, pad: F.conv2d(x, p[key + ".weight"], p[key + ".bias"], padding=pad)
    maps = [conv(x, f"neck.lateral_convs.{i}.conv", 0) for i, x in enumerate(stages)]
    for i in (3, 2, 1):
        maps[i - 1] = maps[i - 1] + F.interpolate(maps[i], size=maps[i - 1].shape[2:])
    maps = [conv(x, f"neck.fpn_convs.{i}.conv", 1) for i, x in enumerate(maps)]
    return maps + [F.max_pool2d(maps[3], 1, 2)]


def rpn(p, maps):
    outputs = []
    for x in maps:
        x = F.relu(F.conv2d(x, p["rpn_head.rpn_conv.weight"], p["rpn_head.rpn_conv.bias"],
                            padding=1))
        logits = F.conv2d(x, p["rpn_head.rpn_cls.weight"], p["rpn_head.rpn_cls.bias"])
        deltas = F.conv2d(x, p["rpn_head.rpn_reg.weight"], p["rpn_head.rpn_reg.bias"])
        outputs.append((logits.permute(0, 2, 3, 1).reshape(2, -1),
                        deltas.permute(0, 2, 3, 1).reshape(2, -1, 4)))
    return outputs


def rpn_losses(outputs, maps, kind):
    logits = torch.cat([o[0] for o in outputs], 1)
    deltas = torch.cat([o[1] for o in outputs], 1)
    picked, count = [], 0
    for image in range(2):
        anchors, flags = [], []
        for (rows, columns), stride in zip((m.shape[2:] for m in maps), STRIDES):
            boxes = anchors_of(stride, rows, columns)
            valid = torch.zeros(rows, columns, 3, dtype=torch.bool)
            own = [-(-side // stride) for side in PADDED[image]]
            valid[:own[0], :own[1]] = True
            valid = valid.reshape(-1)
            if kind == "cascade":
                height, width = SIZES[image]
                valid &= ((boxes[:, 0] >= 0) & (boxes[:, 1] >= 0) & (boxes[:, 2] < width)
                          & (boxes[:, 3] < height))
            anchors.append(boxes)
            flags.append(valid)
        anchors, places = torch.cat(anchors), torch.cat(flags).nonzero()[:, 0]
        objects = target(image)[0]
        given = assign(anchors[places], objects, 0.7, 0.3, 0.3, True)
        positive, negative = places[given > 0], places[given == 0]
        count += max(1, len(positive)) + max(1, len(negative))
        wanted = encode(anchors[positive], objects[given[given > 0] - 1], [1.0] * 4)
        picked.append((image, positive, negative, wanted))
    objectness = regression = 0
    for image, positive, negative, wanted in picked:
        for places, value in ((positive, 1.0), (negative, 0.0)):
            x = logits[image, places]
            objectness = objectness + F.binary_cross_entropy_with_logits(
                x, torch.full_like(x, value), reduction="sum") / count
        x, wanted = deltas[image, positive], wanted.to(deltas.dtype)
        if kind == "mask":
            regression = regression + (x - wanted).abs().sum() / count
        else:
            regression = regression + F.smooth_l1_loss(
                x, wanted, beta=1 / 9, reduction="sum") / count
    return objectness, regression


def proposals_of(outputs, maps, image):
    found, scores, labels = [], [], []
    for number, ((logits, deltas), x) in enumerate(zip(outputs, maps)):
        score = logits[image].detach().float().sigmoid()
        order = torch.arange(len(score))
        if len(score) > PER_LEVEL:
            order = torch.sort(score, descending=True, stable=True)[1][:PER_LEVEL]
        anchors = anchors_of(STRIDES[number], *x.shape[2:])
        found.append(decode(anchors[order], deltas[image].detach().float()[order], [1.0] * 4,
                            SIZES[image]))
        scores.append(score[order])
        labels.append(torch.full((len(order),), number))
    found, scores, labels = torch.cat(found), torch.cat(scores), torch.cat(labels)
    return found[suppress(found, scores, labels, 0.7)[:PER_IMAGE]]


def pooled(maps, images, boxes, size):
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    levels = torch.floor(torch.log2(side / 56 + 1e-6)).clamp(0, 3)
    out = maps[0].new_zeros(len(boxes), maps[0].shape[1], size, size)
    for level in range(4):
        chosen = (levels == level).nonzero()[:, 0]
        if len(chosen):
            rois = torch.cat([images[chosen, None].to(maps[0].dtype),
                              boxes[chosen].to(maps[0].dtype)], 1)
            out = out.index_copy(0, chosen, torchvision.ops.roi_align(
                maps[level], rois, size, 1 / STRIDES[level], 0, True))
    return out


def box_head(p, x, key, kind):
    if kind == "cascade":
        for i in range(4):
            x = F.conv2d(x, p[f"{key}shared_convs.{i}.conv.weight"], padding=1)
            x = F.relu(F.batch_norm(x, None, None, p[f"{key}shared_convs.{i}.bn.weight"],
                                    p[f"{key}shared_convs.{i}.bn.bias"], True, 0.1, 1e-5))
    x = x.flatten(1)
    for i in range(2 if kind == "mask" else 1):
        x = F.relu(F.linear(x, p[f"{key}shared_fcs.{i}.weight"], p[f"{key}shared_fcs.{i}.bias"]))
    return (F.linear(x, p[key + "fc_cls.weight"], p[key + "fc_cls.bias"]),
            F.linear(x, p[key + "fc_reg.weight"], p[key + "fc_reg.bias"]))


def mask_head(p, x, key):
    for i in range(4):
        x = F.relu(F.conv2d(x, p[f"{key}convs.{i}.conv.weight"], p[f"{key}convs.{i}.conv.bias"],
                            padding=1))
    x = F.relu(F.conv_transpose2d(x, p[key + "upsample.weight"], p[key + "upsample.bias"],
                                  stride=2))
    return F.conv2d(x, p[key + "conv_logits.weight"], p[key + "conv_logits.bias"])


def losses(p, kind, images):
    maps = pyramid(p, images)
    outputs = rpn(p, maps)
    terms = dict(zip(("loss_rpn_cls", "loss_rpn_bbox"), rpn_losses(outputs, maps, kind)))
    proposals = [proposals_of(outputs, maps, image) for image in range(2)]
    for number, (threshold, deviations, factor, low) in enumerate(STAGES[kind]):
        suffix = suffixes(kind)[number]
        boxes, owners, labels, objects, masks, inserted = [], [], [], [], [], []
        for image in range(2):
            truth, classes, bitmaps = target(image)
            given = assign(proposals[image], truth, threshold, threshold, threshold, low)
            candidates = torch.cat([truth, proposals[image]])
            given = torch.cat([torch.arange(len(truth)) + 1, given])
            order = torch.cat([(given > 0).nonzero()[:, 0], (given == 0).nonzero()[:, 0]])
            boxes.append(candidates[order])
            owners.append(torch.full((len(order),), image))
            inserted.append(order < len(truth))
            for index in order.tolist():
                object = int(given[index]) - 1
                labels.append(classes[object] if object >= 0 else CLASSES)
                objects.append(truth[object] if object >= 0 else torch.zeros(4))
                if object >= 0:
                    masks.append(mask_target(bitmaps[object], candidates[index], PADDED[image]))
        boxes, owners, inserted = torch.cat(boxes), torch.cat(owners), torch.cat(inserted)
        labels, objects = torch.tensor(labels), torch.stack(objects)
        logits, deltas = box_head(p, pooled(maps, owners, boxes, 7), "roi_head.bbox_head." + suffix,
                                  kind)
        name = "" if kind == "mask" else f"s{number}."
        terms[name + "loss_cls"] = F.cross_entropy(logits, labels) * factor
        positive = (labels < CLASSES).nonzero()[:, 0]
        own = deltas.view(-1, CLASSES, 4)[positive, labels[positive]]
        if kind == "mask":
            wanted = encode(boxes[positive], objects[positive], deviations).to(own.dtype)
            box = (own - wanted).abs().sum() / len(boxes)
        else:
            predicted = decode(boxes[positive].to(own.dtype), own, deviations)
            box = 10 * giou_loss(predicted, objects[positive].to(own.dtype)).sum() / len(boxes)
        terms[name + "loss_bbox"] = box * factor
        predicted_masks = mask_head(p, pooled(maps, owners[positive], boxes[positive], 14),
                               "roi_head.mask_head." + suffix)
        own = predicted_masks[torch.arange(len(positive)), labels[positive]]
        terms[name + "loss_mask"] = factor * F.binary_cross_entropy_with_logits(
            own, torch.stack(masks).to(own.dtype))
        best = torch.where(labels < CLASSES, labels, logits[:, :CLASSES].argmax(1))
        moved = deltas.detach().float().view(-1, CLASSES, 4)[torch.arange(len(boxes)), best]
        proposals = [decode(boxes[kept], moved[kept], deviations, SIZES[image])
                     for image in range(2) for kept in [(owners == image) & ~inserted]]
    return terms


def main():
    report = {}
    for kind in ("mask", "cascade"):
        # Single precision: assignments and the order of proposals must be the program's.
        p = {k: torch.from_numpy(weight(k, s)).requires_grad_() for k, s in shapes(kind).items()}
        images = torch.zeros(2, 3, *BATCH_SIZE)
        for i, (h, w) in enumerate(SIZES):
            images[i, :, :h, :w] = torch.from_numpy(fill(f"image{i}", (3, h, w), 2.0))
        terms = losses(p, kind, images)
        sum(terms.values()).backward()
        report[kind] = {"terms": {k: float(v.detach()) for k, v in terms.items()},
                        "gradients": {k: samples(v.grad, 4) for k, v in p.items()}}
        print(kind, report[kind]["terms"])
    with open("../Fixtures/Models/detectors.json", "w") as file:
        json.dump(report, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
