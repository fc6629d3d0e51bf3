from .load_any_image import LoadAnyImage, UnreadableImageError, read_image
from .load_proposals import LoadProposals
from .load_seg_labels import LoadSegLabels, check_label_values, read_label
from .random_long_side_crop import RandomLongSideCrop

__all__ = [
    'LoadAnyImage', 'LoadProposals', 'LoadSegLabels', 'RandomLongSideCrop',
    'UnreadableImageError', 'check_label_values', 'read_image', 'read_label',
]
