"""Patches of a feature map: an even grid or boxes, as masks, and which class a patch is given.

Source: pgnn.txt, "The method of cropping images", Eq. 4.
Shape letters: B batch, M patches, H, W map size, K boxes.
"""
from typing import Optional, Sequence

import torch
from torch import Tensor

CLASS_EMBEDDINGS = ('none', 'foreground', 'coverage', 'all')
BACKGROUND = 0


def grid_masks(height: int, width: int, side: int, device=None) -> Tensor:
    """An even grid of side x side patches that do not overlap, row by row.

    Pixel (y, x) belongs to patch (y side // H, x side // W): patches differ by at most a row or a
    column where the size is no multiple, and some are empty where it is below ``side``.

    Returns:
        Tensor: (side^2, H, W) bool; each pixel is in just one patch.
    """
    rows = torch.arange(height, device=device) * side // height
    columns = torch.arange(width, device=device) * side // width
    patch_hw = rows[:, None] * side + columns
    return patch_hw == torch.arange(side * side, device=device)[:, None, None]


def box_masks(boxes: Tensor, height: int, width: int, count: Optional[int] = None) -> Tensor:
    """Boxes, and after them one background patch: all that no box covers.

    A pixel is in a box if its centre is; a box around no centre has the pixel that its own centre
    lies in. Boxes outside the map, and those that lack to ``count``, are empty patches.

    Args:
        boxes (Tensor): (K, 4) left, top, right, bottom in pixels of the map (edges of the map are
            0 and W, 0 and H).
        height, width (int): of the map.
        count (int, optional): number of boxes to fill up to. Defaults to K.

    Returns:
        Tensor: (count + 1, H, W) bool; boxes may overlap.

    Raises:
        ValueError: for more boxes than ``count``.
    """
    count = len(boxes) if count is None else count
    if len(boxes) > count:
        raise ValueError(f'{len(boxes)} boxes for {count} patches')
    inside = torch.zeros(count + 1, height, width, dtype=torch.bool, device=boxes.device)
    inside[:len(boxes)] = (_within(boxes[:, 1::2], height)[:, :, None]
                           & _within(boxes[:, 0::2], width)[:, None])
    inside[count] = ~inside[:count].any(dim=0)
    return inside


def _within(edges: Tensor, length: int) -> Tensor:
    """Low and high edges (K, 2) -> (K, length): whether a pixel's centre lies between."""
    centres = torch.arange(length, device=edges.device) + 0.5
    low, high = edges[:, :1], edges[:, 1:]
    inside = (low <= centres) & (centres < high)
    middle = (low + high) / 2
    # narrower than a pixel: the pixel around the middle
    nearest = (centres - 0.5 <= middle) & (middle < centres + 0.5)
    return inside | (nearest & (high > low) & ~inside.any(dim=1, keepdim=True))


def patch_labels(mode: str,
                 masks: Tensor,
                 focus: Sequence[int],
                 attention: Optional[Sequence[Optional[Tensor]]] = None,
                 above: float = 0.3,
                 share: float = 0.5,
                 background_last: bool = False) -> Optional[Tensor]:
    """Eq. 4: the label that stands for a patch in the table of class embeddings.

    Grid patches come without detected labels, so what tells foreground from background is an
    earlier attention map: a patch is foreground if at least ``share`` of its pixels have a value
    above ``above``. Without a map all patches are.

    Args:
        mode (str): ``'none'``: no labels; ``'all'``: the class of the image for every patch (the
            literal reading where nothing detects the background); ``'coverage'``: the class for
            foreground patches, 0 for others; ``'foreground'``: 1 for foreground patches, whatever
            their class, 0 for others.
        masks (Tensor): (B, M, H, W) bool.
        focus (sequence of int): class of each image, from 0 on; -1 without any.
        attention (sequence, optional): for each image a map (H, W), 0 to 1, or None.
        background_last (bool): the last patch is background in any case (that of boxes).

    Returns:
        Tensor | None: (B, M) int64, 0 for background, c + 1 for class c.

    Raises:
        ValueError: for an unknown mode.
    """
    if mode not in CLASS_EMBEDDINGS:
        raise ValueError(f'class_embedding={mode!r} is unknown; use one of {CLASS_EMBEDDINGS}')
    if mode == 'none':
        return None
    focus_b = torch.as_tensor(list(focus), device=masks.device)
    labels = (focus_b + 1)[:, None].expand(masks.shape[:2])
    if mode == 'foreground':
        labels = labels.clamp(max=1)
    if mode != 'all' and attention is not None:
        foreground = torch.stack([
            torch.ones_like(mask_mhw[:, 0, 0]) if map_hw is None else
            _covered_share(mask_mhw, map_hw > above) >= share
            for mask_mhw, map_hw in zip(masks, attention)])
        labels = torch.where(foreground, labels, BACKGROUND)
    if background_last:
        labels = torch.cat([labels[:, :-1], torch.zeros_like(labels[:, -1:])], dim=1)
    return labels.contiguous()


def _covered_share(masks: Tensor, region: Tensor) -> Tensor:
    """Share of each patch (M, H, W) that lies in a region (H, W): (M,)."""
    sizes = masks.flatten(1).sum(dim=1).clamp(min=1)
    return (masks & region).flatten(1).sum(dim=1) / sizes
