"""A test loop's activation maps, put into a store as they come."""
import logging
from collections.abc import Sequence

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from mmwsss.labels import ActivationStore


@METRICS.register_module()
class ActivationWriter(BaseMetric):
    """Write the ``activations`` of each test sample into an :class:`ActivationStore`.

    Each image is on disk, whole, before the next batch begins; with ``skip_stored`` of
    :class:`ImageLabelDataset` naming the same folder, a stopped extraction goes on at the image
    where it stopped. Under any launcher each process writes its own images.

    Needs :class:`CAMClassifier` with ``test_cam`` and ``image_id`` and ``ori_shape`` among the
    ``meta_keys`` of ``PackInputs``.

    Args:
        out (str): folder of the store; made if absent.
        bits (int): 8 (default) or 16.
        stride (int): of the maps, as in ``test_cam``. Defaults to 4.
        prefix (str, optional): of the metric's name. Defaults to 'activations'.

    A store keeps a fingerprint of the weights and settings that its maps come from, and refuses
    those of another checkpoint (checked by :class:`PreflightHook`, which ``tools/test.py`` adds).

    Images that ``unreadable='skip'`` of the data set let through are not written but listed, with
    reasons, in the log and in ``unreadable.json`` of the store; the next run tries them again.

    Metrics: ``images``, how many this run wrote; ``unreadable``, how many it could not, if any.

    Raises:
        ValueError: if samples carry no maps, no id, or the store is of other classes, settings
            or weights.
    """

    default_prefix = 'activations'

    def __init__(self, out: str, bits: int = 8, stride: int = 4, **kwargs) -> None:
        super().__init__(**kwargs)
        self.out = out
        self.bits = bits
        self.stride = stride
        self._source: dict | None = None
        self._store: ActivationStore | None = None

    @property
    def store(self) -> ActivationStore:
        """The store, opened at first use: a metric may be built where nothing is to be made."""
        if self._store is None:
            classes = (self.dataset_meta or {}).get('classes')
            if classes is None:
                raise ValueError('the data set has no class names (metainfo), which a store of '
                                 'activation maps needs: use ImageLabelDataset')
            self._store = ActivationStore(self.out, classes, stride=self.stride, bits=self.bits,
                                          source=self._source)
        return self._store

    def check_model(self, model) -> None:
        """Refuse a store of other classes, settings or weights before the first image."""
        if hasattr(model, 'maps_source'):
            self._source = model.maps_source()
        if ActivationStore.exists(self.out):
            self.store  # noqa: B018

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Write one batch."""
        for sample in data_samples:
            if 'unreadable' not in sample:
                self._write(sample)
            self.results.append((sample['image_id'], sample.get('unreadable', '')))

    def _write(self, sample: dict) -> None:
        lacking = [key for key in ('activations', 'activation_classes', 'image_id', 'ori_shape')
                   if key not in sample]
        if lacking:
            raise ValueError(
                f'{sample.get("img_path", "a test sample")} has no {", ".join(lacking)}: set '
                'test_cam of CAMClassifier, and meta_keys of PackInputs to include image_id '
                'and ori_shape')
        self.store.write(sample['image_id'], sample['activations'],
                         sample['activation_classes'].tolist(), sample['ori_shape'])

    def compute_metrics(self, results: list) -> dict:
        """How many images of the data set were written or not, over all processes."""
        unreadable = {image_id: reason for image_id, reason in results if reason}
        metrics = dict(images=sum(not reason for _, reason in results))
        if results:
            self.store.list_unreadable(unreadable)
        if unreadable:
            metrics['unreadable'] = len(unreadable)
            reasons = '\n'.join(f'  {image_id}: {reason}'
                                for image_id, reason in list(unreadable.items())[:20])
            print_log(f'{len(unreadable)} images could not be read and have no maps, listed in '
                      f'{self.store.unreadable_path}:\n{reasons}', logger='current',
                      level=logging.WARNING)
        return metrics
