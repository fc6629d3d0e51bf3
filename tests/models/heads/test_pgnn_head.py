"""The head as a classifier, its controls, the loss's passes, and maps by class."""
from collections import Counter

import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample

from mmwsss.datasets.samplers import StreamIndex
from mmwsss.models.heads import CAMHead, PGNNHead
from mmwsss.models.heads.node_bank import NodeBank
from mmwsss.models.heads.patch_plan import absent_class
from mmwsss.models.heads.pooling import pool_class_maps
from mmwsss.models.layers import grid_masks_of, patch_labels
from mmwsss.models.losses import soft_complementary_loss

GRAPH = dict(channels=8, num_heads=2, zero_init=False)
SC = dict(type='SoftComplementaryLoss')


def head(**kwargs):
    kwargs = dict(dict(graph=GRAPH, patches=2), **kwargs)
    return MODELS.build(dict(type='PGNNHead', num_classes=4, in_channels=6, **kwargs))


def sample(*labels, focus=None, attention=None, **meta):
    made = DataSample(metainfo=dict(meta)).set_gt_label(sorted(labels))
    if focus is not None:
        made.set_field(StreamIndex(0, focus=focus), 'sample_idx', field_type='metainfo')
    if attention is not None:
        made.set_field(attention, 'attention')
        made.set_field(sorted(labels), 'attention_classes', field_type='metainfo')
    return made


def batch(**kwargs):
    """Two groups of three; the second image of each has two classes."""
    data = [sample(0, focus=0), sample(0, 2, focus=0), sample(0, focus=0),
            sample(1, focus=1), sample(1, 3, focus=1), sample(1, focus=1)]
    return torch.randn(6, 6, 5, 4), data


def test_without_context_it_is_cam():
    ours, plain = head(context='none', pooling='topk'), CAMHead(4, 6, pooling='topk')
    ours.load_state_dict(plain.state_dict())
    x, data = batch()
    torch.testing.assert_close(ours((x, )), plain((x, )))
    torch.testing.assert_close(ours.activation_maps((x, )), plain.activation_maps((x, )))
    torch.testing.assert_close(ours.loss((x, ), data)['loss_cls'],
                               plain.loss((x, ), data)['loss_cls'])


def test_graph_and_vector_begin_as_cam_and_have_as_many_parameters():
    plain = CAMHead(4, 40)
    x = torch.randn(3, 40, 5, 5)
    sizes = {}
    for context in ('graph', 'vector'):
        ours = PGNNHead(4, 40, graph=dict(channels=16), context=context)
        ours.load_state_dict(plain.state_dict(), strict=False)
        torch.testing.assert_close(ours((x, )), plain((x, )))
        sizes[context] = sum(p.numel() for p in ours.parameters())
    assert sizes['vector'] == pytest.approx(sizes['graph'], abs=41)


def test_training_uses_groups_and_inference_each_image_alone():
    ours = head()
    x, data = batch()
    masks = grid_masks_of(x, 2)
    maps = ours.classifier(ours.graph(x, masks, 3))
    expected = torch.nn.functional.multilabel_soft_margin_loss(
        pool_class_maps(maps), ours.targets(data))
    torch.testing.assert_close(ours.loss((x, ), data)['loss_cls'], expected)
    alone = torch.cat([ours((image[None], )) for image in x])
    torch.testing.assert_close(ours((x, )), alone)
    assert not torch.allclose(ours((x, )), pool_class_maps(maps))
    with pytest.raises(ValueError, match='multiple of group_size'):
        ours.loss((x[:4], ), data[:4])


@pytest.mark.parametrize('context', ['graph', 'vector', 'none'])
@pytest.mark.parametrize('attention', ['previous', 'current', 'union'])
@pytest.mark.parametrize('erase, remask', [
    ('features', True), ('features', False), ('maps', True)])
