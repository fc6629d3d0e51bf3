"""Images with image-level labels: what weak supervision trains on. Masks are never opened."""
import os.path as osp
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmpretrain.datasets import MultiLabelDataset
from mmpretrain.structures import DataSample

from .classes import COCO_CLASSES, VOC_CLASSES
from .image_ids import missing_files, read_image_ids
from .image_labels import ImageLabels, missing_labels
from .samplers.stream_index import seed_for_sample
from .transforms import UnreadableImageError

UNLABELLED = ('keep', 'skip', 'error')
UNREADABLE = ('error', 'skip')
STAND_IN_SIZE = 64


@DATASETS.register_module()
class ImageLabelDataset(MultiLabelDataset):
    """Images of any folder with the labels of one JSON file (see :mod:`.image_labels`).

    Classes are matched by name: the data set's order counts, not the file's.

    Args:
        label_file (str): the JSON file; relative to ``data_root``.
        ann_file (str): text file with the ids to use, one a line; relative to ``data_root``.
            Empty: all images of the label file.
        data_root (str): root of the relative paths.
        data_prefix (str | dict): image folder, or ``dict(img_path=...)``.
        img_suffix (str | sequence of str): suffix of the images; of several, the first that
            exists is taken.
        classes (sequence of str, optional): foreground classes in label order. Default: those of
            the data set class (VOC, COCO), else those of the label file.
        unlabelled (str): images without any class: ``'keep'`` (all classes are absent),
            ``'skip'`` (left out and listed in the log) or ``'error'``.
        unreadable (str): images that cannot be decoded: ``'error'`` (default) or, for extraction
            (``test_mode``), ``'skip'``: a grey sample whose field ``unreadable`` says why takes
            the place, and :class:`ActivationWriter` lists it instead of storing its maps.
        check_files (bool): check that every image exists. Defaults to True.
        skip_stored (str, optional): an :class:`mmwsss.labels.ActivationStore`, whose images are
            left out: extraction goes on where it stopped. Or an :class:`mmwsss.labels.LabelStore`:
            what its unfinished version holds is left out.
        **kwargs: see mmpretrain's ``BaseDataset``.

    A sample has ``img_path``, ``image_id``, ``gt_label`` (K,) int64 and ``gt_score`` (C,) float32.

    Raises:
        FileNotFoundError: if the root, the list, labels or images are missing; one message with
            how many and the first few.
        ValueError: if listed images have no labels, labels name other classes, or
            ``unreadable='skip'`` stands in a training set.
    """

    METAINFO: dict = dict()

    def __init__(self,
                 label_file: str,
                 ann_file: str = '',
                 data_root: str = '',
                 data_prefix: Union[str, dict] = '',
                 img_suffix: Union[str, Sequence[str]] = ('.jpg', '.jpeg', '.png'),
                 unlabelled: str = 'keep',
                 unreadable: str = 'error',
                 check_files: bool = True,
                 skip_stored: Optional[str] = None,
                 **kwargs) -> None:
        _check_options(unlabelled, unreadable, kwargs.get('test_mode', False))
        self.label_file = label_file
        self.img_suffix = (img_suffix, ) if isinstance(img_suffix, str) else tuple(img_suffix)
        self.unlabelled = unlabelled
        self.unreadable = unreadable
        self.check_files = check_files
        self.skip_stored = skip_stored
        super().__init__(
            ann_file=ann_file, data_root=data_root, data_prefix=data_prefix, **kwargs)

    def __getitem__(self, idx: int) -> dict:
        seed_for_sample(idx)
        return super().__getitem__(idx)

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on one sample; a failure names the image that caused it."""
        try:
            return super().prepare_data(idx)
        except UnreadableImageError as error:
            if self.unreadable == 'skip':
                return self._stand_in(idx, str(error))
            hint = "; to extract maps without it, set unreadable='skip'" if self.test_mode else ''
            raise UnreadableImageError(f'{error}{hint}') from error
        except Exception as error:
            path = self.get_data_info(idx)['img_path']
            if path in str(error):
                raise
            raise RuntimeError(f'{path}: {type(error).__name__}: {error}') from error

    def get_data_info(self, idx: int) -> dict:
        """Description of one image, with ``gt_score``."""
        info = super().get_data_info(idx)
        score = np.zeros(len(self._metainfo['classes']), np.float32)
        score[info['gt_label']] = 1
        info['gt_score'] = score
        return info

    def _stand_in(self, idx: int, reason: str) -> dict:
        """What the network gets in place of an image that cannot be read: all loops go on."""
        info = self.get_data_info(idx)
        size = (STAND_IN_SIZE, STAND_IN_SIZE)
        sample = DataSample(metainfo=dict(
            img_path=info['img_path'], image_id=info['image_id'], ori_shape=size, img_shape=size,
            unreadable=reason))
        sample.set_gt_label(info['gt_label']).set_gt_score(info['gt_score'])
        return dict(inputs=torch.full((3, *size), 128, dtype=torch.uint8), data_samples=sample)

    def load_data_list(self) -> List[dict]:
        """One dict an image: ``img_path``, ``image_id``, ``gt_label``."""
        if self.data_root and not osp.isdir(self.data_root):
            raise FileNotFoundError(
                f'{type(self).__name__}: data_root {osp.abspath(self.data_root)} does not exist: '
                'download the data set or set data_root')
        labels = ImageLabels.load(osp.join(self.data_root, self.label_file))
        classes = self._choose_classes(labels)
        ids = self._choose_ids(labels)
        paths = self._image_paths(ids)
        places = {name: i for i, name in enumerate(classes)}
        return [
            dict(img_path=paths[i], image_id=i,
                 gt_label=np.array(sorted(places[n] for n in labels.images[i]), np.int64))
            for i in ids]

    def full_init(self) -> None:
        super().full_init()
        if len(self) == 0 and self.skip_stored:
            print_log(f'all images are in {self.skip_stored} already', logger='current')

    def _serialize_data(self):
        # mmengine cannot serialise an empty list; with skip_stored there may be nothing left.
        if not self.data_list:
            return np.zeros(0, np.uint8), np.zeros(0, np.int64)
        return super()._serialize_data()

    def _choose_classes(self, labels: ImageLabels) -> Tuple[str, ...]:
        classes = self._metainfo.get('classes')
        if classes is None:
            self._metainfo['classes'] = classes = labels.classes
        used = {name for names in labels.images.values() for name in names}
        unknown = sorted(used - set(classes))
        if unknown:
            raise ValueError(
                f'{self.label_file} labels images with {unknown[:5]}, which '
                f'{"is" if len(unknown) == 1 else "are"} not among the {len(classes)} classes of '
                f'{type(self).__name__}: the labels of another data set, or set classes=[...]')
        return tuple(classes)

    def _choose_ids(self, labels: ImageLabels) -> List[str]:
        ids = read_image_ids(self.ann_file) if self.ann_file else sorted(labels.images)
        lacking = [i for i in ids if i not in labels.images]
        if lacking:
            raise ValueError(f'{self.label_file}: ' + missing_labels(lacking, len(ids)))
        empty = [i for i in ids if not labels.images[i]]
        if empty and self.unlabelled != 'keep':
            first = ', '.join(empty[:5]) + (', ...' if len(empty) > 5 else '')
            message = f'{len(empty)} of {len(ids)} images have no class: {first}'
            if self.unlabelled == 'error':
                raise ValueError(f"{self.label_file}: {message}: label them, or set "
                                 "unlabelled='skip' or 'keep'")
            print_log(f'{type(self).__name__}: left out, {message}', logger='current')
            ids = [i for i in ids if labels.images[i]]
        self.listed_ids = list(ids)  # what a store must hold in the end
        if self.skip_stored:
            ids = self._not_stored(ids)
        return ids

    def _not_stored(self, ids: List[str]) -> List[str]:
        """Ids that the store lacks, as rank 0 sees it: ranks that look later see more."""
        from mmengine import dist

        from mmwsss.labels import ActivationStore, LabelStore, kind_of_store
        pending = [None]
        if dist.get_rank() == 0:
            kind = kind_of_store(self.skip_stored)
            if kind == 'activations':
                ids = ActivationStore(self.skip_stored).pending(ids)
            elif kind == 'labels':
                store = LabelStore(self.skip_stored)
                ids = store.pending(store.next_version, ids)
            pending = [ids]
        dist.broadcast_object_list(pending)
        return pending[0]

    def _image_paths(self, ids: Sequence[str]) -> Dict[str, str]:
        folder = self.data_prefix['img_path']
        if not osp.isdir(folder):
            raise FileNotFoundError(f'{type(self).__name__}: the image folder '
                                    f'{osp.abspath(folder)} does not exist: check data_prefix')
        paths: Dict[str, str] = {}
        left = list(ids)
        for suffix in self.img_suffix:
            there = {i: osp.join(folder, i + suffix) for i in left}
            absent = set(missing_files(there.values())) if self.check_files else set()
            paths.update({i: path for i, path in there.items() if path not in absent})
            left = [i for i in left if there[i] in absent]
        if left:
            first = ', '.join(left[:3]) + (', ...' if len(left) > 3 else '')
            raise FileNotFoundError(
                f'{type(self).__name__}: {len(left)} of the {len(ids)} images are not in '
                f'{folder}: {first}: check data_prefix and img_suffix {self.img_suffix}')
        return paths


def _check_options(unlabelled: str, unreadable: str, test_mode: bool) -> None:
    if unlabelled not in UNLABELLED:
        raise ValueError(f'unlabelled={unlabelled!r} is unknown; use one of {UNLABELLED}')
    if unreadable not in UNREADABLE:
        raise ValueError(f'unreadable={unreadable!r} is unknown; use one of {UNREADABLE}')
    if unreadable == 'skip' and not test_mode:
        raise ValueError("unreadable='skip' is for extraction (test_mode=True): training would "
                         'see grey images under the labels of others; replace the broken images '
                         'or take them out of the list')


@DATASETS.register_module()
class WeakVOCDataset(ImageLabelDataset):
    """PASCAL VOC 2012 with image-level labels of its 20 classes.

    ``tools/prepare_voc.py`` makes the label file and the ``train_aug`` list. Arguments and errors:
    see :class:`ImageLabelDataset`.
    """

    METAINFO = dict(classes=VOC_CLASSES)

    def __init__(self, label_file: str = 'image_labels.json',
                 data_prefix: Union[str, dict] = 'JPEGImages', **kwargs) -> None:
        kwargs.setdefault('img_suffix', '.jpg')
        super().__init__(label_file=label_file, data_prefix=data_prefix, **kwargs)


@DATASETS.register_module()
class WeakCOCO14Dataset(ImageLabelDataset):
    """COCO 2014 with image-level labels of its 80 classes.

    ``tools/prepare_coco14.py`` makes the label file and the lists. 702 training images have no
    annotation; they are left out unless ``unlabelled='keep'``. Arguments and errors: see
    :class:`ImageLabelDataset`.
    """

    METAINFO = dict(classes=COCO_CLASSES)

    def __init__(self, label_file: str = 'image_labels_train2014.json',
                 data_prefix: Union[str, dict] = 'train2014', **kwargs) -> None:
        kwargs.setdefault('img_suffix', '.jpg')
        kwargs.setdefault('unlabelled', 'skip')
        super().__init__(label_file=label_file, data_prefix=data_prefix, **kwargs)
