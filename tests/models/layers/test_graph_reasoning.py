"""GraphReasoningMapping against literal per-image, per-pixel, per-node loops."""
import copy
import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from mmwsss.knowledge import ClassGraph
from mmwsss.models.layers import (
    GlobalContext,
    GraphConvolution,
    GraphReasoningMapping,
    PixelResidual,
    normalize_adjacency,
)

from .graphs import small_graph

D, C, H, W = 6, 5, 4, 3
FORMS = [dict(mode='reference')] + [
    dict(mode=mode, nodes=nodes, normalize=normalize)
    for mode in ('bilinear', 'additive') for nodes in ('fixed', 'gathered', 'coarse')
    for normalize in ('pixels', 'nodes')
]
IDS = ['-'.join(form.values()) for form in FORMS]


def build(seed=0, **kwargs):
    torch.manual_seed(seed)
    defaults = dict(graph=small_graph(), num_classes=C + 1, score_channels=3)
    if kwargs.get('mode') != 'reference':
        defaults['hidden_channels'] = 4
    return GraphReasoningMapping(D, **{**defaults, **kwargs}).double().eval()


def image(seed=1, batch=2, size=(H, W)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, D, *size, generator=generator, dtype=torch.float64)


def literal_reference(layer, x):
    """The published formula, pair by pair: Eq. 2, 7, 8."""
    a, v = layer.graph.adjacency, layer.graph.embeddings
    hidden = torch.relu(a @ v @ layer.encoder.gcn1.weight)
    nodes = torch.relu(a @ hidden @ layer.encoder.gcn2.weight)
    weight, bias = layer.score.conv.weight.reshape(-1), layer.score.conv.bias
    out = torch.empty_like(x)
    for b in range(len(x)):
        pixels = x[b].reshape(D, -1).T
        scores = torch.stack([
            torch.stack([torch.cat([pixel, node]) @ weight + bias[0] for node in nodes])
            for pixel in pixels])
        share = torch.exp(scores) / torch.exp(scores).sum(dim=0, keepdim=True)
        evolved = torch.relu(share @ nodes) + pixels
        out[b] = evolved.T.reshape(x.shape[1:])
    return out


def test_reference_is_the_published_formula_with_its_gradients():
    layer = build(mode='reference')
    x = image().requires_grad_()
    probe = image(seed=9)
    ours = layer(x)
    theirs = literal_reference(layer, x)
    torch.testing.assert_close(ours, theirs)
    parameters = [x, *layer.parameters()]
    for mine, slow in zip(torch.autograd.grad((ours * probe).sum(), parameters),
                          torch.autograd.grad((theirs * probe).sum(), parameters)):
        torch.testing.assert_close(mine, slow)


def test_reference_residual_is_rank_one_and_ignores_the_node_score():
    layer = build(mode='reference')
    x = image().requires_grad_()
    residual = (layer(x) - x)[0].reshape(D, -1)
    values = torch.linalg.svdvals(residual)
    assert values[1] < 1e-12 * values[0]
    gradient, = torch.autograd.grad(layer(x).square().sum(), layer.score.conv.weight)
    assert gradient[0, D:].abs().max() < 1e-12 < gradient[0, :D].abs().max()


def gcn(z, a, module):
    hidden = torch.relu(a @ z @ module.gcn1.weight)
    return layer_norm(z + a @ hidden @ module.gcn2.weight, module.norm)


def layer_norm(z, norm):
    centred = z - z.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + norm.eps) * norm.weight \
        + norm.bias


def literal_working(layer, x):
    """One image, one pixel, one node at a time."""
    a, v, encoder = layer.graph.adjacency, layer.graph.embeddings, layer.encoder
    words = v @ encoder.embed.weight.T
    out = torch.empty_like(x)
    for b in range(len(x)):
        pixels = x[b].reshape(D, -1).T
        gathered = 0
        if layer.nodes != 'fixed':
            logits = pixels @ encoder.assign.weight.flatten(1).T
            assert logits.shape[1] == (C + 1 if layer.nodes == 'coarse' else C)
            projected = pixels @ encoder.project.weight.flatten(1).T
            gathered = torch.stack([
                sum(torch.exp(logits[i, m]) * projected[i] for i in range(len(pixels)))
                / torch.exp(logits[:, m]).sum() for m in range(logits.shape[1])])
        nodes = gcn(layer_norm(gathered + words, encoder.norm), a, encoder.gcn)
        scores = torch.empty(len(nodes), len(pixels), dtype=x.dtype)
        for m, node in enumerate(nodes):
            for i, pixel in enumerate(pixels):
                query = layer.score.query.weight.flatten(1) @ pixel
                if layer.mode == 'bilinear':
                    scores[m, i] = node @ query / math.sqrt(len(node))
                else:
                    pair = query + layer.score.query.bias + layer.score.key.weight @ node
                    scores[m, i] = layer.score.score.weight[0] @ F.leaky_relu(pair, 0.2)
        if layer.normalize == 'pixels':
            share = scores.exp() / scores.exp().sum(1, keepdim=True) * len(pixels)
        else:
            share = scores.exp() / scores.exp().sum(0, keepdim=True)
        values = nodes @ layer.value.weight.T + layer.value.bias
        out[b] = (pixels + share.T @ values).T.reshape(x.shape[1:])
    return out


