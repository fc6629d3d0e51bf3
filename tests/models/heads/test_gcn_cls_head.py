import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mmwsss.knowledge import ClassGraph
from mmwsss.models.heads import CAMHead, GCNClsHead
from mmwsss.models.layers import normalize_adjacency

NAMES = ['cat', 'dog', 'cow']


def graph(seed=0):
    rng = np.random.default_rng(seed)
    relations = rng.random((3, 3)) * 0.1
    return ClassGraph(NAMES, (relations + relations.T) / 2, rng.normal(size=(3, 5)), {})


def head(**kwargs):
    return GCNClsHead(3, 8, graph=graph(), hidden_channels=7, **kwargs)


def samples():
    return [DataSample().set_gt_score(torch.tensor(s)) for s in ([1., 0, 1], [0., 1, 0])]


def literal_classifiers(module):
    """Two graph convolutions, one class at a time."""
    knowledge = graph()
    adjacency = normalize_adjacency(torch.tensor(knowledge.relations), module.graph.mode).float()

    def convolve(nodes, weight):
        rows = []
        for c in range(3):
            mixed = sum(adjacency[c, other] * nodes[other] for other in range(3))
            rows.append(F.leaky_relu(mixed @ weight, 0.2))
        return torch.stack(rows)

    words = torch.tensor(knowledge.embeddings, dtype=torch.float32)
    return convolve(convolve(words, module.gcn1.weight), module.gcn2.weight)


@pytest.mark.parametrize('adjacency', ['paper', 'zero_diag', 'identity'])
def test_classifiers_equal_the_literal_form(adjacency):
    module = head(adjacency=adjacency)
    expected = literal_classifiers(module)
    torch.testing.assert_close(module.graph_classifiers(), expected)
    x = torch.randn(2, 8, 4, 5)
    scores = module.pool(module.graph_maps(x))
    torch.testing.assert_close(scores, x.mean(dim=(2, 3)) @ expected.T)


def test_loss_is_equation_6_and_reaches_everything():
    module = head(loss_graph_weight=0.3)
    x = torch.randn(2, 8, 4, 5, requires_grad=True)
    losses = module.loss((x, ), samples())
    targets = torch.tensor([[1., 0, 1], [0., 1, 0]])
    pooled = x.mean(dim=(2, 3))
    logits = pooled @ literal_classifiers(module).T
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    focal = ((1 - (-cross_entropy).exp()).detach()**2 * cross_entropy).mean()
    torch.testing.assert_close(losses['loss_graph'], 0.3 * focal)
    main = pooled @ module.classifier.weight[:, :, 0, 0].T
    torch.testing.assert_close(
        losses['loss_cls'], F.binary_cross_entropy_with_logits(main, targets))
    grads = torch.autograd.grad(
        losses['loss_graph'], [x, module.gcn1.weight, module.gcn2.weight], retain_graph=True)
    assert all(grad.abs().max() > 0 for grad in grads)


@pytest.mark.parametrize('options', [{}, dict(embeddings='learned'), dict(cosine=True)])
def test_lambda_zero_is_the_plain_head(options):
    module, plain = head(loss_graph_weight=0, **options), CAMHead(3, 8)
    plain.load_state_dict(module.state_dict(), strict=False)
    x = torch.randn(2, 8, 4, 5)
    losses, expected = module.loss((x, ), samples()), plain.loss((x, ), samples())
    assert losses.keys() == expected.keys()
    torch.testing.assert_close(losses['loss_cls'], expected['loss_cls'])
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad)


def test_maps_come_from_where_they_are_asked():
    x = torch.randn(2, 8, 4, 5)
    heads = {source: head(cam_from=source) for source in ('main', 'graph', 'sum')}
    for module in heads.values():
        module.load_state_dict(heads['main'].state_dict())
    maps = {source: module.activation_maps((x, )) for source, module in heads.items()}
    torch.testing.assert_close(maps['main'], F.conv2d(x, heads['main'].classifier.weight))
    torch.testing.assert_close(maps['graph'],
                               F.conv2d(x, literal_classifiers(heads['main'])[..., None, None]))
    torch.testing.assert_close(maps['sum'], (maps['main'] + maps['graph']) / 2)
    for source, module in heads.items():
        torch.testing.assert_close(module((x, )), maps[source].mean(dim=(2, 3)))


