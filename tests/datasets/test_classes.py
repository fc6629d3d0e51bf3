"""Class names, palette and COCO's numbering, against the published lists."""
import numpy as np
import pytest
from mmseg.utils import get_classes, get_palette

from mmwsss.datasets import COCO14SegDataset, VOC12SegDataset
from mmwsss.datasets.classes import (
    COCO_CATEGORY_IDS,
    COCO_CLASSES,
    VOC_CLASSES,
    coco_category_id,
    coco_label,
)
from mmwsss.datasets.palette import voc_palette


def test_voc_classes_and_palette_are_mmseg_s():
    assert list(VOC12SegDataset.METAINFO['classes']) == list(get_classes('voc'))
    assert VOC12SegDataset.METAINFO['palette'] == get_palette('voc')
    assert len(VOC_CLASSES) == 20


def test_palette_is_the_colour_map_of_the_voc_kit():
    def reference(n):
        # The kit's own loop: id's low bits go to the channels, three at a time, from bit 7 down.
        colours = np.zeros((n, 3), int)
        for i in range(n):
            ident = i
            for j in range(8):
                for c in range(3):
                    colours[i, c] |= ((ident >> c) & 1) << (7 - j)
                ident >>= 3
        return colours.tolist()

    assert voc_palette(256) == reference(256)
    assert len({tuple(c) for c in voc_palette(256)}) == 256


@pytest.mark.parametrize('n', [0, 257])
def test_palette_size_is_checked(n):
    with pytest.raises(ValueError, match=str(n)):
        voc_palette(n)


def test_coco_has_80_distinct_classes_in_order():
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == len(COCO_CATEGORY_IDS) == 80
    assert COCO14SegDataset.METAINFO['classes'] == ('background', ) + COCO_CLASSES
    assert len(COCO14SegDataset.METAINFO['palette']) == 81


# Anchors of the official instances_val2014.json 'categories', on both sides of every gap.
@pytest.mark.parametrize('category_id, name', [
    (1, 'person'), (11, 'fire hydrant'), (13, 'stop sign'), (25, 'giraffe'), (27, 'backpack'),
    (28, 'umbrella'), (31, 'handbag'), (44, 'bottle'), (46, 'wine glass'), (65, 'bed'),
    (67, 'dining table'), (70, 'toilet'), (72, 'tv'), (82, 'refrigerator'), (84, 'book'),
    (90, 'toothbrush')
])
def test_coco_label_of_official_category(category_id, name):
    label = coco_label(category_id)
    assert COCO_CLASSES[label - 1] == name
    assert coco_category_id(label) == category_id


@pytest.mark.parametrize('unused', [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91, -1])
def test_unused_category_is_an_error(unused):
    with pytest.raises(ValueError, match=str(unused)):
        coco_label(unused)


@pytest.mark.parametrize('label', [0, 81, 255])
def test_background_is_no_category(label):
    with pytest.raises(ValueError, match=str(label)):
        coco_category_id(label)
