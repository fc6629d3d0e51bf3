"""The data side of the configs: pipelines on a made-up data set, and where the roots come from."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

import mmwsss  # noqa: F401
from tests.paths import ROOT

CONFIGS = ROOT / 'configs'
# One config of each data base: environment variable of the root, crop, folders, lists.
VOC_FOLDERS = dict(images=['JPEGImages'], labels=['SegmentationClass', 'SegmentationClassAug',
                                                  'PseudoLabels'])
VOC_LISTS = [f'ImageSets/Segmentation/{split}.txt' for split in ('train', 'train_aug', 'val')]
DATA = {
    'grm/deeplabv2_r101_grm_voc.py': ('MMWSSS_VOC', 321, VOC_FOLDERS, VOC_LISTS),
    'grm/deeplabv2_r101_grm_coco.py': (
        'MMWSSS_COCO', 321,
        dict(images=['train2014', 'val2014'], labels=['PseudoLabels',
                                                      'masks_val2014']),
        ['train.txt', 'val.txt']),
    'grm/deeplabv2_effnetlite0_aspp_vocmini.py': ('MMWSSS_VOC_MINI', 192, VOC_FOLDERS, VOC_LISTS),
    'grm/deeplabv2_r18_aspp_toy.py': ('MMWSSS_TOY', 96, VOC_FOLDERS, VOC_LISTS),
    'grm/segformer_mit-b0_grm_voc.py': ('MMWSSS_VOC', 512, VOC_FOLDERS, VOC_LISTS),
    'grm/deeplabv3_r50_grm_voc.py': ('MMWSSS_VOC', 512, VOC_FOLDERS, VOC_LISTS),
}
SIZE = (120, 150)


@pytest.fixture
def root(tmp_path, request):
    """Two images with labels, in the folders that the config wants."""
    _, _, folders, lists = DATA[request.param]
    rng = np.random.RandomState(0)
    for kind, suffix, shape in (('images', '.jpg', (*SIZE, 3)), ('labels', '.png', SIZE)):
        for folder in folders[kind]:
            (tmp_path / folder).mkdir(parents=True)
            for name in ('a', 'b'):
                top = 256 if kind == 'images' else 21
                array = rng.randint(0, top, shape).astype(np.uint8)
                Image.fromarray(array).save(tmp_path / folder / f'{name}{suffix}')
    for name in lists:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('a\nb\n')
    return tmp_path


@pytest.mark.parametrize('root, name', [(n, n) for n in DATA], indirect=['root'])
def test_pipelines_run(root, name, monkeypatch):
    variable, crop, *_ = DATA[name]
    monkeypatch.setenv(variable, str(root))
    cfg = Config.fromfile(CONFIGS / name)
    init_default_scope('mmseg')
    train = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(train) == 2
    for _ in range(8):  # the scale is random
        sample = train[0]
        height, width = sample['inputs'].shape[1:]
        assert height <= crop and width <= crop
        assert sample['data_samples'].gt_sem_seg.data.shape == (1, height, width)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        sample = DATASETS.build(loader.dataset)[0]
        # labels keep the size of the image that is scored
        assert sample['data_samples'].gt_sem_seg.data.shape == (1, *SIZE)
        assert sample['inputs'].dtype == torch.uint8
    tta = cfg.test_dataloader.dataset
    tta.pipeline = cfg.tta_pipeline
    assert len(DATASETS.build(tta)[0]['inputs']) >= 2


@pytest.mark.parametrize('name', list(DATA))
def test_one_variable_moves_all_dataloaders(name, monkeypatch):
    monkeypatch.setenv(DATA[name][0], '/elsewhere')
    cfg = Config.fromfile(CONFIGS / name)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root == '/elsewhere'


def test_labels_are_chosen_by_one_variable(monkeypatch):
    monkeypatch.setenv('MMWSSS_LABELS', '/labels/round_2')
    for name in ('grm/deeplabv2_r101_grm_voc.py', 'grm/deeplabv2_effnetlite0_aspp_vocmini.py',
                 'grm/deeplabv2_r18_aspp_toy.py', 'grm/pspnet_r50_grm_voc.py'):
        cfg = Config.fromfile(CONFIGS / name)
        assert cfg.train_dataloader.dataset.data_prefix.seg_map_path == '/labels/round_2'
        # and the masks that the validation is scored with stay
        assert cfg.val_dataloader.dataset.data_prefix.seg_map_path.startswith('Segmentation')


@pytest.mark.parametrize('name', [
    'grm/deeplabv2_r101_grm_voc.py', 'grm/deeplabv2_r101_grm_coco.py',
    'grm/pspnet_r50_grm_voc.py', 'deeplabv2/deeplabv2_vgg16_largefov_voc.py'])
def test_masks_are_no_default_in_weak_supervision(name):
    cfg = Config.fromfile(CONFIGS / name)
    assert cfg.train_dataloader.dataset.data_prefix.seg_map_path == 'PseudoLabels'


def test_published_augmentation_and_schedule():
    cfg = Config.fromfile(CONFIGS / 'grm/deeplabv2_r101_grm_voc.py')
    assert cfg.train_dataloader.batch_size == 10
    assert cfg.train_cfg.max_iters == 20000 and cfg.param_scheduler[0].end == 20000
    assert cfg.param_scheduler[0].power == 0.9
    assert cfg.model.backbone.init_cfg.checkpoint == 'open-mmlab://detectron2/resnet101_caffe'
    coco = Config.fromfile(CONFIGS / 'grm/deeplabv2_r101_grm_coco.py')
    assert coco.train_cfg.max_iters == 100000 and coco.param_scheduler[0].end == 100000
    assert coco.model.decode_head.head.num_classes == 81
    assert coco.model.decode_head.graph == 'coco'
