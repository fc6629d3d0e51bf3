"""A segmentor whose predictions are known: a pixel's class is its colour, and weak labels."""
import copy
from pathlib import Path

import numpy as np
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from PIL import Image
from torch import nn

STEP = 80  # tests.engine.tiny paints class k with 80 k and noise up to 40


@MODELS.register_module()
class Through(BaseModule):
    """A backbone that hands the image on."""

    def forward(self, x):
        return (x, )


@MODELS.register_module()
class ColourHead(BaseDecodeHead):
    """Logits fall with the distance of a brightness from that of a class; a bias is learned."""

    def __init__(self, **kwargs):
        super().__init__(in_channels=3, channels=3, num_classes=21, **kwargs)
        self.conv_seg = None
        self.shift = nn.Parameter(torch.zeros(21))

    def init_weights(self):
        pass

    def forward(self, inputs):
        brightness = inputs[0].mean(dim=1, keepdim=True)
        classes = torch.arange(21.).view(1, -1, 1, 1)
        return self.shift.view(1, -1, 1, 1) - 8 * (brightness - 0.25 - classes) ** 2


MODEL = dict(
    _delete_=True, type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[0.] * 3, std=[float(STEP)] * 3, bgr_to_rgb=True,
        pad_val=0, seg_pad_val=255, size=(16, 16)),
    backbone=dict(type='Through'),
    decode_head=dict(type='ColourHead', loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))


def options(hook: dict, lr: float = 0., **more) -> dict:
    """Overrides of the tiny config: model, weak labels, the hook: Eq. 11 unless it says."""
    hook = {'source': 'inference', 'image_classes': None, 'min_confidence': None, **hook}
    return {
        'model': copy.deepcopy(MODEL),
        'optim_wrapper.optimizer': dict(_delete_=True, type='SGD', lr=lr),
        'param_scheduler': [], 'randomness': dict(seed=3),
        'train_dataloader.dataset.data_prefix.seg_map_path': 'weak',
        'train_dataloader.sampler.type': 'ResumableInfiniteSampler',
        'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
        'custom_imports.imports': ['mmwsss', 'tests.engine.label_updates.oracle'],
        'custom_hooks': [dict(type='PreflightHook'), dict(type='ExactResumeHook'),
                         dict(type='MutualComplementaryHook', **hook)], **more}


def weaken(data: Path) -> None:
    """Labels of ``tiny.make_data`` with the right half of each object gone, and some ignored."""
    (data / 'weak').mkdir(exist_ok=True)
    for path in sorted((data / 'labels').glob('*.png')):
        labels = np.array(Image.open(path))
        _, columns = np.nonzero(labels)
        labels[:, int(columns.mean()):] = 0
        labels[:2, :5] = 255
        Image.fromarray(labels).save(data / 'weak' / path.name)


def predicted(data: Path, image_id: str) -> np.ndarray:
    """(H, W) classes that the untrained network gives, worked out from the file."""
    image = np.asarray(Image.open(data / 'JPEGImages' / f'{image_id}.jpg'), np.float64)
    return np.abs(image.mean(axis=2, keepdims=True) / STEP - 0.25 - np.arange(21)).argmin(axis=2)


def weak(data: Path, image_id: str) -> np.ndarray:
    return np.array(Image.open(data / 'weak' / f'{image_id}.png'))
