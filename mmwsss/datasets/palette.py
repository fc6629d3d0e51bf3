"""The colour map of PASCAL VOC, with which the whole field saves its label PNGs."""
from typing import List


def voc_palette(num_classes: int) -> List[List[int]]:
    """Colours of the first ``num_classes`` labels of the VOC colour map.

    Bit ``3 k + c`` of a label becomes bit ``7 - k`` of colour channel ``c`` (VOC development kit,
    ``VOClabelcolormap``), which gives 256 distinct colours.

    Args:
        num_classes (int): How many colours, 1 to 256.

    Returns:
        list[list[int]]: ``num_classes`` RGB triples, each value 0 to 255.

    Raises:
        ValueError: If ``num_classes`` is outside 1..256.
    """
    if not 1 <= num_classes <= 256:
        raise ValueError(f'the VOC colour map has 1 to 256 colours, asked for {num_classes}')
    return [_colour(label) for label in range(num_classes)]


def _colour(label: int) -> List[int]:
    rgb = [0, 0, 0]
    for level in range(3):
        for channel in range(3):
            bit = (label >> (3 * level + channel)) & 1
            rgb[channel] |= bit << (7 - level)
    return rgb
