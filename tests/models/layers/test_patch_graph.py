"""Each piece of the patch graph against loops over pixels, patches and heads."""
import math

import pytest
import torch
from torch.nn import functional as F

from mmwsss.models.layers import (
    ComplementaryModule,
    PatchGraph,
    Siblings,
    allowed_edges,
    box_masks,
    grid_masks,
    grid_masks_of,
    patch_labels,
)

# ---------------------------------------------------------------- patches


@pytest.mark.parametrize('side', [1, 2, 4, 6, 8])
@pytest.mark.parametrize('size', [(12, 12), (13, 7), (3, 32), (1, 1)])
def test_grid_is_a_partition_into_even_rectangles(size, side):
    masks = grid_masks(*size, side)
    assert masks.shape == (side * side, *size)
    assert (masks.sum(0) == 1).all()
    for row in range(side):
        for column in range(side):
            for y in range(size[0]):
                for x in range(size[1]):
                    expected = y * side // size[0] == row and x * side // size[1] == column
                    assert bool(masks[row * side + column, y, x]) is expected
    if size == (12, 12) and 12 % side == 0:
        assert (masks.flatten(1).sum(1) == (12 // side)**2).all()


def test_boxes_and_the_background_that_none_covers():
    boxes = torch.tensor([[0., 0, 4, 2], [2.6, 1.4, 6, 5], [1.1, 3.1, 1.3, 3.2],
                          [-5, -5, -1, -1]])
    masks = box_masks(boxes, 5, 6, count=6)
    assert masks.shape == (7, 5, 6)
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        for y in range(5):
            for x in range(6):
                inside = left <= x + .5 < right and top <= y + .5 < bottom
                if number == 2:  # smaller than a pixel: that of its centre
                    inside = (y, x) == (3, 1)
                assert bool(masks[number, y, x]) is inside
    assert not masks[4:6].any()
    assert torch.equal(masks[6], ~masks[:6].any(0))
    assert box_masks(torch.zeros(0, 4), 2, 2).all()  # no box: all is background
    with pytest.raises(ValueError, match='4 boxes for 3'):
        box_masks(boxes, 5, 6, count=3)


def test_patch_labels():
    masks = grid_masks(4, 4, 2).expand(3, -1, -1, -1)
    attention = torch.zeros(4, 4)
    attention[:2, :2] = 0.4  # all of patch 0
    attention[:1, 2:] = 0.4  # half of patch 1
    attention[3, 3] = 1.0  # a quarter of patch 3
    given = dict(masks=masks, focus=[4, -1, 0], attention=[attention, attention, None])
    assert patch_labels('none', **given) is None
    assert patch_labels('all', **given).tolist() == [[5] * 4, [0] * 4, [1] * 4]
    assert patch_labels('coverage', **given).tolist() == [[5, 5, 0, 0], [0] * 4, [1] * 4]
    assert patch_labels('foreground', **given).tolist() == [[1, 1, 0, 0], [0] * 4, [1] * 4]
    assert patch_labels('all', background_last=True, **given)[0].tolist() == [5, 5, 5, 0]
    with pytest.raises(ValueError, match='unknown'):
        patch_labels('some', **given)


# ---------------------------------------------------------------- edges

@pytest.mark.parametrize('scope', ['group', 'own', 'self', 'siblings'])
@pytest.mark.parametrize('images', [1, 3])
def test_allowed_edges(scope, images):
    image = torch.arange(images).repeat_interleave(3)
    valid = torch.rand(4, len(image)) > 0.3
    valid[0] = True
    allowed = allowed_edges(scope, image, valid)
    for g in range(4):
        for q in range(len(image)):
            row = set()
            for k in range(len(image)):
                same = image[q] == image[k]
                wanted = dict(group=True, own=same, self=q == k, siblings=not same)[scope]
                if wanted and valid[g, k]:
                    row.add(k)
            if not row:
                row = {k for k in range(len(image)) if image[k] == image[q] and valid[g, k]}
            if not valid[g, q]:
                row = {q}
            assert set(allowed[g, q].nonzero()[:, 0].tolist()) == row
            assert row


def slow_module(module, nodes, others, allowed):
    """One node, one head, one neighbour after the other."""
    heads, width = module.num_heads, nodes.shape[-1] // module.num_heads
    query = module.query(nodes)
    key, value = module.key_value(others).chunk(2, dim=-1)
    updated, edges = [], torch.zeros(heads, len(nodes), len(others))
    for q in range(len(nodes)):
        message = []
        for a in range(heads):
            part = slice(a * width, (a + 1) * width)
            known = [k for k in range(len(others)) if allowed[q, k]]
            score = torch.stack([query[q, part] @ key[k, part] for k in known]) / math.sqrt(width)
            weight = score.exp() / score.exp().sum()
            edges[a, q, known] = weight
            message.append(sum(w * value[k, part] for w, k in zip(weight, known)))
        node = module.norm1(nodes[q] + module.out(torch.cat(message)))
        hidden = (node @ module.conv[0].weight.T + module.conv[0].bias).clamp(min=0)
        updated.append(module.norm2(node + hidden @ module.conv[2].weight.T
                                    + module.conv[2].bias))
    return torch.stack(updated), edges


@pytest.mark.parametrize('return_edges', [False, True])
def test_module_equals_loops(return_edges):
    module = ComplementaryModule(8, 2)
    nodes, others = torch.randn(2, 4, 8), torch.randn(2, 6, 8)
    allowed = torch.rand(2, 4, 6) > 0.4
    allowed[:, :, 0] = True
    out = module(nodes, others, allowed, return_edges=return_edges)
    slow, edges = zip(*(slow_module(module, *args) for args in zip(nodes, others, allowed)))
    if return_edges:
        out, weights = out
        torch.testing.assert_close(weights, torch.stack(edges))
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 4))
    torch.testing.assert_close(out, torch.stack(slow))


