"""The table of bad input: what is wrong, when it is found, and what the message must say.

Each row spoils one thing about a run that would work, starts it, and expects one clear error with
the file or value that is wrong and the remedy, before the first iteration.
"""
from pathlib import Path
from typing import Callable, NamedTuple, Tuple

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner import runner as mmengine_runner
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.engine import launch
from mmwsss.knowledge import ClassGraph
from tests.engine import tiny

STATE = dict(state_dict={}, meta=dict(iter=1, epoch=0), message_hub={})


class Row(NamedTuple):
    """A name, what to spoil (``root`` of the data, ``cfg``), and parts of the message."""

    name: str
    spoil: Callable[[Path, Config], None]
    message: Tuple[str, ...]


def option(**options):
    """Override config entries; ``__`` stands for a dot."""

    def spoil(root, cfg):
        cfg.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})

    return spoil


def data(**options):
    def spoil(root, cfg):
        for key, value in options.items():
            key = key.replace('__', '.')
            cfg.merge_from_dict({f'train_dataloader.dataset.{key}': value})

    return spoil


def write(name, content):
    def spoil(root, cfg):
        path = root / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            Image.fromarray(content).save(path)

    return spoil


def remove(name):
    return lambda root, cfg: (root / name).unlink()


def cut(name, keep=0.5):
    def spoil(root, cfg):
        whole = (root / name).read_bytes()
        (root / name).write_bytes(whole[:int(keep * len(whole))])

    return spoil


def checkpoint(content, resume=False, init=False):
    """Let the run start from a file with this content."""

    def spoil(root, cfg):
        path = root / 'start.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        if init:
            cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
        else:
            cfg.load_from, cfg.resume = str(path), resume

    return spoil


def graph(names=None, **kwargs):
    """A head with a class graph of these names."""

    def spoil(root, cfg):
        if names is not None:
            count = len(names)
            ClassGraph(names, np.eye(count), np.ones((count, 4), np.float32), {}).save(
                root / 'graph.npz')
            kwargs['graph'] = str(root / 'graph.npz')
        cfg.model.decode_head = dict(
            type='GRMHead', head=dict(cfg.model.decode_head), nodes='fixed', **kwargs)

    return spoil


VOC = mmwsss.datasets.VOC12SegDataset.METAINFO['classes'][1:]
LABEL = np.zeros((20, 24), np.uint8)
CUT = b'PK\x03\x04' + bytes(100)

TABLE = [
    # data set
    Row('no data root', data(data_root='/no/such'), ('data_root', '/no/such', 'download')),
    Row('no list', data(ann_file='none.txt'), ('none.txt', 'ann_file')),
    Row('empty list', write('train.txt', b''), ('train.txt', 'lists no image')),
    Row('list with an unsafe id', write('train.txt', b'../x'), ('line 1', '../x', '..')),
    Row('no image folder', data(data_prefix__img_path='none'), ('none', 'img_path')),
    Row('no label folder', data(data_prefix__seg_map_path='none'),
        ('label folder', 'none', 'seg_map_path')),
    Row('label folder not named', data(data_prefix=dict(_delete_=True, img_path='JPEGImages')),
        ('seg_map_path', 'pseudo labels')),
    Row('image missing', remove('JPEGImages/im_1.jpg'), ('1 of the 6', 'im_1.jpg', 'no image')),
    Row('image without label', remove('labels/im_1.png'), ('1 of the 6', 'im_1.png', 'no label')),
    Row('image unreadable', write('JPEGImages/im_1.jpg', b'no image'),
        ('im_1.jpg', 'cannot be read')),
    Row('label unreadable', write('labels/im_1.png', b'no image'), ('im_1.png', 'cannot be read')),
    Row('label cut short', cut('labels/im_1.png'), ('im_1.png', 'cannot be read')),
    Row('label empty', write('labels/im_1.png', b''), ('im_1.png', 'cannot be read')),
    Row('label of another size', write('labels/im_1.png', LABEL[:5]),
        ('im_1.png', '24x5', '24x20')),
    Row('label in colours', write('labels/im_1.png', np.zeros((20, 24, 3), np.uint8)),
        ('im_1.png', 'RGB', 'class indices')),
    Row('label with a value that is no class', write('labels/im_1.png', LABEL + 21),
        ('im_1.png', '21', '0..20')),
    # model
    Row('wrong num_classes', option(model__decode_head__num_classes=20),
        ('decode_head', 'num_classes=20', '21 classes', 'num_classes=21')),
    Row('class graph lacks a class', graph(('alpaca', ) + VOC[1:]),
        ('aeroplane', 'build_class_graph.py')),
    Row('class graph of another size', graph(('dog', 'cat', 'person')),
        ('num_classes=21', '3 classes')),
    Row('class graph in another order', graph(VOC[::-1]), ('another order', 'classes=')),
    Row('class graph file missing', graph(graph='/no/graph.npz'),
        ('/no/graph.npz', 'build_class_graph.py')),
    # weights
    Row('init weights missing', option(model__backbone__init_cfg=dict(
        type='Pretrained', checkpoint='/no/weights.pth')),
        ('/no/weights.pth', 'do not exist', 'init_cfg')),
    Row('init weights offline', option(model__backbone__init_cfg=dict(
        type='Pretrained', checkpoint='https://weights.invalid/net-1.pth')),
        ('https://weights.invalid/net-1.pth', 'network', 'checkpoints/net-1.pth', 'local file')),
    Row('init weights of an unknown name', option(model__backbone__init_cfg=dict(
        type='Pretrained', checkpoint='open-mmlab://nothing')), ('open-mmlab://nothing', )),
    Row('init weights cut short', checkpoint(CUT, init=True), ('start.pth', 'cut short')),
    Row('checkpoint missing', option(load_from='/no/start.pth'), ('/no/start.pth', )),
    Row('checkpoint cut short', checkpoint(CUT), ('start.pth', 'cut short', 'copy')),
    Row('checkpoint to resume cut short', checkpoint(CUT, resume=True),
        ('start.pth', 'cut short')),
    Row('checkpoint without training state', checkpoint(dict(state_dict={}), resume=True),
        ('start.pth', 'no training state', 'load_from')),
    Row('checkpoint that runs code', checkpoint(dict(x=Path('/'))),
        ('start.pth', 'holds more than weights', 'torch.save')),
]


