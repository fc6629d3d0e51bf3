"""A segmentation data set that checks its files when built and is deterministic per sample."""
import os.path as osp
from typing import List, Optional, Sequence

from mmseg.datasets import BaseSegDataset

from .image_ids import list_image_ids, missing_files, read_image_ids
from .samplers.stream_index import seed_for_sample


class CheckedSegDataset(BaseSegDataset):
    """Base of the data sets here: images, an id list, and labels from an explicit folder.

    What mmseg finds out (or not) in the middle of training is checked when the data set is built:
    the root, the list, both folders, and that each listed image has its file and its label.
    A sample drawn by :class:`ResumableInfiniteSampler` seeds the pipeline by its position in the
    stream, so augmentations do not depend on workers, ranks or restarts.

    Args:
        ann_file (str): Text file with one image id a line (no suffix); relative to ``data_root``.
            Empty: all images of the image folder.
        data_root (str, optional): Root of the relative paths.
        data_prefix (dict): ``img_path``: the image folder. ``seg_map_path``: the label folder,
            always named explicitly so that nothing reads masks by accident; may be left out in
            ``test_mode`` (prediction without labels). Or an :class:`mmwsss.labels.LabelStore`:
            its current version is taken.
        check_files (bool): Check that every listed image and label exists. Default True.
        **kwargs: See :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: If something is missing; one message with how many and the first few.
        ValueError: If a list is empty or holds unsafe ids, or no label folder is named.
    """

    def __init__(self,
                 ann_file: str = '',
                 data_root: Optional[str] = None,
                 data_prefix: Optional[dict] = None,
                 check_files: bool = True,
                 **kwargs) -> None:
        data_prefix = {k: v for k, v in (data_prefix or {}).items() if v is not None}
        data_prefix.setdefault('img_path', '')
        if not data_prefix.get('seg_map_path') and not kwargs.get('test_mode', False):
            raise ValueError(
                f'{type(self).__name__} needs data_prefix.seg_map_path, the folder of label PNGs '
                '(pseudo labels; the masks only if full supervision is meant)')
        if not data_prefix.get('seg_map_path'):
            data_prefix.pop('seg_map_path', None)
        self.check_files = check_files
        super().__init__(
            ann_file=ann_file, data_root=data_root, data_prefix=data_prefix, **kwargs)

    def __getitem__(self, idx: int) -> dict:
        seed_for_sample(idx)
        return super().__getitem__(idx)

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on one sample; a failure names the image that caused it."""
        try:
            return super().prepare_data(idx)
        except Exception as e:
            info = self.get_data_info(idx)
            if any(info.get(key, '\0') in str(e) for key in ('img_path', 'seg_map_path')):
                raise
            raise RuntimeError(f"{info['img_path']}: {type(e).__name__}: {e}") from e

    def load_data_list(self) -> List[dict]:
        """One dict an image: ``img_path``, ``seg_map_path`` (if any), ``num_classes``, ..."""
        self._open_label_store()
        self._check_folders()
        ids = self._image_ids()
        data_list = [self._data_info(i) for i in ids]
        if self.check_files:
            self._check_exist([d['img_path'] for d in data_list], 'image', 'img_path')
            if 'seg_map_path' in self.data_prefix:
                self._check_exist([d['seg_map_path'] for d in data_list], 'label', 'seg_map_path')
        return data_list

    def label_name(self, image_id: str) -> str:
        """File name of an image's label inside the label folder."""
        return image_id + self.seg_map_suffix

    def _image_ids(self) -> List[str]:
        if self.ann_file:
            return read_image_ids(self.ann_file)
        folder = self.data_prefix['img_path']
        ids = list_image_ids(folder, self.img_suffix)
        if not ids:
            raise FileNotFoundError(f'no {self.img_suffix} image in {folder}: check '
                                    'data_prefix.img_path and img_suffix')
        return ids

    def _data_info(self, image_id: str) -> dict:
        info = dict(
            img_path=osp.join(self.data_prefix['img_path'], image_id + self.img_suffix),
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            num_classes=len(self.METAINFO['classes']),
            seg_fields=[])
        if 'seg_map_path' in self.data_prefix:
            info['seg_map_path'] = osp.join(
                self.data_prefix['seg_map_path'], self.label_name(image_id))
        return info

    def _open_label_store(self) -> None:
        """Where the label folder is a store, take the labels of its current version."""
        folder = self.data_prefix.get('seg_map_path')
        if folder and osp.isfile(osp.join(folder, 'store.json')):
            from mmwsss.labels import LabelStore
            self.data_prefix['seg_map_path'] = str(LabelStore(folder).labels_folder())

    def _check_folders(self) -> None:
        name = type(self).__name__
        if self.data_root and not osp.isdir(self.data_root):
            raise FileNotFoundError(
                f'{name}: data_root {osp.abspath(self.data_root)} does not exist: download the '
                'data set or set data_root (--cfg-options train_dataloader.dataset.data_root=...)')
        folders = {'image': 'img_path', 'label': 'seg_map_path'}
        for kind, key in folders.items():
            folder = self.data_prefix.get(key)
            if folder is not None and not osp.isdir(folder):
                raise FileNotFoundError(
                    f'{name}: the {kind} folder {osp.abspath(folder)} does not exist: '
                    f'check data_prefix.{key}')

    def _check_exist(self, paths: Sequence[str], kind: str, key: str) -> None:
        missing = missing_files(paths)
        if not missing:
            return
        listing = self.ann_file or self.data_prefix['img_path']
        first = ', '.join(missing[:3]) + (', ...' if len(missing) > 3 else '')
        remedy = {
            'image': f'check data_prefix.img_path, img_suffix ({self.img_suffix!r}) and that the '
                     'ids in the list have no suffix',
            'label': f'make the labels first, or check data_prefix.seg_map_path and '
                     f'seg_map_suffix ({self.seg_map_suffix!r})'}[kind]
        raise FileNotFoundError(
            f'{type(self).__name__}: {len(missing)} of the {len(paths)} images of {listing} have '
            f'no {kind} file: {first}: {remedy} (data_prefix.{key})')
