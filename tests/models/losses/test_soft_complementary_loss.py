"""The loss against Eq. 5 to 10 written out, its bounds, and what its signs do."""
import math

import pytest
import torch
from mmengine.registry import MODELS

from mmwsss.models.losses import (
    SoftComplementaryLoss,
    attention_region,
    soft_complementary_loss,
    total_variation,
)


def literal(logits, targets, keep, erase, attention, classes, weights, reduction):
    """Loops; no bounds, no smoothing."""
    images = [b for b in range(len(logits)) if classes[b] >= 0]
    l_d = l_p = l_tv = 0.
    for b in images:
        c = int(classes[b])
        l_d += math.log(1 / (1 + math.exp(-float(erase[b, c])))) / len(images)
        l_p += math.log(1 / (1 + math.exp(-float(keep[b, c])))) / len(images)
        total = 0.
        for x in range(attention.shape[1]):
            for y in range(attention.shape[2]):
                here = float(attention[b, x, y])
                if y + 1 < attention.shape[2]:
                    total += (here - float(attention[b, x, y + 1]))**2
                if x + 1 < attention.shape[1]:
                    total += (here - float(attention[b, x + 1, y]))**2
        l_tv += math.sqrt(total) / len(images)
    l_c = 0.
    for b in range(len(logits)):
        for c in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-float(logits[b, c])))
            l_c -= math.log(p if targets[b, c] else 1 - p)
    l_c /= len(logits) * (logits.shape[1] if reduction == 'mean' else 1)
    return dict(erase=weights[0] * l_d, keep=-weights[1] * l_p, tv=weights[2] * l_tv,
                cls=weights[3] * l_c)


