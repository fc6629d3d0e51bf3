"""What a store of activation maps refuses to mix, beside maps of other weights."""
import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

import mmwsss  # noqa: F401
from mmwsss.labels import ActivationStore
from mmwsss.models.map_settings import part_settings

BACKBONE = dict(type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4,
                strides=(1, 2, 2, 1))
HEAD = dict(type='ReCAMHead', num_classes=3, in_channels=32)
PREPROCESSOR = dict(type='mmpretrain.ClsDataPreprocessor', mean=[120.] * 3, std=[60.] * 3,
                    to_rgb=True)


def classifier(backbone=None, head=None, preprocessor=None, as_modules=False, **kwargs):
    """A classifier whose parts are given as configs or built; weights are not set."""
    parts = [copy.deepcopy(dict(default, **(given or {}))) for default, given in (
        (BACKBONE, backbone), (HEAD, head), (PREPROCESSOR, preprocessor))]
    if as_modules:
        parts = [MODELS.build(part) for part in parts]
    kwargs.setdefault('test_cam', dict())
    return MODELS.build(dict(type='CAMClassifier', backbone=parts[0], head=parts[1],
                             data_preprocessor=parts[2], **kwargs))


def difference(one, other) -> set:
    """Names of what two classifiers of other weights differ in."""
    one, other = (json.loads(json.dumps(dict(model.maps_source(), weights=None)))
                  for model in (one, other))
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


@pytest.mark.parametrize('as_modules', [False, True])
@pytest.mark.parametrize('changed, names', [
    (dict(head=dict(cam_weights='predictor')), {'head.cam_weights'}),
    (dict(preprocessor=dict(mean=[100.] * 3)), {'preprocessor.mean'}),
    (dict(preprocessor=dict(std=[1.] * 3)), {'preprocessor.std'}),
    (dict(preprocessor=dict(to_rgb=False)), {'preprocessor.to_rgb'}),
    (dict(backbone=dict(strides=(1, 2, 2, 2))), {'backbone.strides'}),
    (dict(backbone=dict(dilations=(1, 1, 1, 2))), {'backbone.dilations'}),
    (dict(backbone=dict(out_indices=(2, 3))), {'backbone.out_indices'}),
    (dict(backbone=dict(norm_cfg=dict(type='BN', eps=0.1))),
     {'backbone.norm_cfg.type', 'backbone.norm_cfg.eps'}),
    (dict(test_cam=dict(scales=(1.0, ))), {'scales'}),
    (dict(neck=dict(type='mmpretrain.HRFuseScales', in_channels=(32, ), out_channels=32)),
     {'neck.type', 'neck.in_channels', 'neck.out_channels'}),
])
def test_settings_of_maps_are_named(changed, names, as_modules):
    if as_modules and any(name.startswith('backbone') for name in names):
        names = {'backbone.attributes'}
    assert difference(classifier(as_modules=as_modules),
                      classifier(**changed, as_modules=as_modules)) == names


@pytest.mark.parametrize('as_modules', [False, True])
@pytest.mark.parametrize('changed', [
    dict(),
    dict(head=dict(loss_sce_weight=0.1)),
    dict(head=dict(thr=0.9, pooling='lse')),
    dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='elsewhere.pth'))),
    dict(backbone=dict(frozen_stages=2, norm_eval=True)),
    dict(backbone=dict(with_cp=True)),
    dict(preprocessor=dict(to_onehot=True)),
    dict(val_cam=dict(scales=(1.0, ))),
])
def test_what_maps_do_not_depend_on_is_left_out(changed, as_modules):
    assert difference(classifier(as_modules=as_modules),
                      classifier(**changed, as_modules=as_modules)) == set()


def test_heads_of_graphs_name_where_maps_come_from():
    graph = dict(type='GCNClsHead', classes=['cat', 'dog', 'cow'], hidden_channels=4)
    assert difference(classifier(head=graph), classifier(head=dict(graph, cam_from='sum'))) == {
        'head.cam_from'}
    assert difference(classifier(head=graph), classifier(head=dict(
        graph, loss_graph_weight=1., loss_graph=dict(type='MultiLabelFocalLoss')))) == set()


def test_predicted_classes_depend_on_the_scores():
    predicted = dict(test_cam=dict(classes='predicted'))
    assert difference(
        classifier(**predicted), classifier(head=dict(thr=0.9, pooling='lse'), **predicted)) == {
            'head.thr', 'head.pooling.kind'}


def test_places_and_rounding_of_a_backbone_are_left_out():
    trunk = dict(type='FrozenTIMMBackbone', output_stride=16, pretrained=False)
    same = dict(trunk, feature_cache='/tmp/features', channels_last=True, split_dilated=True,
                pretrained=True, init_cfg=dict(checkpoint='a.pth'))
    wanted = {'backbone.type': 'FrozenTIMMBackbone', 'backbone.output_stride': 16}
    assert part_settings(backbone=trunk, neck=None) == part_settings(backbone=same) == wanted


def test_values_are_the_same_in_each_process():
    """Classes by name, arrays and nested modules by value: nothing with an address."""
    def settings(stride):
        return part_settings(neck=dict(
            type=nn.Identity, layer=nn.Sequential(nn.Conv2d(3, 4, 1, stride=stride)),
            mean=torch.tensor([[1., 2.]]), count=np.int64(3), where=Path('a/b'),
            nested=[dict(x=(1, 2))]))

    found = settings(1)
    assert found == settings(1) == json.loads(json.dumps(found))
    assert {found.pop('neck.layer.attributes')} != {settings(2)['neck.layer.attributes']}
    assert found == {
        'neck.type': 'Identity', 'neck.layer.type': 'Sequential', 'neck.mean': [1., 2.],
        'neck.count': [3], 'neck.where': 'a/b', 'neck.nested': [dict(x=[1, 2])]}


def test_options_set_later_count():
    """The head and the preprocessor are asked, not their configs."""
    one, other = classifier(), classifier()
    other.head.cam_weights = 'classifier'
    other.data_preprocessor.to_rgb = False
    assert difference(one, other) == {'head.cam_weights', 'preprocessor.to_rgb'}


def test_a_store_refuses_other_settings_and_says_what_to_do(tmp_path):
    model = classifier()
    ActivationStore(tmp_path / 'store', ['a', 'b', 'c'], source=model.maps_source())
    ActivationStore(tmp_path / 'store', source=model.maps_source())
    model.head.cam_weights = 'predictor'
    with pytest.raises(ValueError, match=r"store holds maps made with \{'head.cam_weights': "
                       r"'product'\}, not \{'head.cam_weights': 'predictor'\}: use another"):
        ActivationStore(tmp_path / 'store', source=model.maps_source())


def test_a_store_that_does_not_know_the_settings_is_refused(tmp_path):
    source = classifier().maps_source()
    old = {name: value for name, value in source.items() if '.' not in name}
    ActivationStore(tmp_path / 'store', ['a', 'b', 'c'], source=old)
    with pytest.raises(ValueError, match="'backbone.depth': None.*use another folder, or delete"):
        ActivationStore(tmp_path / 'store', source=source)