def test_terms_equal_the_slow_way(context, attention, erase, remask):
    ours = head(context=context, attention=attention, erase=erase, remask=remask, loss_sc=SC)
    x, data = batch()
    earlier = torch.rand(6, 5, 4)
    for b in (0, 1, 3, 4, 5):  # image 2 has none
        labels = data[b].gt_label.tolist()
        maps = torch.rand(len(labels), 5, 4)
        maps[labels.index(data[b].sample_idx.focus)] = earlier[b]
        data[b] = sample(*labels, focus=data[b].sample_idx.focus, attention=maps)
    losses = ours.loss((x, ), data)

    def scores(features, region):
        if erase == 'features' and region is not None:
            features = features * region
        if context == 'graph':
            features = ours.graph(features, grid_masks_of(x, 2), 3)
        elif context == 'vector':
            features = ours.vector(features)
        maps = ours.classifier(features)
        return pool_class_maps(maps * region if region is not None and remask else maps), maps

    logits, maps = scores(x, None)
    focus = torch.tensor([0, 0, 0, 1, 1, 1])
    current = torch.stack([m[c].relu() / (m[c].relu().max() + 1e-5)
                           for m, c in zip(maps, focus)])
    earlier[2] = 0
    region = dict(previous=earlier, current=current, union=torch.maximum(earlier, current))
    region = region[attention]
    region = (region * (region > 0.3))[:, None]
    classes = focus.clone()
    classes[2] = -1 if attention == 'previous' else 0
    expected = soft_complementary_loss(
        logits, ours.targets(data), scores(x, region)[0],
        scores(x, 1 - region)[0], current, classes)
    assert set(losses) == {'loss_erase', 'loss_keep', 'loss_tv', 'loss_cls'}
    for name, value in expected.items():
        torch.testing.assert_close(losses[f'loss_{name}'], value)
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in ours.parameters())


def test_no_earlier_map_is_classification_only():
    ours = head(loss_sc=SC)
    x, data = batch()
    losses = ours.loss((x, ), data)
    assert [float(losses[f'loss_{name}']) for name in ('erase', 'keep', 'tv')] == [0, 0, 0]
    assert float(losses['loss_cls']) > 0


def test_earlier_maps_are_resized_and_steps_logged():
    ours = head(loss_sc=SC)
    x, data = batch()
    data = [sample(*s.gt_label.tolist(), focus=s.sample_idx.focus,
                   attention=torch.rand(len(s.gt_label), 9, 9)) for s in data]
    ours.attention_log = []
    assert float(ours.loss((x, ), data)['loss_keep']) > 0
    maps, = ours.attention_log
    assert maps.shape == (6, 4, 5, 4) and not maps.requires_grad


@pytest.mark.parametrize('embedding', ['coverage', 'all'])
def test_maps_of_a_class_are_made_with_it_embedded(embedding):
    ours = head(graph=dict(GRAPH, class_embedding=embedding)).eval()
    x, data = batch()
    with ours.labelled(data), torch.no_grad():
        maps = ours.activation_maps((x, ))
        both = ours.activation_maps((torch.cat([x, x.flip(-1)]), ))
        masks = grid_masks_of(x, 2)
        for b, s in enumerate(data):
            for c in range(4):
                labels = None
                if c in s.gt_label.tolist():
                    labels = patch_labels('all', masks[b:b + 1], [c])
                alone = ours.classifier(ours.graph(x[b:b + 1], masks[b:b + 1], 1, labels))
                torch.testing.assert_close(maps[b, c], alone[0, c])
    torch.testing.assert_close(both[:6], maps)
    torch.testing.assert_close(ours.activation_maps((x, ))[:, 0].shape, maps[:, 0].shape)


@pytest.mark.parametrize('boxes', [None, 2])
def test_without_a_class_foreground_is_embedded_as_in_training(boxes):
    """Scores, and maps where none is asked for by class: the vector says no class."""
    ours = head(graph=dict(GRAPH, class_embedding='foreground'), max_boxes=boxes).eval()
    x = torch.randn(2, 6, 5, 4)
    data = [sample(1, image_id=name, ori_shape=(5, 4)) for name in 'ab']
    for one in data:
        one.set_field(torch.tensor([[0., 0, 2, 2], [1, 1, 4, 4]]), 'proposals')
    labels = torch.tensor([[1, 1, 1, 1] if boxes is None else [1, 1, 0]] * 2)
    masks = ours.patches_of(x, data).masks
    assert ours.patches_of(x, data).labels is None
    expected = ours.classifier(ours.graph(x, masks, 1, labels))
    assert not torch.allclose(expected, ours.classifier(ours.graph(x, masks)), atol=1e-2)
    with ours.labelled(data):
        torch.testing.assert_close(ours.activation_maps((x, )), expected)
        torch.testing.assert_close(ours((x, )), expected.mean(dim=(2, 3)))


