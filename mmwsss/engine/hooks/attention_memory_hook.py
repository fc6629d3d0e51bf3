"""Gives training the attention maps that it made of the same images an epoch before.

Source: pgnn.txt, "Soft Complementary Loss": "we use attention maps generated at the previous epoch
as the first step attention maps".
"""
import os.path as osp
from typing import Any, List, Optional

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmpretrain.structures import DataSample

from mmwsss.datasets.crop_geometry import META_KEYS, CropGeometry
from mmwsss.models.classifiers.multi_scale_cams import output_stride

from ..attention_memory import AttentionMemory, Visit
from ..label_updates.distributed import on_all_ranks, on_main
from ..resume import step_files

_KEY = 'attention_memory'


@HOOKS.register_module()
class AttentionMemoryHook(Hook):
    """Keeps the maps of each epoch and hands those of the epoch before to the training samples.

    Needs :class:`PGNNHead`, a sampler that numbers its samples (:class:`SameClassBatchSampler`,
    :class:`ResumableInfiniteSampler`), :class:`RandomLongSideCrop` and ``PackInputs`` with
    ``meta_keys=mmwsss.datasets.crop_geometry.META_KEYS``.

    Samples get ``attention`` (K, h, w), 0 to 1, in the coordinates of their crop, and
    ``attention_classes``; nothing before version ``begin``. The maps are those that training makes
    anyway (group attention, class embedding and all), over their maximum in the crop. An epoch is
    a pass of the sampler, ended by the step that completes it; every process reads the same,
    complete version, and a resumed run goes on with the version and the visits of its checkpoint.

    Args:
        store (str, optional): folder, seen by all processes. Default: ``attention`` in the work
            dir. A fresh run empties it.
        stride (int): pixels of the image a stored value. Defaults to 4.
        cell (int): pixels of the crop a value of ``attention``. Defaults to 16.
        keep (int): newest versions kept, besides those that the two newest checkpoints need.
            Defaults to 2.
        begin (int): first version that samples get. The soft-complementary loss holds a network
            to its earlier maps, so one that starts from random weights has to learn its classes
            before. Defaults to 1, from the second epoch on (paper).

    Raises:
        ValueError: before or in the first iteration, if something of the above is missing.
    """

    priority = 'NORMAL'

    def __init__(self, store: Optional[str] = None, stride: int = 4, cell: int = 16,
                 keep: int = 2, begin: int = 1) -> None:
        if min(stride, cell, keep, begin) < 1:
            raise ValueError('stride, cell, keep and begin must be at least 1, got '
                             f'{stride}, {cell}, {keep}, {begin}')
        self.root, self.stride, self.cell, self.keep = store, stride, cell, keep
        self.begin = begin
        self.resumed: Optional[dict] = None
        self.history: List[List[int]] = []

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.resumed = checkpoint.get(_KEY) if runner._resume else None

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.head = model.head
        if not hasattr(self.head, 'attention_log'):
            raise ValueError(f'AttentionMemoryHook needs PGNNHead, not {type(self.head).__name__}')
        loader = runner.train_loop.dataloader
        self.epoch = len(getattr(loader.batch_sampler, 'sampler', loader.sampler))
        self.batch = (loader.batch_size or loader.batch_sampler.batch_size) * get_world_size()
        self.memory = AttentionMemory(
            self.root or osp.join(runner.work_dir, 'attention'),
            loader.dataset.metainfo['classes'], self.stride)
        state = self.resumed or dict(samples=0, history=[[0, 0]])
        self.samples = state['samples']
        # (version, samples when it was made), the last one is current
        self.history = [list(pair) for pair in state['history']]
        on_main(self._go_on, 'placing the attention memory')

    @property
    def version(self) -> int:
        """The version that training reads; 0: none yet."""
        return self.history[-1][0]

    def before_train_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        for sample in data_batch['data_samples']:
            self._check(sample)
            if self.version >= self.begin:
                self._hand(sample)
        self.head.attention_log = []

    def after_train_iter(self, runner, batch_idx: int, data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        maps, = self.head.attention_log
        self.head.attention_log = None
        samples = data_batch['data_samples']
        self.memory.record([self._visit(sample, map_chw) for sample, map_chw in
                            zip(samples, maps.float().cpu())])
        self.samples += self.batch
        if self.samples // self.epoch > self.version:
            self._new_version(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint[_KEY] = dict(samples=self.samples,
                                history=[list(pair) for pair in self.history[-2:]])

    # Inside

    def _go_on(self) -> None:
        """Delete what came after the checkpoint, in a fresh run everything.

        Raises:
            ValueError: if the version that training reads is not there.
        """
        if self.version and not self.memory.is_complete(self.version):
            raise ValueError(f'{self.memory.folder(self.version)} is missing, which the '
                             'checkpoint was trained with: bring it back, or start again')
        later = [version for version in self.memory.versions() if version > self.version]
        self.memory.drop_versions(later + self.memory.unfinished())
        self.memory.drop_visits(since=self.samples)

    def _new_version(self, runner) -> None:
        version, (previous, since) = self.samples // self.epoch, self.history[-1]
        # The visits of all processes are on disk when all have come here.
        on_all_ranks(lambda: None, 'recording attention maps')
        on_main(lambda: self.memory.drop_versions(self.memory.unfinished()), 'clearing')
        on_main(lambda: self.memory.store(version), 'opening a version of the attention memory')
        on_all_ranks(lambda: self.memory.merge(version, previous, since, self.samples, get_rank(),
                                               get_world_size()), 'merging attention maps')
        self.history.append([version, self.samples])
        on_main(lambda: self._finish(runner, version), 'completing the attention memory')
        use = 'are used from now on' if version >= self.begin else (
            f'are not used yet (begin={self.begin})')
        runner.logger.info(f'attention maps version {version}, of {self.samples - since} samples, '
                           + use)

    def _finish(self, runner, version: int) -> None:
        self.memory.complete(version, dict(samples=self.samples))
        needed = self._needed(runner)
        versions = self.memory.versions()
        self.memory.drop_versions(v for v in versions[:-self.keep] if v < needed[0])
        self.memory.drop_visits(before=needed[1])

    def _needed(self, runner) -> List[int]:
        """Oldest version, and its samples, that a resumed run may go on from."""
        steps = sorted(step for step, _ in step_files(runner.work_dir))[-2:]
        oldest = min([step * self.batch for step in steps], default=0)
        made = [pair for pair in self.history if pair[1] <= oldest]
        return made[-1] if made else self.history[0]

    def _check(self, sample: DataSample) -> None:
        position = getattr(sample.get('sample_idx'), 'position', None)
        if position is None or 'image_id' not in sample:
            raise ValueError(
                f'{sample.get("img_path", "a sample")} does not say its place in the training '
                'stream or its image_id: use SameClassBatchSampler, ImageLabelDataset and '
                f'meta_keys={META_KEYS} of PackInputs')

    def _hand(self, sample: DataSample) -> None:
        """Let a sample carry the maps of the current version."""
        store = self.memory.store(self.version)
        if sample.image_id not in store:
            return
        classes, maps, _ = store.read_stored(sample.image_id)
        geometry = CropGeometry.of(sample.metainfo)
        sample.set_field(geometry.maps_to_sample(maps, self.stride, self.cell), 'attention')
        sample.set_field(classes, 'attention_classes', field_type='metainfo')

    def _visit(self, sample: DataSample, maps: torch.Tensor) -> Visit:
        """Maps (C, h, w) before the ReLU -> those of the image's classes, 0 to 1."""
        classes = self.head.targets([sample])[0].nonzero()[:, 0].tolist()
        maps = maps[classes].relu()
        maps = maps / (maps.amax(dim=(1, 2), keepdim=True) + 1e-5)
        geometry = CropGeometry.of(sample.metainfo)
        cell = output_stride(geometry.sample, maps.shape[1:])
        return Visit(sample.sample_idx.position, sample.image_id, classes, maps, geometry,
                     (cell, cell))
