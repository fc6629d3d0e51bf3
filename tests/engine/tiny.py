"""A data set and a config that train in seconds, for tests of the machinery around training."""
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 21
CONFIG = """
custom_imports = dict(imports=['mmwsss', 'tests.engine.tiny_model'], allow_failed_imports=False)
default_scope = 'mmseg'
data = dict(
    type='VOC12SegDataset', serialize_data=False, data_root={root!r}, ann_file='train.txt',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='labels'))
load = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabels')]
train_dataloader = dict(
    batch_size=4, num_workers={workers}, persistent_workers={workers} > 0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(data, pipeline=load + [
        dict(type='RandomCrop', crop_size=(16, 16)), dict(type='RandomFlip', prob=0.5),
        dict(type='PackSegInputs')]))
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data, pipeline=load + [dict(type='PackSegInputs')]))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
train_cfg = dict(type='IterBasedTrainLoop', max_iters={iters}, val_interval={val_interval})
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[128.] * 3, std=[64.] * 3, bgr_to_rgb=True,
        pad_val=0, seg_pad_val=255, size=(16, 16), test_cfg=dict(size_divisor=4)),
    backbone=dict(type='TwoConvs', hang_after={hang_after}),
    decode_head=dict(
        type='FCNHead', in_channels=8, channels=8, num_convs=1, concat_input=False,
        num_classes=21, dropout_ratio=0.5, norm_cfg=None, align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=40, by_epoch=False)]
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval={interval}),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'))
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
log_processor = dict(by_epoch=False, window_size=1)
log_level = 'INFO'
load_from = None
resume = False
{extra}
"""


def make_data(root: Path, count: int = 6, height: int = 20, width: int = 24) -> Path:
    """Images whose class is their colour, so that something can be learned."""
    rng = np.random.RandomState(0)
    ids = [f'im_{i}' for i in range(count)]
    for folder in ('JPEGImages', 'labels'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(ids):
        label = np.zeros((height, width), np.uint8)
        label[4:14, 3 + i:15 + i] = 1 + i % 3
        image = 80 * label[..., None] + rng.randint(0, 40, (height, width, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / f'JPEGImages/{name}.jpg')
        Image.fromarray(label).save(root / f'labels/{name}.png')
    (root / 'train.txt').write_text('\n'.join(ids) + '\n')
    return root


def write_config(folder: Path, data: Path, name: str = 'tiny.py', **options) -> Path:
    """Write the config; ``extra`` is appended, the rest fills its blanks."""
    blanks = dict(root=str(data), workers=0, iters=10, val_interval=5, interval=2,
                  hang_after=10 ** 9, extra='')
    path = folder / name
    path.write_text(CONFIG.format(**dict(blanks, **options)))
    return path