def test_leak_test_embeds_an_absent_class(monkeypatch):
    x, data = batch()
    ours = head(graph=dict(GRAPH, class_embedding='all'))

    def answer_what_is_embedded(x, patches, **_):
        embedded = torch.zeros(len(x)) if patches.labels is None else patches.labels[:, 0]
        return torch.nn.functional.one_hot(embedded.long(), 5)[:, 1:, None, None].float() - 0.5

    monkeypatch.setattr(ours, 'class_maps', answer_what_is_embedded)
    with ours.labelled(data):
        assert (ours((x, )) < 0).all()  # scores are made without any class
    assert all(s.embedding_leak is True for s in data)
    ours = head()
    torch.nn.init.zeros_(ours.classifier.weight)
    ours.thr = 0.6
    with ours.labelled(data):
        ours((x, ))
    assert all(s.embedding_leak is False for s in data)


def test_absent_classes_are_absent_and_have_their_share():
    drawn = [absent_class([3, 7], 20, f'2007_{number:06d}') for number in range(1800)]
    counts = Counter(drawn)
    assert set(counts) == set(range(20)) - {3, 7}
    assert 60 < min(counts.values()) and max(counts.values()) < 140  # 100 each, sd 10
    assert absent_class(range(4), 4, 'x') == -1 and absent_class([0, 1, 3], 4, 'x') == 2


def test_the_class_that_is_embedded_does_not_depend_on_the_batch(monkeypatch):
    ours = head(graph=dict(GRAPH, class_embedding='all'))
    embedded = []
    monkeypatch.setattr(ours, 'class_maps', lambda x, patches, **_: (
        embedded.extend((patches.labels[:, 0] - 1).tolist()), torch.zeros(len(x), 4, 1, 1))[1])
    present = [(0, ), (1, 2), (), (3, ), (0, 1)]
    data = [sample(*classes, image_id=f'image {i}') for i, classes in enumerate(present)]
    x = torch.randn(5, 6, 5, 4)
    ours._test_leak(x, data)
    whole = list(embedded)
    assert all(c not in classes and 0 <= c < 4 for c, classes in zip(whole, present))
    embedded.clear()
    for row in reversed(range(5)):
        ours._test_leak(x[row:row + 1], data[row:row + 1])
    assert embedded == whole[::-1]


def test_group_inference_equals_a_batch_of_the_group():
    ours = head(inference='group', graph=dict(GRAPH, class_embedding='all')).eval()
    x = torch.randn(3, 6, 5, 4)
    data = [sample(1, image_id=name) for name in 'abc']
    masks = grid_masks_of(x, 2)
    nodes, valid = ours.graph.nodes(ours.graph.embed(x).relu(), masks)
    with pytest.raises(ValueError, match='SiblingNodesHook'), ours.labelled(data):
        ours.activation_maps((x, ))
    ours.bank = NodeBank(dict(zip('abc', nodes)), dict(zip('abc', valid)),
                         {name: [1] for name in 'abc'})
    with ours.labelled(data), torch.no_grad():
        maps = ours.activation_maps((x, ))
    whole = ours.classifier(ours.graph(x, masks, 3, patch_labels('all', masks, [1, 1, 1])))
    torch.testing.assert_close(maps[:, 1], whole[:, 1])
    ours.groupings = 3  # of a class with three images all groupings are the same
    with ours.labelled(data), torch.no_grad():
        torch.testing.assert_close(ours.activation_maps((x, )), maps)


