"""OpenMMLab's code without its compiled operations, for mmdetection.py and mmsegmentation.py.

Made with: torch 2.15.0, torchvision 0.29.2, numpy 2.4.6, mmengine 0.10.7, mmcv-lite 2.1.0,
mmdet 3.3.0, mmsegmentation 1.2.2, ftfy 6.3.1. Import this module before mmdet and mmseg.

mmcv-lite has no compiled operations. The two that the networks need are torchvision's, behind the
names that mmcv's own Python code calls; any other would raise.
"""
import sys
import types

import numpy as np
import torch
import torchvision

from fill import weight

torch.set_num_threads(1)


class Operations(types.ModuleType):
    """Stands for mmcv's library of compiled operations."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_, **__):
            raise NotImplementedError(f"mmcv's compiled operation {name}")
        return missing

    @staticmethod
    def nms(boxes, scores, iou_threshold, offset):
        assert offset == 0
        return torchvision.ops.nms(boxes, scores, iou_threshold)

    @staticmethod
    def roi_align_forward(input, rois, output, _, __, aligned_height, aligned_width,
                          spatial_scale, sampling_ratio, pool_mode, aligned):
        # Used for mask targets only, which have no gradient; regions use torchvision directly.
        assert pool_mode == 1
        output.copy_(torchvision.ops.roi_align(
            input, rois, (aligned_height, aligned_width), spatial_scale, sampling_ratio, aligned))


sys.modules["mmcv._ext"] = Operations("mmcv._ext")

from mmdet.models.backbones.swin import swin_converter  # noqa: E402

from backbones import swin_parameters  # noqa: E402


def swin(embed, depths, heads, window):
    """Both frameworks' configuration of the backbone."""
    return dict(type="SwinTransformer", embed_dims=embed, depths=depths, num_heads=heads,
                window_size=window, drop_path_rate=0.0)


def filled(model, embed, depths, heads, window):
    """Fills a model by name; returns every parameter's gradient by its published key.

    OpenMMLab's Swin has other names and another order of merged channels than the published files,
    which are this package's; `swin_converter` is their own translation. Told of positions instead
    of weights, it says where each number of a gradient belongs.
    """
    shapes = {k: tuple(s) for k, s in
              swin_parameters(embed, depths, heads, window, dense=True).items()}
    named = {k: torch.from_numpy(weight("backbone." + k, s)) for k, s in shapes.items()}
    state = swin_converter(named)
    for key, value in model.state_dict().items():
        if key.startswith("backbone.") or key.endswith("num_batches_tracked"):
            continue
        value = torch.from_numpy(weight(key, tuple(value.shape)))
        # Gains away from zero, as trained ones are; variances are positive.
        state[key] = value + 1 if key.endswith(("bn.weight", "running_var")) else value
    result = model.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all(k.endswith(("relative_position_index", "num_batches_tracked"))
               for k in result.missing_keys), result.missing_keys

    starts, end = {}, 0
    for k, s in shapes.items():
        starts[k], end = end, end + int(np.prod(s))
    positions = swin_converter({
        k: torch.arange(starts[k], starts[k] + int(np.prod(s))).reshape(s)
        for k, s in shapes.items()})

    def gradients():
        parameters = dict(model.named_parameters())
        flat = torch.zeros(end, dtype=next(model.parameters()).dtype)
        for key, places in positions.items():
            flat[places.flatten()] = parameters[key].grad.flatten()
        own = {"backbone." + k: flat[starts[k]:starts[k] + int(np.prod(s))].reshape(s)
               for k, s in shapes.items()}
        return own | {k: p.grad for k, p in parameters.items() if not k.startswith("backbone.")}

    return gradients