@pytest.mark.parametrize('form', FORMS[1:], ids=IDS[1:])
def test_working_forms_against_loops(form):
    layer = build(**form)
    x = image()
    torch.testing.assert_close(layer(x), literal_working(layer, x))


@pytest.mark.parametrize('form', FORMS, ids=IDS)
def test_every_parameter_gets_a_gradient(form):
    layer = build(**form).train()
    out, coarse = layer.reason(image())
    loss = out.square().sum() + (0 if coarse is None else coarse.square().sum())
    loss.backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        cancels = form['mode'] == 'reference' and name == 'score.conv.bias'
        assert cancels or parameter.grad.abs().max() > 1e-12, name


@pytest.mark.parametrize('form', FORMS, ids=IDS)
def test_images_do_not_mix_and_sizes_are_free(form):
    layer = build(**form)
    x = image(batch=3, size=(5, 7))
    together = layer(x)
    for b in range(3):
        torch.testing.assert_close(layer(x[b:b + 1]), together[b:b + 1])


def test_fixed_nodes_bring_no_context_and_gathered_nodes_do():
    """What is measured in docs/results.md: a far pixel can only matter with gathered nodes."""
    x = image(batch=1)
    moved = x.clone()
    moved[..., -1, -1] += 3
    for nodes, matters in (('fixed', False), ('gathered', True), ('coarse', True)):
        layer = build(mode='bilinear', nodes=nodes, normalize='nodes')
        change = (layer(moved) - layer(x))[..., 0, 0].abs().max()
        assert bool(change > 1e-9) is matters, nodes


def test_coarse_logits_are_the_assignment_and_background_is_isolated():
    layer = build(mode='bilinear', nodes='coarse')
    x = image()
    _, coarse = layer.reason(x)
    torch.testing.assert_close(coarse, layer.encoder.assign(x))
    assert coarse.shape == (2, C + 1, H, W)
    adjacency = layer.graph.adjacency
    assert adjacency[0].tolist() == adjacency[:, 0].tolist() == [1., 0, 0, 0, 0, 0]
    expected = normalize_adjacency(torch.tensor(small_graph().relations), 'zero_diag')
    torch.testing.assert_close(adjacency[1:, 1:], expected.float().double())
    assert layer.graph.embeddings[0].abs().max() == 0


def test_without_a_background_class_every_node_is_a_class():
    layer = build(nodes='coarse', num_classes=C)
    assert layer.graph.num_nodes == C
    assert layer.reason(image())[1].shape[1] == C


def test_dropout_works_in_training_only():
    for form in (dict(mode='reference'), dict(mode='bilinear', nodes='gathered')):
        layer = build(dropout=0.5, **form)
        assert torch.equal(layer(image()), layer(image()))
        layer.train()
        assert not torch.equal(layer(image()), layer(image()))


def test_forward_leaves_the_buffers_alone():
    layer = build(mode='reference').train()
    before = copy.deepcopy(dict(layer.named_buffers()))
    for _ in range(3):
        layer(image())
    for name, buffer in layer.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_reference_size_is_the_published_one():
    layer = GraphReasoningMapping(256, small_graph(20, 300), mode='reference')
    assert sum(p.numel() for p in layer.parameters()) == 142_849
    assert layer.graph.mode == 'paper'


@pytest.mark.parametrize('control', [GlobalContext, PixelResidual])
def test_controls_match_the_default_module_in_size(control):
    default = GraphReasoningMapping(256, small_graph(20, 300), num_classes=21)
    wanted = sum(p.numel() for p in default.parameters())
    assert sum(p.numel() for p in control(256).parameters()) == pytest.approx(wanted, rel=0.01)


def test_controls_against_loops():
    x = image()
    for cls in (GlobalContext, PixelResidual):
        torch.manual_seed(0)
        layer = cls(D, hidden_channels=3).double()
        first, second = layer.squeeze, layer.expand
        for b in range(2):
            for i in range(H):
                for j in range(W):
                    source = x[b, :, i, j] if cls is PixelResidual else x[b].mean((1, 2))
                    hidden = torch.relu(first.weight.flatten(1) @ source + first.bias)
                    wanted = x[b, :, i, j] + second.weight.flatten(1) @ hidden + second.bias
                    torch.testing.assert_close(layer(x)[b, :, i, j], wanted)
        assert layer.reason(x)[1] is None


@pytest.mark.parametrize('control', [GlobalContext, PixelResidual])
def test_class_map_of_a_control(control):
    """The features are those without a map, the map is what a coarse node's map is: a 1x1 conv."""
    torch.manual_seed(0)
    plain = control(D, hidden_channels=3)
    with_map = control(D, hidden_channels=3, num_classes=C + 1, class_map=True)
    missing, unexpected = with_map.load_state_dict(plain.state_dict(), strict=False)
    assert set(missing) == {'class_map.weight', 'class_map.bias'} and not unexpected
    x = image().float()
    y, logits = with_map.reason(x)
    assert torch.equal(y, plain(x)) and torch.equal(with_map(x), y)
    weight, bias = with_map.class_map.weight.flatten(1), with_map.class_map.bias
    for b in range(2):
        for i in range(H):
            for j in range(W):
                torch.testing.assert_close(logits[b, :, i, j], weight @ x[b, :, i, j] + bias)
    with pytest.raises(ValueError, match='class_map=True of a context control needs num_classes'):
        control(D, class_map=True)