def test_cosine_scores():
    module = head(cosine=True)
    x = torch.randn(2, 8, 4, 5)
    expected = 10 * F.cosine_similarity(
        x.mean(dim=(2, 3))[:, None], literal_classifiers(module)[None], dim=-1)
    torch.testing.assert_close(module.pool(module.graph_maps(x)), expected)


def test_learned_word_vectors_start_from_the_words_and_are_trained():
    module = head(embeddings='learned', loss_graph_weight=1.)
    torch.testing.assert_close(module.graph_classifiers(), literal_classifiers(module))
    sum(module.loss((torch.randn(2, 8, 4, 5), ), samples()).values()).backward()
    assert module.graph.embeddings.grad.abs().max() > 0


def test_published_initial_values():
    module = GCNClsHead(20, 2048, graph='voc')
    assert module.gcn1.weight.shape == (300, 1024)
    assert module.gcn2.weight.shape == (1024, 2048)
    for layer, bound in ((module.gcn1, 1024**-0.5), (module.gcn2, 2048**-0.5)):
        assert layer.bias is None
        assert bound * 0.99 < layer.weight.abs().max() <= bound
    assert module.class_names[0] == 'aeroplane' and module.loss_graph_weight == 1e-4


def test_graph_is_aligned_by_name_and_kept_in_the_checkpoint():
    module = GCNClsHead(2, 8, graph=graph(), classes=['cow', 'cat'], hidden_channels=7)
    assert module.class_names == ('cow', 'cat')
    np.testing.assert_allclose(module.graph.embeddings, graph().embeddings[[2, 0]], rtol=1e-6)
    other = GCNClsHead(2, 8, graph=graph(1), classes=['cow', 'cat'], hidden_channels=7)
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(other.graph_classifiers(), module.graph_classifiers())


def test_missing_graph_is_filled_by_a_checkpoint(tmp_path):
    module = GCNClsHead(3, 8, graph=str(tmp_path / 'no.npz'), embedding_channels=5,
                        hidden_channels=7)
    with pytest.raises(FileNotFoundError, match='no.npz'):
        module.init_weights()
    trained = head()
    module.load_state_dict(trained.state_dict())
    torch.testing.assert_close(module.graph_classifiers(), trained.graph_classifiers())


def test_errors():
    with pytest.raises(ValueError, match='num_classes=20.*has 80.*num_classes=80'):
        GCNClsHead(20, 8, graph='coco')
    with pytest.raises(ValueError, match='2 classes'):
        GCNClsHead(3, 8, graph=graph(), classes=['cat', 'dog'])
    with pytest.raises(KeyError, match='unicorn'):
        GCNClsHead(2, 8, graph=graph(), classes=['cat', 'unicorn'])
    with pytest.raises(ValueError, match='cam_from'):
        head(cam_from='gcn')
    with pytest.raises(ValueError, match='loss_graph_weight'):
        head(loss_graph_weight=-1)
    for source in ('graph', 'sum'):
        with pytest.raises(ValueError, match='never trains'):
            head(loss_graph_weight=0, cam_from=source)


def test_is_registered_with_a_chosen_loss():
    module = MODELS.build(dict(
        type='GCNClsHead', num_classes=20, in_channels=8, hidden_channels=4,
        loss_graph=dict(type='MultiLabelFocalLoss', gamma=3.0)))
    assert module.loss_graph.gamma == 3.0


@pytest.mark.parametrize('adjacency', ['paper', 'zero_diag', 'row_max', 'uniform', 'identity'])
def test_one_class_is_a_graph_without_relations(adjacency):
    alone = ClassGraph(['cat'], np.ones((1, 1)), np.ones((1, 5), np.float32), {})
    module = GCNClsHead(1, 8, graph=alone, adjacency=adjacency, hidden_channels=7)
    assert module.graph.coupling == 0
    losses = module.loss_by_maps(torch.randn(2, 8, 3, 3), torch.tensor([[1.], [0.]]))
    sum(losses.values()).backward()
    for weight in (module.classifier.weight, module.gcn1.weight, module.gcn2.weight):
        assert torch.isfinite(weight.grad).all() and weight.grad.any()