@pytest.mark.parametrize('embedding', ['foreground', 'all'])
def test_with_boxes_the_siblings_background_is_background(embedding):
    ours = head(inference='group', max_boxes=2,
                graph=dict(GRAPH, class_embedding=embedding)).eval()
    x = torch.randn(3, 6, 5, 4)
    data = [sample(1, image_id=name, ori_shape=(5, 4)) for name in 'abc']
    for place, one in enumerate(data):
        one.set_field(torch.tensor([[0., 0, 2, 2], [1, place, 4, place + 2]]), 'proposals')
    patches = ours.patches_of(x, data)
    nodes, valid = ours.graph.nodes(ours.graph.embed(x).relu(), patches.masks)
    ours.bank = NodeBank(dict(zip('abc', nodes)), dict(zip('abc', valid)),
                         {name: [1] for name in 'abc'}, background_last=True)
    labels = torch.tensor([[1, 1, 0] if embedding == 'foreground' else [2, 2, 0]] * 3)
    with ours.labelled(data), torch.no_grad():
        maps = ours.activation_maps((x, ))
    whole = ours.classifier(ours.graph(x, patches.masks, 3, labels))
    torch.testing.assert_close(maps[:, 1], whole[:, 1])


def test_groupings_are_averaged():
    ours = head(inference='group', groupings=2, group_size=2).eval()
    names = 'abcd'
    x = torch.randn(4, 6, 5, 4)
    data = [sample(1, image_id=name) for name in names]
    masks = grid_masks_of(x, 2)
    nodes, valid = ours.graph.nodes(ours.graph.embed(x).relu(), masks)
    ours.bank = NodeBank(dict(zip(names, nodes)), dict(zip(names, valid)),
                         {name: [1] for name in names})
    with ours.labelled(data), torch.no_grad():
        maps = ours.activation_maps((x, ))
    partners = [[ours.bank.choose(name, 1, 1, g)[0] for g in range(2)] for name in names]
    assert any(first != second for first, second in partners)
    for row, others in enumerate(partners):
        expected = 0
        for other in others:
            pair = torch.stack([x[row], x[names.index(other)]])
            expected = expected + ours.classifier(ours.graph(pair, masks[:2], 2))[0, 1] / 2
        torch.testing.assert_close(maps[row, 1], expected)


def test_bank_chooses_the_same_others_each_time():
    ids = [str(i) for i in range(8)]
    bank = NodeBank({i: torch.zeros(4, 8) for i in ids}, {i: torch.ones(4) > 0 for i in ids},
                    {i: [0] if i < '6' else [0, 1] for i in ids})
    assert bank.choose('3', 0, 2, 0) == bank.choose('3', 0, 2, 0)
    chosen = {tuple(bank.choose('3', 0, 2, g)) for g in range(6)}
    assert len(chosen) > 1 and all('3' not in c and len(set(c)) == 2 for c in chosen)
    assert bank.choose('6', 1, 2, 0) == ['7']
    nodes, valid = bank.siblings(['6', '1'], 1, 2, 0, head().graph)
    assert nodes.shape == (2, 8, 8) and valid.sum(1).tolist() == [4, 8]


def test_proposals_of_training_samples_and_of_whole_images():
    ours = head(max_boxes=2)
    x = torch.zeros(2, 6, 4, 4)
    boxes = torch.tensor([[0., 0, 40, 20], [10, 30, 20, 40], [0, 0, 1, 1]])
    crop = sample(0, ori_shape=(40, 40), resized_shape=(80, 80), crop_offset=(-16, 0),
                  img_shape=(64, 64), flip=False)
    crop.set_field(boxes, 'proposals')
    none = sample(0)
    masks = ours.patches_of(x, [crop, none]).masks
    assert masks.shape == (2, 3, 4, 4)
    # doubled and cut by 16 pixels: rows up to 24 of 64, which is the centre of row 1
    assert masks[0, 0].all(1).tolist() == [True, False, False, False]
    assert masks[0, 1].nonzero().tolist() == [[3, 1]]
    assert torch.equal(masks[0, 2], ~(masks[0, 0] | masks[0, 1]))
    assert masks[1, 2].all() and not masks[1, :2].any()
    test = sample(0, ori_shape=(40, 40))
    test.set_field(boxes[1:2], 'proposals')
    straight, mirrored = ours.patches_of(x, [test]).masks
    assert straight[0].nonzero().tolist() == [[3, 1]]
    assert mirrored[0].nonzero().tolist() == [[3, 2]]


def covered_cells(box, image, seen, size, stride, flip):
    """Cells (row, column) whose centre lies in a box of the image, one by one."""
    left, top, right, bottom = box
    cells = []
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = (row + 0.5) * stride, (column + 0.5) * stride
            x = seen[1] - x if flip else x
            y, x = y * image[0] / seen[0], x * image[1] / seen[1]
            if top <= y < bottom and left <= x < right:
                cells.append([row, column])
    return cells