def test_module_looks_at_its_own_nodes_by_default():
    module = ComplementaryModule(8, 4)
    nodes = torch.randn(1, 5, 8)
    everything = torch.ones(1, 5, 5, dtype=torch.bool)
    torch.testing.assert_close(module(nodes), module(nodes, nodes, everything))


# ---------------------------------------------------------------- the whole layer

def slow_graph(graph, x, masks, group_size, labels):
    """Images one by one; only the nodes of a group come together."""
    embedded = F.conv2d(x, graph.embed.weight, graph.embed.bias,
                        padding=graph.embed.padding).relu()
    nodes, valid = [], []
    for b, mask_mhw in enumerate(masks):
        for m, mask in enumerate(mask_mhw):
            pixels = [embedded[b, :, y, x] for y, x in mask.nonzero().tolist()]
            node = sum(pixels) / len(pixels) if pixels else torch.zeros(embedded.shape[1])
            if graph.classes is not None:
                node = node + graph.classes.weight[0 if labels is None else labels[b, m]]
            nodes.append(node)
            valid.append(bool(pixels))
    count = masks.shape[1]
    out = []
    for start in range(0, len(x), group_size):
        group = slice(start * count, (start + group_size) * count)
        image = torch.arange(group_size).repeat_interleave(count)
        allowed = allowed_edges(graph.scope, image, torch.tensor(valid[group])[None])[0]
        stacked = torch.stack(nodes[group])
        updated = slow_module(graph.module, stacked, stacked, allowed)[0]
        for i in range(group_size):
            own = slice(i * count, (i + 1) * count)
            out.append(x[start + i] + slow_splice(
                graph, embedded[start + i], updated[own], masks[start + i], valid[group][own]))
    return torch.stack(out)


def slow_splice(graph, embedded, nodes, masks, valid):
    added = torch.zeros(graph.out.out_features, *embedded.shape[1:])
    heads = graph.num_heads
    width = nodes.shape[1] // heads
    for y in range(embedded.shape[1]):
        for x in range(embedded.shape[2]):
            if graph.query is None:
                covering = [nodes[m] for m in range(len(nodes)) if masks[m, y, x]]
                added[:, y, x] = graph.out(sum(covering) / len(covering)) if covering else 0
                continue
            query = graph.query.weight[:, :, 0, 0] @ embedded[:, y, x] + graph.query.bias
            key, value = graph.key_value(nodes).chunk(2, dim=1)
            message = []
            for a in range(heads):
                part = slice(a * width, (a + 1) * width)
                score = key[:, part] @ query[part] / math.sqrt(width)
                score[~torch.tensor(valid)] = -math.inf
                message.append(score.softmax(0) @ value[:, part])
            added[:, y, x] = graph.out(torch.cat(message))
    return added


@pytest.mark.parametrize('fusion', ['cross', 'broadcast'])
@pytest.mark.parametrize('scope, embedding, group_size, patches', [
    ('group', 'none', 3, 2), ('siblings', 'all', 2, 4), ('own', 'foreground', 3, 'boxes'),
    ('self', 'coverage', 1, 'boxes'), ('group', 'none', 6, 'boxes')])
