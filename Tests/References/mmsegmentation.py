"""Losses, gradients, logits and class maps of a small UPerNet, computed by mmsegmentation itself.

Versions: openmmlab.py. Run from this folder; writes ../Fixtures/Models/segmentor.json. The
network is mmsegmentation's own, built from its model file with few channels and plain batch norms;
weights and images come from `fill.py`. Double precision throughout.
"""
import json
import os

import torch

import openmmlab
import mmseg
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules

from backbones import samples
from fill import fill, rounded

WIDTH, AUXILIARY, CLASSES = 16, 8, 5
BACKBONE = dict(embed=8, depths=[1, 1, 2, 1], heads=[1, 2, 2, 4], window=4)
# Height and width of the input, and of the image that the passes are brought back to.
SIZE, ORIGINAL = (52, 76), (60, 70)
WINDOW, STRIDE = 36, 24


def configuration():
    """mmsegmentation's model file of UPerNet with Swin, made small, with plain batch norms."""
    folder = os.path.join(os.path.dirname(mmseg.__file__), ".mim/configs/_base_/models")
    model = Config.fromfile(os.path.join(folder, "upernet_swin.py")).model
    model.data_preprocessor = None
    model.backbone = openmmlab.swin(**BACKBONE)
    channels = [8, 16, 32, 64]
    norm = dict(norm_cfg=dict(type="BN"), dropout_ratio=0.0, num_classes=CLASSES)
    model.decode_head.update(norm, in_channels=channels, channels=WIDTH)
    model.auxiliary_head.update(norm, in_channels=channels[2], channels=AUXILIARY)
    return model


def described(size, original, flip=False):
    return SegDataSample(metainfo=dict(
        img_shape=size, pad_shape=size, ori_shape=original, flip=flip,
        flip_direction="horizontal" if flip else None, img_path=""))


def training(model, gradients):
    model.train()
    images = torch.from_numpy(fill("input", (2, 3, 64, 64), 2.0)).double()
    labels = ((torch.from_numpy(fill("labels", (2, 64, 64))) + 1) * 3.2).long().clamp(max=6)
    labels[labels >= CLASSES] = 255
    targets = [described((64, 64), (64, 64)) for _ in labels]
    for target, map in zip(targets, labels):
        target.gt_sem_seg = PixelData(data=map[None])
    losses = model.loss(images, targets)
    decode, auxiliary = losses["decode.loss_ce"], losses["aux.loss_ce"]
    (decode + auxiliary).backward()
    # The auxiliary loss comes with its weight of 0.4.
    weight = model.auxiliary_head.loss_decode.loss_weight
    return {"decode": float(decode.detach()), "auxiliary": float(auxiliary.detach()) / weight,
            "gradients": {k: samples(v, 4) for k, v in gradients().items()},
            "ignored": int((labels == 255).sum())}


def inference(model):
    """The logits of a whole pass and of windows, and the classes of all ways of looking."""
    model.eval()
    odd = torch.from_numpy(fill("odd", (1, 3, *SIZE), 2.0)).double()
    passes, report = {}, {"logits": {}, "maps": {}}
    with torch.no_grad():
        for mode in ("whole", "slide"):
            model.test_cfg = Config(dict(
                mode=mode, crop_size=(WINDOW, WINDOW), stride=(STRIDE, STRIDE)))
            for flip in (False, True):
                seen = odd.flip(3) if flip else odd
                sample = described(SIZE, ORIGINAL, flip)
                logits = model.inference(seen, [dict(sample.metainfo)])
                if not flip:
                    report["logits"][mode] = samples(logits.permute(0, 2, 3, 1), 256)
                passes[mode, flip] = model.postprocess_result(logits, [sample])[0]
        averaging = SegTTAModel(model)
        for name, used in (("whole", [("whole", False)]), ("slide", [("slide", False)]),
                           ("flip", [("whole", False), ("whole", True)])):
            chosen = [passes[one] for one in used]
            mean = sum(one.seg_logits.data.softmax(0) for one in chosen) / len(chosen)
            if len(chosen) > 1:
                classes = averaging.merge_preds([chosen])[0].pred_sem_seg.data
            else:
                classes = chosen[0].pred_sem_seg.data[0]
            top = mean.topk(2, 0).values
            report["maps"][name] = {"classes": classes.flatten().tolist(),
                                    "clear": int(((top[0] - top[1]) > 1e-4).sum())}
    return report


def main():
    register_all_modules()
    model = MODELS.build(configuration())
    gradients = openmmlab.filled(model, **BACKBONE)
    model.double()
    report = inference(model)
    report |= training(model, gradients)
    # Seen with the running statistics that the training pass has moved.
    report["logits"]["trained"] = inference(model)["logits"]["whole"]
    print(report["decode"], report["auxiliary"],
          {k: v["clear"] for k, v in report["maps"].items()})
    with open("../Fixtures/Models/segmentor.json", "w") as file:
        json.dump(rounded(report), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