def test_graph_convolution_against_loops_and_bias():
    torch.manual_seed(0)
    layer = GraphConvolution(3, 2, bias=True).double()
    nodes, adjacency = torch.randn(2, 4, 3).double(), torch.rand(4, 4).double()
    out = layer(nodes, adjacency)
    for b in range(2):
        for i in range(4):
            wanted = sum(adjacency[i, j] * (nodes[b, j] @ layer.weight) for j in range(4))
            torch.testing.assert_close(out[b, i], wanted + layer.bias)
    assert layer.weight.abs().max() <= 1 / math.sqrt(2)


def test_classes_are_matched_by_name():
    graph = small_graph()
    order = list(graph.names)[::-1]
    layer = build(classes=order)
    assert layer.class_names == tuple(order)
    torch.testing.assert_close(layer.graph.embeddings[1:].float(),
                               torch.tensor(graph.embeddings).flip(0))


def test_inference_needs_no_graph_file_and_training_refuses_without(tmp_path):
    path = tmp_path / 'own.npz'
    small_graph().save(path)
    trained = build(graph=str(path))
    state = trained.state_dict()
    path.unlink()
    loaded = build(seed=5, graph=str(path), embedding_channels=7)
    with pytest.raises(FileNotFoundError, match='own.npz.*build_class_graph'):
        loaded(image())
    with pytest.raises(FileNotFoundError, match='own.npz'):
        loaded.init_weights()
    loaded.load_state_dict(state)
    torch.testing.assert_close(loaded(image()), trained(image()))


@pytest.mark.parametrize('kwargs', [
    dict(mode='reference'), dict(nodes='fixed'), dict(nodes='gathered'), dict(nodes='coarse'),
    dict(nodes='coarse', embeddings='learned')], ids=str)
def test_a_missing_graph_file_takes_the_width_of_the_checkpoint(tmp_path, kwargs):
    """Word vectors of own graphs are as wide as they like; the config need not say it."""
    path = tmp_path / 'own.npz'
    small_graph().save(path)
    trained = build(graph=str(path), **kwargs)
    path.unlink()
    loaded = build(seed=5, graph=str(path), **kwargs)
    assert loaded.graph.embedding_channels == 300 != trained.graph.embedding_channels
    loaded.load_state_dict(trained.state_dict())
    torch.testing.assert_close(loaded(image()), trained(image()))
    assert list(dict(loaded.named_parameters())) == list(dict(trained.named_parameters()))


def test_controls_of_the_embeddings():
    graph = small_graph()
    none = build(graph=graph, embeddings='none', nodes='fixed', mode='bilinear')
    assert none.graph.embeddings.abs().max() == 0
    random = [build(seed=s, graph=graph, embeddings='random').graph.embeddings for s in (0, 1)]
    assert torch.equal(*random), 'the control must not depend on the seed of the run'
    learned = build(graph=graph, embeddings='learned')
    assert 'graph.embeddings' in dict(learned.named_parameters())
    torch.testing.assert_close(learned.graph.embeddings[1:].float().detach(),
                               torch.tensor(graph.embeddings))


@pytest.mark.parametrize('kwargs, message', [
    (dict(mode='gatv2'), 'gatv2'),
    (dict(nodes='free'), 'free'),
    (dict(normalize='both'), 'both'),
    (dict(mode='reference', nodes='coarse'), 'published'),
    (dict(mode='reference', normalize='nodes'), 'published'),
    (dict(adjacency='log'), 'log'),
    (dict(embeddings='bert'), 'bert'),
    (dict(num_classes=21), 'num_classes=21.*5 classes'),
])
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


def test_registered_by_name_and_ready_graphs():
    layer = MODELS.build(dict(type='GraphReasoningMapping', in_channels=8, graph='voc'))
    assert layer.class_names == tuple(ClassGraph.load('voc').names)
    assert layer.class_names[0] == 'aeroplane' and len(layer.class_names) == 20
    assert len(MODELS.build(dict(type='GraphReasoningMapping', in_channels=8,
                                 graph='coco')).class_names) == 80


@pytest.mark.parametrize('form', FORMS, ids=IDS)
def test_half_precision_is_finite_and_close(form):
    layer = build(**form).float()
    x = image().float() * 30
    exact = layer(x)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        rough = layer(x)
    assert torch.isfinite(rough).all()
    assert (rough.float() - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize('form', FORMS, ids=IDS)
def test_channels_last_and_compile_change_nothing(form):
    layer = build(**form)
    x = image()
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), layer(x))
    torch.compiler.reset()  # one form's recompilations must not use up the next one's limit
    compiled = torch.compile(layer, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x))
