"""The affinity loss against a loop over pixel pairs, and what it keeps in memory."""
import math

import pytest
import torch

from mmwsss.models.affinity import affinity_loss


def on_the_path(y, x, y1, x1):
    """Whether (y, x), inside the rectangle of (0, 0) and (y1, x1), is less than 1 off the line."""
    return abs(y * x1 - x * y1) / math.hypot(y1, x1) < 1 - 1e-9


def slow_loss(edge, labels, radius, inner):
    """The definition, pair by pair; differentiable."""
    terms = {'background_positive': [], 'foreground_positive': [], 'negative': []}
    count, high, wide = edge.shape
    border = math.ceil(radius) - 1
    for b, y, x, y2, x2 in ((b, y, x, y2, x2) for b in range(count) for y in range(high)
                            for x in range(wide) for y2 in range(high) for x2 in range(wide)):
        dy, dx = y2 - y, x2 - x
        if (dy, dx) <= (0, 0) or math.hypot(dy, dx) >= radius:
            continue  # each pair once, from its upper pixel
        if inner and not (y < high - border and border <= x < wide - border):
            continue
        first, second = labels[b, y, x], labels[b, y2, x2]
        if 255 in (first, second):
            continue
        path = [edge[b, y + j, x + i]
                for j in range(dy + 1) for i in range(min(dx, 0), max(dx, 0) + 1)
                if on_the_path(j, i, dy, dx)]
        affinity = 1 - max(path)
        if first != second:
            terms['negative'].append(-torch.log(1 - affinity + 1e-5))
        elif first == 0:
            terms['background_positive'].append(-torch.log(affinity + 1e-5))
        else:
            terms['foreground_positive'].append(-torch.log(affinity + 1e-5))
    means = {name: sum(values) / (len(values) + 1e-5) for name, values in terms.items()}
    loss = ((means['background_positive'] + means['foreground_positive']) / 2
            + means['negative']) / 2
    return loss, means


def example(high=9, wide=10, classes=3):
    edge = torch.rand(2, high, wide, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, classes, (2, high // 3 + 1, wide // 3 + 1))
    labels = labels.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :high, :wide].clone()
    labels[torch.rand(labels.shape) < 0.1] = 255
    return edge, labels


@pytest.mark.parametrize('radius, pairs', [(2.5, 'all'), (4, 'all'), (4, 'inner'), (3, 'inner')])
def test_equals_the_definition(radius, pairs):
    edge, labels = example()
    loss, terms = affinity_loss(edge, labels, radius, pairs)
    expected, means = slow_loss(edge, labels, radius, pairs == 'inner')
    torch.testing.assert_close(loss, expected)
    for name, value in means.items():
        torch.testing.assert_close(terms[name], value.detach())
        assert not terms[name].requires_grad and value > 0
    torch.testing.assert_close(torch.autograd.grad(3 * loss, edge)[0],
                               torch.autograd.grad(3 * expected, edge)[0])


def test_radius_larger_than_the_map():
    edge, labels = example(4, 5)
    torch.testing.assert_close(affinity_loss(edge, labels, 10)[0],
                               slow_loss(edge, labels, 10, False)[0])


def test_a_constant_map_hands_each_pair_s_gradient_to_one_pixel():
    edge = torch.full((1, 5, 5), 0.5, dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(1, 5, 5, dtype=torch.long)
    loss, _ = affinity_loss(edge, labels, 3)
    loss.backward()
    # d/dm of −log(1 − m + 1e-5), a quarter of the mean over all pairs
    torch.testing.assert_close(edge.grad.sum(), torch.tensor(0.25 / 0.50001).double())


@pytest.mark.parametrize('value, positive, negative', [(0, True, False), (255, False, False)])
def test_terms_without_pairs_are_zero(value, positive, negative):
    edge = torch.rand(1, 6, 6, requires_grad=True)
    loss, terms = affinity_loss(edge, torch.full((1, 6, 6), value), 3)
    assert bool(terms['background_positive']) is positive
    assert bool(terms['negative']) is negative and terms['foreground_positive'] == 0
    loss.backward()
    assert torch.isfinite(edge.grad).all()
    assert bool(edge.grad.any()) is positive


def test_extreme_edges_give_finite_losses():
    edge, labels = example()
    hard = (edge.detach() > 0.5).float().requires_grad_()
    loss, _ = affinity_loss(hard, labels, 4)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(hard.grad).all()


def test_keeps_one_map_for_the_backward_pass():
    edge, labels = example()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()), lambda t: t):
        affinity_loss(edge, labels, 4)
    assert kept == [edge.numel()]
    with torch.no_grad():
        torch.testing.assert_close(affinity_loss(edge, labels, 4)[0],
                                   affinity_loss(edge.detach(), labels.byte(), 4)[0])


def test_half_precision_is_computed_in_single():
    edge, labels = example()
    loss, _ = affinity_loss(edge.detach().bfloat16(), labels, 4)
    assert loss.dtype == torch.float32
    with torch.autocast('cpu', dtype=torch.bfloat16):
        again, _ = affinity_loss(edge.detach().bfloat16(), labels, 4)
    assert torch.equal(loss, again)


@pytest.mark.parametrize('change, message', [
    (dict(labels=torch.zeros(2, 9, 9, dtype=torch.long)), 'one shape'),
    (dict(labels=torch.zeros(2, 9, 10)), 'integers'),
    (dict(radius=1), 'more than 1'),
    (dict(pairs='some'), "'some' is unknown"),
    (dict(radius=8, pairs='inner'), 'no inner pairs at radius 8'),
])
def test_bad_input(change, message):
    edge, labels = example()
    with pytest.raises(ValueError, match=message):
        affinity_loss(**{**dict(edge=edge, labels=labels, radius=4), **change})


@pytest.mark.cuda
def test_the_same_on_a_gpu_and_in_every_run():
    edge, labels = example(40, 50)
    results = []
    for device in ('cpu', 'cuda', 'cuda'):
        there = edge.detach().float().to(device).requires_grad_()
        affinity_loss(there, labels.to(device), 10)[0].backward()
        results.append(there.grad.cpu())
    torch.testing.assert_close(results[0], results[1])
    assert torch.equal(results[1], results[2])
