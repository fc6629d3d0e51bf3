"""What a data sample says about its patches: classes, proposals, earlier maps.

Shape letters: B batch, M patches, H, W map size.
"""
import zlib
from typing import List, Optional, Sequence

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmwsss.datasets.crop_geometry import CropGeometry
from mmwsss.models.classifiers.multi_scale_cams import output_stride
from mmwsss.models.layers import GlobalContext, PatchGraph, box_masks


def focus_of(sample: DataSample, target: Tensor) -> int:
    """The class that an image was drawn for; without one its first class, -1 without any."""
    focus = getattr(sample.get('sample_idx'), 'focus', None)
    if focus is not None:
        return focus
    present = target.nonzero()[:, 0]
    return int(present[0]) if len(present) else -1


def classes_of(sample: DataSample, head) -> List[int]:
    """The classes in an image, or none where it has no labels."""
    if 'gt_score' not in sample and 'gt_label' not in sample:
        return []
    return head.targets([sample])[0].nonzero()[:, 0].tolist()


def absent_class(present: Sequence[int], num_classes: int, image_id: object) -> int:
    """A class that an image does not have, -1 if it has all.

    By the image's id, so that it is the same in every batch and each class has its share.
    """
    absent = [c for c in range(num_classes) if c not in present]
    return absent[zlib.crc32(str(image_id).encode()) % len(absent)] if absent else -1


def box_masks_of(x: Tensor, samples: Optional[Sequence[DataSample]], count: int,
                 input_size: Optional[Sequence[int]] = None) -> Tensor:
    """Patches of the samples' ``proposals``: (B, count + 1, H, W) bool, the last background.

    Samples in training say where they lie in their image; others are the image, resized to
    ``input_size`` (height, width), and those after the first ``len(samples)`` are mirrored.
    Without ``input_size`` the map is taken to end where the image does. Images without proposals
    are background.
    """
    masks = []
    for row in range(len(x)):
        sample = samples[row % len(samples)] if samples else None
        boxes = torch.zeros(0, 4)
        if sample is not None and 'proposals' in sample:
            boxes = _boxes_on_map(sample, x.shape[-2:], input_size or x.shape[-2:],
                                  mirrored=row >= len(samples))[:count]
        masks.append(box_masks(boxes.to(x.device), *x.shape[-2:], count=count))
    return torch.stack(masks)


def _boxes_on_map(sample: DataSample, size: Sequence[int], input_size: Sequence[int],
                  mirrored: bool) -> Tensor:
    """Proposals (K, 4) in pixels of the feature map.

    The map has ceil(length / stride) rows, so it may reach beyond the image: its pixels are
    counted in strides, not as shares of the image.
    """
    boxes = torch.as_tensor(sample.proposals).float().cpu()
    geometry = (CropGeometry.of(sample.metainfo) if 'crop_offset' in sample else
                CropGeometry.whole(sample.ori_shape, input_size, mirrored))
    return geometry.boxes_to_sample(boxes) / output_stride(geometry.sample, size)


def normalized(maps: Tensor, eps: float = 1e-5) -> Tensor:
    """ReLU, over the maximum of each map: (B, H, W), 0 to 1."""
    maps = maps.relu()
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + eps)


def previous_map(sample: DataSample, c: int, size: Sequence[int]) -> Optional[Tensor]:
    """The sample's ``attention`` of class c at a size, (H, W) float32; None if it has none."""
    if 'attention' not in sample or c not in sample.attention_classes:
        return None
    map_hw = sample.attention[list(sample.attention_classes).index(c)].float()
    if map_hw.shape == tuple(size):
        return map_hw
    return F.interpolate(map_hw[None, None], tuple(size), mode='bilinear')[0, 0]


def matched_vector(in_channels: int, num_classes: int, **graph) -> GlobalContext:
    """A context vector with as many parameters as the graph, beginning as the identity too."""
    with torch.device('meta'):
        wanted = sum(p.numel() for p in PatchGraph(in_channels, num_classes, **graph).parameters())
    vector = GlobalContext(in_channels, max(1, round((wanted - in_channels)
                                                     / (2 * in_channels + 1))))
    nn.init.zeros_(vector.expand.weight)
    nn.init.zeros_(vector.expand.bias)
    return vector
