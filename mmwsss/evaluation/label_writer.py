"""A test loop's activation maps, made into pseudo labels and put into a store as they come.

K: classes with a map in an image, h, w: size of its maps, H, W: size of the image.
"""
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS
from PIL import Image

from mmwsss.datasets.classes import BACKGROUND
from mmwsss.datasets.transforms import read_image
from mmwsss.labels import LabelRule, LabelStore, build_refiner, fingerprint, kind_of_store

from .map_sizes import maps_at_size

CLASSES = ('labels', 'restrict', 'maps')


@METRICS.register_module()
class LabelWriter(BaseMetric):
    """Make a label map of each sample's ``activations``, and a version of a label store of all.

    Maps (:class:`StoredActivations`, :class:`BoundaryNet` with ``walk``, :class:`CAMClassifier`)
    -> background rule -> optional dense CRF -> palette PNG at the size of the image. Each image is
    on disk, whole, before the next one begins. Stopped in any way and started again, it goes on at
    the image where it stopped; with ``skip_stored`` of :class:`ImageLabelDataset` naming the same
    folder the loop does not even load what is done. Under any launcher each process writes its own
    images. After the last one, the version is checked, completed and made current; a version that
    was made before from the same maps, images and settings is made current instead of a new one.

    Args:
        out (str): folder of the :class:`mmwsss.labels.LabelStore`; made if absent.
        rule (dict): arguments of :class:`mmwsss.labels.LabelRule`, such as
            ``dict(kind='threshold', threshold=0.28)`` or ``dict(kind='two_thresholds',
            foreground=0.35, background=0.10, normalize='class')``.
        crf (dict | str, optional): what refines the labels, as :func:`mmwsss.labels.build_refiner`
            takes it: ``'irn'``, ``dict(preset='irn', backend='pydensecrf2')``, ..., or the far
            cheaper ``'pixel_adaptive'``. Default: nothing.
        classes (str): ``'labels'`` (default): where samples know the classes of their image
            (``gt_label``), the maps must be of just those. ``'restrict'``: maps of other classes
            are left out. ``'maps'``: whatever classes have a map.
        prefix (str, optional): of the metric's names. Defaults to 'pseudo_labels'.

    Samples need ``activations`` (K, h, w) in 0 to 1, ``activation_classes`` (K,) from 0 on,
    ``ori_shape`` (H, W), ``img_path``, and ``image_id`` unless it is the image's file name. Maps
    are of stride 1, 2, 4, 8 or 16. Samples with a field ``unreadable`` get no labels; they are
    counted and named in the log.

    Metrics: ``images``, how many this run wrote; ``version``, now current; ``ignored``, % of
    pixels with label 255; ``unreadable``, if any.

    Raises:
        ValueError: bad settings; maps with NaN, of another size or of other classes than their
            image; a store begun from something else. Labels written before stay.
        OSError: no space left; labels written before stay.
    """

    default_prefix = 'pseudo_labels'

    def __init__(self, out: str, rule: dict, crf: dict | str | None = None,
                 classes: str = 'labels', **kwargs) -> None:
        super().__init__(**kwargs)
        if classes not in CLASSES:
            raise ValueError(f'classes={classes!r} is unknown; use one of {CLASSES}')
        self.out = out
        self.rule = LabelRule(**rule)
        self.crf = build_refiner(crf)
        self.classes = classes
        self._maps_source: dict | None = None
        self._check_images = None
        self._ids: list[str] | None = None
        self._store: LabelStore | None = None
        self._version: int | None = None

    def check_model(self, model) -> None:
        """Note what the maps come from; called before the loop by :class:`PreflightHook`."""
        if hasattr(model, 'maps_source'):
            self._maps_source = model.maps_source()
        self._check_images = getattr(model, 'check_images', None)

    def check_data(self, dataset) -> None:
        """Note which images must get labels, and open the store; called before the loop."""
        skipped = getattr(dataset, 'skip_stored', None)
        if (skipped and kind_of_store(skipped) == 'labels'
                and Path(skipped).resolve() != Path(self.out).resolve()):
            raise ValueError(f'labels go to {self.out}, but the data set skips what {skipped} '
                             'holds: set skip_stored of the data set to the same folder')
        self._ids = getattr(dataset, 'listed_ids', None)
        if self._ids is not None and self._check_images is not None:
            self._check_images(self._ids)
        self._begin()

    # What is written

    @property
    def num_classes(self) -> int:
        """Label ids, background included."""
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None:
            raise ValueError('the data set has no class names (metainfo), by which labels are '
                             'numbered: use ImageLabelDataset')
        return len(classes) + (BACKGROUND not in classes)

    def source(self) -> dict:
        """What the labels are made from: for the manifest, and to tell versions apart."""
        images = None if self._ids is None else dict(
            count=len(self._ids), fingerprint=fingerprint(ids=sorted(self._ids)))
        parts = dict(rule=self.rule.settings(), crf=self.crf and self.crf.settings(),
                     classes=self.classes, maps=self._maps_source, images=images)
        return json.loads(json.dumps(dict(parts, fingerprint=fingerprint(**parts))))

    def _begin(self) -> LabelStore:
        """The store, with the version to be written begun; the same for all processes."""
        if self._store is None:
            store, source = LabelStore(self.out, self.num_classes), self.source()
            self._version = self._made_before(store, source)
            if self._version is None:
                self._version = store.next_version
                store.begin(self._version, source)
            self._store = store
        return self._store

    def _made_before(self, store: LabelStore, source: dict) -> int | None:
        """A complete version of the same source and images."""
        if self._ids is None:
            return None
        return next((version for version in reversed(store.versions)
                     if store.manifest(version)['source'] == source
                     and not store.pending(version, self._ids)), None)

    # One image

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Write the labels of one batch, those that are not there yet."""
        store = self._begin()
        for sample in data_samples:
            image_id = _image_id(sample)
            reason = sample.get('unreadable', '')
            new = not reason and bool(store.pending(self._version, [image_id]))
            if new:
                self._write(image_id, sample)
            self.results.append((image_id, reason, new))

    def _write(self, image_id: str, sample: dict) -> None:
        try:
            labels = self.make_labels(sample).cpu().numpy()
        except ValueError as error:
            raise ValueError(f'{image_id!r}: {error} (labels written before stay; started again, '
                             'it goes on here)') from error
        try:
            self._store.write(self._version, image_id, labels)
        except OSError as error:
            raise OSError(error.errno, f'the labels of {image_id!r} cannot be written '
                          f'({error.strerror}); those written before stay: mend this and start '
                          'again', str(self.out)) from error

    def make_labels(self, sample: dict) -> torch.Tensor:
        """The label map of one sample: (H, W) uint8 on the device of its maps."""
        lacking = [key for key in ('activations', 'activation_classes', 'ori_shape', 'img_path')
                   if key not in sample]
        if lacking:
            raise ValueError(f'the sample has no {", ".join(lacking)}: use a model that gives '
                             'maps, and meta_keys of PackInputs with img_path and ori_shape')
        size = tuple(sample['ori_shape'][:2])
        maps, classes = self._maps(sample)
        refine = self._refine(sample['img_path'], size, classes)
        return self.rule(maps_at_size(maps, size), classes, refine)

    def _maps(self, sample: dict) -> tuple[torch.Tensor, list[int]]:
        """Maps (K, h, w) and their label ids, those of the image's classes."""
        maps, classes = sample['activations'].float(), sample['activation_classes'].tolist()
        if maps.ndim != 3 or len(maps) != len(classes):
            raise ValueError(f'maps of shape {tuple(maps.shape)} for {len(classes)} classes, '
                             'expected (K, h, w)')
        if not torch.isfinite(maps).all():
            raise ValueError('the activation maps hold NaN or infinite values')
        if len(maps) and not (maps.min() >= -1e-4 and maps.max() <= 1 + 1e-4):
            raise ValueError(f'activation maps must lie in 0 to 1, got {float(maps.min()):g} to '
                             f'{float(maps.max()):g}')
        kept = self._kept(classes, sample)
        return maps[kept].clamp(0, 1), [classes[place] + 1 for place in kept]

    def _kept(self, classes: list[int], sample: dict) -> list[int]:
        """Places of the maps that are used."""
        if self.classes == 'maps' or 'gt_label' not in sample:
            return list(range(len(classes)))
        present = set(sample['gt_label'].tolist())
        lacking, others = sorted(present - set(classes)), sorted(set(classes) - present)
        if lacking or (others and self.classes == 'labels'):
            what = (f'no map of class {lacking}' if lacking else
                    f'maps of class {others}, which its image-level labels lack')
            remedy = ('extract the maps with the same label file' if lacking else
                      "use the label file of the extraction, or classes='restrict'")
            raise ValueError(f'there are {what} ({self._names(lacking or others)}): {remedy}')
        return [place for place, label in enumerate(classes) if label in present]

    def _names(self, classes: Sequence[int]) -> str:
        names = [name for name in self.dataset_meta['classes'] if name != BACKGROUND]
        return ', '.join(names[label] if label < len(names) else '?' for label in classes)

    def _refine(self, path: str, size: tuple[int, int], label_ids: list[int]):
        """The CRF bound to the image; either way the image must have the expected size."""
        if self.crf is None:
            with Image.open(path) as header:
                _check_size(path, (header.height, header.width), size)
            return None
        # RGB as in the published code: the lattice approximates BGR a little differently.
        image = torch.from_numpy(read_image(path)[:, :, ::-1].copy())
        _check_size(path, image.shape[:2], size)
        return lambda labels: self.crf(image, labels, classes=[0, *label_ids])

    # After the last one

    def compute_metrics(self, results: list) -> dict:
        """Complete the version, from one process, when all have written their images."""
        store, version = self._begin(), self._version
        unreadable = {image_id: reason for image_id, reason, _ in results if reason}
        ids = set(self._ids or store.held(version))
        store.commit(version, sorted(ids - set(unreadable)))
        pixels = store.manifest(version)['pixels']
        self._report(store, version, unreadable, pixels)
        total = max(sum(pixels.values()), 1)
        metrics = dict(images=len({image_id for image_id, _, new in results if new}),
                       version=version,
                       ignored=round(100 * pixels.get(str(store.ignore_index), 0) / total, 4))
        return dict(metrics, unreadable=len(unreadable)) if unreadable else metrics

    def _report(self, store: LabelStore, version: int, unreadable: dict, pixels: dict) -> None:
        total = max(sum(pixels.values()), 1)
        shares = ', '.join(f'{label}: {100 * count / total:.2f}'
                           for label, count in pixels.items() if count)
        print_log(f'{store.labels_folder(version)}: labels of {len(store.ids(version))} images; '
                  f'% of pixels by label: {shares}', logger='current')
        if unreadable:
            reasons = '\n'.join(f'  {image_id}: {reason}'
                                for image_id, reason in list(unreadable.items())[:20])
            print_log(f'{len(unreadable)} images could not be read and have no labels:\n{reasons}',
                      logger='current', level=logging.WARNING)


def _image_id(sample: dict) -> str:
    image_id = sample.get('image_id') or Path(sample.get('img_path', '')).stem
    if not image_id:
        raise ValueError('a test sample has neither image_id nor img_path: add them to meta_keys '
                         'of PackInputs')
    return image_id


def _check_size(path: str, found: Sequence[int], expected: Sequence[int]) -> None:
    if tuple(found) != tuple(expected):
        raise ValueError(f'{path} is {tuple(found)} (H, W), its maps are of an image of '
                         f'{tuple(expected)}: extract the maps of this data set')