def inputs():
    classes = torch.tensor([2, 0, -1, 1])
    targets = torch.tensor([[0., 0, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    return dict(logits=torch.randn(4, 3), targets=targets, keep_logits=torch.randn(4, 3),
                erase_logits=torch.randn(4, 3), attention=torch.rand(4, 5, 6), classes=classes)


@pytest.mark.parametrize('reduction', ['sum', 'mean'])
def test_equals_the_equations(reduction):
    given = inputs()
    weights = (0.9, 1.1, 0.8, 1.2)
    terms = soft_complementary_loss(**given, weights=weights, reduction=reduction,
                                    min_probability=1e-6, tv_eps=1e-6)
    expected = literal(given['logits'], given['targets'], given['keep_logits'],
                       given['erase_logits'], given['attention'], given['classes'], weights,
                       reduction)
    assert set(terms) == set(expected)
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, abs=1e-5), name


def test_region_and_softmax():
    maps = torch.tensor([0., 0.3, 0.31, 1.])
    torch.testing.assert_close(attention_region(maps, 0.3), torch.tensor([0., 0., 0.31, 1.]))
    given = inputs()
    terms = soft_complementary_loss(**given, probability='softmax', min_probability=1e-9)
    present = given['classes'] >= 0
    log = given['keep_logits'].log_softmax(1)[present].gather(1, given['classes'][present, None])
    torch.testing.assert_close(terms['keep'], -log.mean())


def test_sum_is_classes_times_mean():
    given = inputs()
    by_sum, by_mean = (soft_complementary_loss(**given, reduction=r) for r in ('sum', 'mean'))
    torch.testing.assert_close(by_sum['cls'], 3 * by_mean['cls'])
    scaled = SoftComplementaryLoss(reduction='mean', scale=1 / 3)(**given)
    for name in by_sum:
        torch.testing.assert_close(3 * scaled[name], by_sum[name])


def gradient(name, sign=1, value=0.):
    """d (sum of terms) / d logit of the class, at one value of it."""
    given = inputs()
    given[name] = torch.full((4, 3), value, requires_grad=True)
    sum(soft_complementary_loss(**given, erase_sign=sign).values()).backward()
    return given[name].grad


def test_signs():
    classes = inputs()['classes']
    for b, c in enumerate(classes.tolist()):
        for name, sign, direction in (('erase_logits', 1, 1), ('erase_logits', -1, -1),
                                      ('keep_logits', 1, -1), ('keep_logits', -1, -1)):
            grad = gradient(name, sign)[b]
            assert (grad != 0).nonzero()[:, 0].tolist() == ([c] if c >= 0 else [])
            assert c < 0 or grad[c].sign() == direction


def test_erase_term_is_bounded_and_stops_pulling_below_the_floor():
    given = inputs()
    given['erase_logits'] = torch.full((4, 3), -1e4)
    terms = soft_complementary_loss(**given, min_probability=0.05)
    assert float(terms['erase']) == pytest.approx(math.log(0.05))
    assert gradient('erase_logits', value=-10.).abs().sum() == 0
    assert gradient('erase_logits', sign=-1, value=-10.).abs().sum() > 0


def test_total_variation_is_smooth_where_the_root_is_not():
    flat = torch.full((2, 4, 4), 0.5, requires_grad=True)
    value = total_variation(flat)
    value.sum().backward()
    assert value.tolist() == [0, 0] and torch.equal(flat.grad, torch.zeros_like(flat))
    torch.testing.assert_close(total_variation(torch.rand(3, 1, 1)), torch.zeros(3))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize('extreme', [0., 6e4, -6e4])
@pytest.mark.parametrize('sign', [1, -1])
def test_finite_at_the_extremes(dtype, extreme, sign):
    given = inputs()
    names = ('logits', 'keep_logits', 'erase_logits', 'attention')
    for name in names:
        value = 1. if name == 'attention' else extreme
        given[name] = torch.full_like(given[name], value, dtype=dtype)
    given['attention'][:, ::2] = 0
    for name in names:
        given[name].requires_grad_()
    for probability in ('sigmoid', 'softmax'):
        terms = soft_complementary_loss(**given, erase_sign=sign, probability=probability)
        assert all(torch.isfinite(term) for term in terms.values())
        sum(terms.values()).backward()
    for name in names:
        assert torch.isfinite(given[name].grad).all()


def test_total_variation_of_a_large_map_in_half_precision():
    board = (torch.arange(400)[:, None] + torch.arange(400)) % 2  # sum of squares: 319,200
    expected = math.sqrt(2 * 400 * 399)
    value = total_variation(board[None].half(), eps=1e-3)  # more than float16 holds
    assert value.dtype == torch.float32 and float(value) == pytest.approx(expected, rel=1e-5)


def test_images_without_a_class_may_hold_anything():
    given = inputs()
    names = ('keep_logits', 'erase_logits', 'attention')
    grads = []
    for filler in (0., math.nan):
        ours = {name: given[name].clone() for name in names}
        for value in ours.values():
            value[2] = filler
            value.requires_grad_()
        terms = soft_complementary_loss(**{**given, **ours})
        sum(terms.values()).backward()
        grads.append([*terms.values(), *(value.grad for value in ours.values())])
    for with_nan, with_zeros in zip(grads[1], grads[0]):
        torch.testing.assert_close(with_nan, with_zeros)


def test_terms_may_be_left_out():
    given = inputs()
    terms = soft_complementary_loss(given['logits'], given['targets'])
    assert [float(terms[name]) for name in ('erase', 'keep', 'tv')] == [0, 0, 0]
    given['classes'] = torch.full((4, ), -1)
    given['keep_logits'] = torch.full((4, 3), math.nan)  # what a region of no class may give
    terms = soft_complementary_loss(**given)
    assert [float(terms[name]) for name in ('erase', 'keep', 'tv')] == [0, 0, 0]


def test_module():
    module = MODELS.build(dict(type='SoftComplementaryLoss', weights=(1, 1, 0.8, 1), scale=0.5))
    given = inputs()
    torch.testing.assert_close(module(**given), soft_complementary_loss(
        **given, weights=(0.5, 0.5, 0.4, 1)))
    assert module.needs_regions and 'erase_sign=1' in repr(module)
    assert not SoftComplementaryLoss(scale=0).needs_regions


@pytest.mark.parametrize('options', [
    dict(weights=(1, 1, 1)), dict(weights=(1, 1, 1, -1)), dict(reduction='none'),
    dict(erase_sign=0), dict(min_probability=0.), dict(probability='x'), dict(tv_eps=0.),
    dict(scale=-1)])
def test_bad_options(options):
    with pytest.raises(ValueError):
        SoftComplementaryLoss(**options)


def test_bad_shapes():
    given = inputs()
    for name, value in (('targets', torch.zeros(4, 2)), ('attention', torch.zeros(3, 5, 5)),
                        ('classes', None), ('classes', torch.tensor([0, 1, 2, 3]))):
        with pytest.raises(ValueError):
            soft_complementary_loss(**{**given, name: value})
