"""The checks one by one; tests/test_bad_input.py runs them from a config."""
import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from PIL import Image
from torch import nn

from mmwsss.datasets import VOC12SegDataset
from mmwsss.datasets.transforms.load_proposals import LoadProposals
from mmwsss.engine import preflight
from mmwsss.engine.safe_load import load_from_file
from tests.engine import tiny

CLASSES = ('background', 'cat', 'dog')


class Head(nn.Module):

    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes


class STDCHead(Head):
    pass


def model(**parts):
    net = nn.Module()
    for name, part in parts.items():
        setattr(net, name, part)
    return net


def test_num_classes_of_all_heads():
    good = model(decode_head=Head(3), auxiliary_head=nn.ModuleList([Head(3), STDCHead(2)]))
    assert preflight.check_num_classes(good, CLASSES) == []
    bad = model(decode_head=nn.ModuleList([Head(3), Head(4)]), auxiliary_head=Head(2))
    problems = preflight.check_num_classes(bad, CLASSES)
    assert len(problems) == 2
    assert 'decode_head.1 has num_classes=4' in problems[0]
    assert 'auxiliary_head has num_classes=2' in problems[1]
    assert preflight.check_num_classes(bad, None) == []


def graph(*names, filled=True):
    return model(class_names=names or None, filled=filled, source='voc')


def test_class_names():
    def check(*names):
        return preflight.check_class_names(model(head=model(grm=graph(*names))), CLASSES)

    assert check('cat', 'dog') == []
    assert check('Cat', 'dog', 'cow') == []  # nodes beyond the data set's classes
    assert 'another order' in check('dog', 'cat')[0] and 'head.grm' in check('dog', 'cat')[0]
    assert "'dog'" in check('cat', 'cow')[0]
    assert preflight.check_class_names(model(grm=graph()), CLASSES) == []


def test_graph_files():
    net = model(head=graph(filled=False))
    assert 'class graph' in preflight.check_graph_files(net)[0]
    assert preflight.check_graph_files(net, ['head.adjacency']) == []
    assert preflight.check_graph_files(model(head=graph())) == []


def pretrained(*checkpoints):
    cfgs = [dict(type='Pretrained', checkpoint=c) for c in checkpoints]
    return model(backbone=BaseModule(init_cfg=cfgs + [dict(type='Normal', layer='Conv2d')]))


def test_init_weights(tmp_path):
    torch.save(dict(w=torch.ones(1)), tmp_path / 'good.pth')
    (tmp_path / 'bad.pth').write_bytes(b'x')
    assert preflight.check_init_weights(pretrained(str(tmp_path / 'good.pth'))) == []
    bad = str(tmp_path / 'bad.pth')
    net = pretrained(bad, bad, '/no/such.pth')
    net.backbone.weights_hint = 'made with a script'
    problems = preflight.check_init_weights(net)
    assert len(problems) == 2
    assert 'cut short' in problems[0] and 'do not exist' in problems[1]
    assert all('model.backbone' in p and p.endswith('made with a script') for p in problems)


@pytest.mark.parametrize('name, ending', [
    ('https://a.b/c.pth', 'c.pth'), ('torchvision://vgg16', '.pth'),
    ('open-mmlab://detectron2/resnet101_caffe', '.pth'), ('open-mmlab://none', None),
    ('s3://bucket/x.pth', None), ('/local.pth', None)])
def test_resolve_url(name, ending):
    url = preflight.resolve_url(name)
    assert url is None if ending is None else url.startswith('http') and url.endswith(ending)


def test_state_dict_must_fill_the_model():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    keys = [k for k in net.state_dict() if not k.endswith('num_batches_tracked')]
    assert preflight.check_state_dict(net, keys, 'f') == []
    assert preflight.check_state_dict(net, [f'module.{k}' for k in keys] + ['more'], 'f') == []
    problem, = preflight.check_state_dict(net, keys[1:], 'f.pth')
    assert 'f.pth lacks 1 of the 7' in problem and '0.weight' in problem


@pytest.fixture
def dataset(tmp_path):
    root = tiny.make_data(tmp_path, count=10)
    return VOC12SegDataset(
        data_root=str(root), ann_file='train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='labels'))


def spoil(root, i, shape=(20, 24), value=0):
    Image.fromarray(np.full(shape, value, np.uint8)).save(root / f'labels/im_{i}.png')


def test_labels_all_well_and_wrapped(dataset):
    for data in (dataset, RepeatDataset(dataset, 3), ConcatDataset([dataset, dataset])):
        assert preflight.check_labels(data) == []
    assert preflight.check_labels([1, 2, 3]) == []


def test_labels_counts_and_names_the_first_three(dataset, tmp_path):
    for i in (1, 3, 4, 8):
        spoil(tmp_path, i, shape=(3, 3))
    problem, = preflight.check_labels(dataset)
    assert '4 of 10 labels of VOC12SegDataset' in problem and 'im_1.png is 3x3' in problem
    assert 'im_4' in problem and 'im_8' not in problem and '(and 1 more)' in problem


def test_labels_limits(dataset, tmp_path):
    spoil(tmp_path, 5, value=77)
    assert preflight.check_labels(dataset, max_decoded=1) == []
    assert '77' in preflight.check_labels(dataset, max_decoded=2)[0]  # im_0 and im_5
    assert preflight.check_labels(dataset, max_headers=0, max_decoded=0) == []


def test_error_lists_everything():
    error = preflight.PreflightError(['first', 'second'])
    assert str(error) == '2 problems found before the run started:\n1. first\n2. second'
    assert '1 problem found' in str(preflight.PreflightError(['x']))


def test_resume_needs_no_init_weights(make_runner, tmp_path):
    weights = str(tmp_path / 'init.pth')
    options = {'custom_hooks': [dict(type='PreflightHook')],
               'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
               'model.backbone.init_cfg': dict(type='Pretrained', checkpoint=weights)}
    with pytest.raises(preflight.PreflightError, match='init.pth'):
        make_runner(options, iters=1).train()
    first = make_runner({**options, 'model.backbone.init_cfg': None}, iters=2)
    first.train()
    second = make_runner({**options, 'resume': True}, iters=3)
    second.train()
    assert second.iter == 3
    assert CheckpointLoader._schemes[''] is load_from_file


def test_proposals_must_be_of_the_images(tmp_path, monkeypatch):
    class Data(list):
        get_data_info = list.__getitem__

    logged = []
    monkeypatch.setattr(preflight, 'print_log', lambda text, logger: logged.append(text))

    def problems(content, ids, listed=None):
        file = tmp_path / 'boxes.json'
        file.write_text(content)
        data = Data(dict(image_id=i) for i in ids)
        if listed:
            data.listed_ids = listed
        data.pipeline = model(transforms=[LoadProposals(str(file))])
        return preflight.check_proposals(model(dataset=data))

    box = '{"image_id": "a", "bbox": [0, 0, 4, 4], "score": 1}'
    assert problems(f'[{box}]', ['x', 'a', 'y']) == []
    assert len(logged) == 1 and 'boxes.json: boxes for 1 of 3 images' in logged[0]
    # What is left to extract has no boxes, what is stored already had: it is the right file.
    assert problems(f'[{box}]', ['x'], listed=['x', 'a']) == []
    assert 'none of 1 images' in problems(f'[{box}]', ['x'])[0]
    assert 'no JSON' in problems('[', ['x'])[0]
    plain = Data([dict(image_id='a')])
    assert preflight.check_proposals(plain) == []