@pytest.fixture(autouse=True)
def quick_runner(monkeypatch, tmp_path):
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))
    monkeypatch.setattr(mmengine_runner, 'collect_env', lambda: {})
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))


@pytest.fixture
def run(tmp_path, request, monkeypatch):
    """``run(spoil)``: start a run of the tiny config spoilt that way; returns the iterations."""
    root = tiny.make_data(tmp_path / 'data')

    def start(spoil) -> int:
        cfg = Config.fromfile(tiny.write_config(tmp_path, root, iters=1))
        launch.make_crash_safe(cfg)
        cfg.work_dir = str(tmp_path / 'work')
        cfg.experiment_name = request.node.name
        cfg.log_level = 'ERROR'
        spoil(root, cfg)
        monkeypatch.setattr(mmengine_runner.Runner, 'call_hook', watch(start))
        Runner.from_cfg(cfg).train()
        return start.iterations

    start.iterations = 0
    return start


def watch(counter):
    real = mmengine_runner.Runner.call_hook

    def call_hook(self, fn_name, **kwargs):
        counter.iterations += fn_name == 'before_train_iter'
        return real(self, fn_name, **kwargs)

    return call_hook


def test_an_unspoilt_run_trains(run):
    assert run(lambda root, cfg: None) == 1


def test_a_graph_of_the_right_classes_trains(run):
    assert run(graph(VOC)) == 1


@pytest.mark.parametrize('row', TABLE, ids=[row.name for row in TABLE])
def test_bad_input_is_named_before_training(run, row):
    with pytest.raises(Exception) as error:
        run(row.spoil)
    assert run.iterations == 0
    for part in row.message:
        assert part in str(error.value), str(error.value)


def test_all_problems_come_at_once(run):
    def spoil(root, cfg):
        for row in TABLE:
            if row.name in ('label cut short', 'wrong num_classes', 'init weights missing'):
                row.spoil(root, cfg)

    with pytest.raises(Exception, match='3 problems') as error:
        run(spoil)
    for part in ('im_1.png', 'num_classes=20', '/no/weights.pth'):
        assert str(error.value).count(part) == 1


def test_a_checkpoint_of_another_model_is_not_tested(run, tmp_path):
    def spoil(root, cfg):
        torch.save(dict(state_dict=dict(w=torch.ones(1))), root / 'other.pth')
        cfg.load_from = str(root / 'other.pth')
        cfg.train_cfg = cfg.train_dataloader = cfg.optim_wrapper = cfg.param_scheduler = None
        Runner.from_cfg(cfg).test()

    with pytest.raises(Exception, match='lacks 8 of the 8 weights.*another config'):
        run(spoil)
