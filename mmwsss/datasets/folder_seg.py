"""A folder of images of any classes, with labels from an explicit folder."""
import os.path as osp
from typing import Optional, Sequence, Union

from mmengine.registry import DATASETS

from .checked_seg_dataset import CheckedSegDataset
from .palette import voc_palette


@DATASETS.register_module()
class FolderSegDataset(CheckedSegDataset):
    """Images of any folder; labels are PNGs with 0 (background) to C - 1, and 255.

    Args:
        classes (sequence of str): all C names in label order, the background first.
        img_suffix (str | sequence of str): suffix of the images; of several, the first that
            exists is taken.
        metainfo (dict, optional): more of it; classes and palette come from ``classes``.
        **kwargs: see :class:`CheckedSegDataset`.

    Raises:
        ValueError: if there are fewer than two classes, or one twice.
    """

    def __init__(self,
                 classes: Sequence[str],
                 img_suffix: Union[str, Sequence[str]] = ('.jpg', '.jpeg', '.png'),
                 metainfo: Optional[dict] = None,
                 **kwargs) -> None:
        classes = tuple(classes)
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError('classes must be at least two different names, the background first; '
                             f'got {classes[:5]}')
        self.img_suffixes = (img_suffix, ) if isinstance(img_suffix, str) else tuple(img_suffix)
        super().__init__(
            img_suffix=self.img_suffixes[0],
            metainfo=dict(metainfo or {}, classes=classes, palette=voc_palette(len(classes))),
            **kwargs)

    def _data_info(self, image_id: str) -> dict:
        folder = self.data_prefix['img_path']
        paths = [osp.join(folder, image_id + suffix) for suffix in self.img_suffixes]
        info = dict(
            img_path=next(filter(osp.isfile, paths), paths[0]),
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            num_classes=len(self.metainfo['classes']),
            seg_fields=[])
        if 'seg_map_path' in self.data_prefix:
            info['seg_map_path'] = osp.join(
                self.data_prefix['seg_map_path'], self.label_name(image_id))
        return info