def test_layer_equals_loops(fusion, scope, embedding, group_size, patches):
    graph = PatchGraph(6, 3, channels=8, num_heads=2, scope=scope, class_embedding=embedding,
                       fusion=fusion, embed_kernel=3 if group_size == 2 else 1, zero_init=False)
    x = torch.randn(6, 6, 3, 5)
    if patches == 'boxes':
        masks = torch.stack([box_masks(torch.rand(i % 3, 4).mul(torch.tensor([2, 1, 5, 3])).add(
            torch.tensor([0, 0, 2., 1.])), 3, 5, count=3) for i in range(6)])
    else:
        masks = grid_masks_of(x, patches)  # 4 x 4 of a map of 3 x 5: some are empty
    labels = patch_labels(embedding, masks, [0, 1, 2, -1, 0, 1]) if group_size == 2 else None
    out = graph(x, masks, group_size, labels)
    torch.testing.assert_close(out, slow_graph(graph, x, masks, group_size, labels),
                               atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize('fusion', ['cross', 'broadcast'])
def test_centered_context_is_about_places_alone(fusion):
    graph = PatchGraph(6, 3, channels=8, num_heads=2, fusion=fusion, zero_init=False, center=True)
    x = torch.randn(4, 6, 3, 5)
    masks = grid_masks_of(x, 2)
    expected = slow_graph(graph, x, masks, 2, None)
    for b in range(4):
        for d in range(6):
            added = expected[b, d] - x[b, d]
            expected[b, d] = x[b, d] + added - sum(added.flatten().tolist()) / 15
    torch.testing.assert_close(graph(x, masks, 2), expected, atol=2e-5, rtol=2e-5)


def test_begins_as_the_identity_and_every_parameter_learns():
    graph = PatchGraph(6, 3, channels=8, class_embedding='all')
    x = torch.randn(4, 6, 5, 5)
    masks = grid_masks_of(x, 2)
    assert torch.equal(graph(x, masks, 2), x)
    torch.nn.init.normal_(graph.out.weight)
    graph(x, masks, 2, torch.ones(4, 4, dtype=torch.long)).pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in graph.named_parameters()
               if n not in ('module.key_value.bias', 'key_value.bias'))


def test_scopes_decide_what_an_image_depends_on():
    masks = grid_masks(4, 4, 2).expand(6, -1, -1, -1)
    x = torch.randn(6, 5, 4, 4)
    other = x.clone()
    other[1] += 1
    for scope, changed in (('group', {0, 1, 2}), ('own', {1}), ('self', {1}),
                           ('siblings', {0, 1, 2})):
        graph = PatchGraph(5, 2, channels=8, scope=scope, zero_init=False)
        difference = (graph(x, masks, 3) - graph(other, masks, 3)).flatten(1).abs().amax(1)
        assert set((difference > 1e-6).nonzero()[:, 0].tolist()) == changed


@pytest.mark.parametrize('scope', ['group', 'own', 'siblings'])
def test_siblings_stand_in_for_the_other_images_of_a_group(scope):
    graph = PatchGraph(5, 2, channels=8, scope=scope, zero_init=False)
    x = torch.randn(3, 5, 6, 4)
    masks = grid_masks_of(x, 2)
    whole = graph(x, masks, 3)
    nodes, valid = graph.nodes(graph.embed(x).relu(), masks)
    others = Siblings(nodes[1:].flatten(0, 1)[None], valid[1:].flatten()[None])
    alone = graph(x[:1], masks[:1], 1, siblings=others)
    torch.testing.assert_close(alone, whole[:1])


def test_edges_are_those_of_the_update():
    graph = PatchGraph(5, 2, channels=8, zero_init=False)
    x = torch.randn(4, 5, 6, 4)
    nodes, valid = graph.nodes(graph.embed(x).relu(), grid_masks_of(x, 2))
    updated, edges = graph.reason(nodes, valid, 2, return_edges=True)
    torch.testing.assert_close(updated, graph.reason(nodes, valid, 2))
    assert edges.shape == (2, 4, 8, 8)
    others = Siblings(nodes[1:2], valid[1:2])
    assert graph.reason(nodes[:1], valid[:1], siblings=others, return_edges=True)[1].shape == (
        1, 4, 4, 8)


def test_mixed_precision():
    graph = PatchGraph(5, 2, channels=8, zero_init=False)
    x = torch.randn(3, 5, 6, 6)
    masks = grid_masks_of(x, 4)
    exact = graph(x, masks, 3)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = graph(x.bfloat16(), masks, 3)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), exact, atol=0.1, rtol=0.1)


def test_bad_options():
    for kwargs in (dict(scope='all'), dict(fusion='sum'), dict(class_embedding='x'),
                   dict(embed_kernel=2), dict(channels=6)):
        with pytest.raises(ValueError):
            PatchGraph(5, 2, **kwargs)