@pytest.mark.parametrize('scale', [1, 0.75, 2])
def test_boxes_of_whole_images_lie_where_those_of_training_samples_do(scale):
    """Sides that are no multiple of the stride: the map is larger than the image."""
    ours = head(max_boxes=1)
    image, seen = (193, 225), (round(193 * scale), round(225 * scale))
    size = tuple(-(-length // 16) for length in seen)
    x = torch.zeros(1, 6, *size)
    box = (144., 64, 209, 176)
    whole = sample(0, ori_shape=image)
    whole.set_field(torch.tensor([box]), 'proposals')
    ours.input_size = seen
    tested = ours.patches_of(torch.cat([x, x]), [whole]).masks[:, 0]
    for flip in (False, True):
        trained = sample(0, ori_shape=image, resized_shape=seen, crop_offset=(0, 0),
                         img_shape=seen, flip=flip, flip_direction='horizontal')
        trained.set_field(torch.tensor([box]), 'proposals')
        masks = ours.patches_of(x, [trained]).masks[:, 0]
        cells = covered_cells(box, image, seen, size, 16, flip)
        assert cells and masks[0].nonzero().tolist() == cells
        assert tested[int(flip)].nonzero().tolist() == cells


def test_the_classifier_says_how_large_the_images_are_at_each_scale(monkeypatch):
    """Cells 9 and 10 of 13 at scale 1; stretched over the map the box would have 10 and 11."""
    model = MODELS.build(dict(
        type='PGNNClassifier', backbone=dict(type='ResNet', depth=18, base_channels=4,
                                             stem_channels=4, strides=(1, 2, 2, 1)),
        head=dict(type='PGNNHead', num_classes=4, in_channels=32, graph=GRAPH, max_boxes=1)))
    image = sample(0, ori_shape=(193, 193), image_id='a')
    image.set_field(torch.tensor([[144., 144, 176, 176]]), 'proposals')
    found, asked = [], model.head.patches_of

    def patches_of(*args):
        patches = asked(*args)
        found.append([mask[0].any(1).nonzero()[:, 0].tolist() for mask in patches.masks])
        return patches

    monkeypatch.setattr(model.head, 'patches_of', patches_of)
    cam = dict(scales=(2.0, 0.5), flip=True, stride=4, classes='labels')
    model.eval().predict(torch.randn(1, 3, 193, 193), [image], cam)
    # scale 2: 25 cells; 0.5: 6 of 96 pixels; then the scores, and the leak, at scale 1
    assert found[:2] == [[[18, 19, 20, 21]] * 2, [[4]] * 2]
    assert len(found) > 2 and all(rows == [[9, 10]] for rows in found[2:])


def test_bad_options():
    for kwargs in (dict(context='x'), dict(attention='x'), dict(inference='x'), dict(erase='x'),
                   dict(patches=0),
                   dict(threshold=1.), dict(inference='group', context='vector'),
                   dict(graph=dict(scope='x'))):
        with pytest.raises(ValueError):
            head(**kwargs)


def test_maps_of_other_patches_are_of_another_source():
    def source(**kwargs):
        return MODELS.build(dict(
            type='PGNNClassifier', backbone=dict(type='ResNet', depth=18, base_channels=4,
                                                 stem_channels=4),
            head=dict(dict(type='PGNNHead', num_classes=4, in_channels=32, graph=GRAPH),
                      **kwargs),
            test_cam=dict(scales=(1.0, )))).maps_source()

    assert source()['patches'] == 16 and source(patches=6)['patches'] == 36
    assert source(max_boxes=15)['patches'] == '15 boxes'
    assert source(inference='group', groupings=2)['groupings'] == 2
    assert 'patches' not in source(context='none')
    for name, value in dict(center=True, scope='own', num_heads=1).items():
        other = source(graph=dict(GRAPH, **{name: value}))
        assert other[f'head.graph.{name}'] == value != source()[f'head.graph.{name}']
    # Training alone; and groups where each image is alone.
    assert {**source(threshold=0.5, group_size=2), 'weights': 0} == {**source(), 'weights': 0}
