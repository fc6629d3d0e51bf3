import math

import pytest
import torch
from mmengine.registry import MODELS
from torch.nn import functional as F

from mmwsss.models.losses import MultiLabelFocalLoss, multilabel_focal_loss


def literal(logits, targets, gamma):
    """Eq. 5 with s = p_t, one number after the other in Python's floats."""
    total = 0.0
    for row, truth in zip(logits.tolist(), targets.tolist()):
        for logit, true in zip(row, truth):
            p = 1 / (1 + math.exp(-logit))
            p_t = p if true else 1 - p
            total += -(1 - p_t)**gamma * math.log(p_t)
    return total


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0, 3.5])
def test_equals_the_equation(gamma):
    logits = torch.randn(4, 7, dtype=torch.float64) * 3
    targets = (torch.rand(4, 7) < 0.3).double()
    expected = literal(logits, targets, gamma)
    loss = multilabel_focal_loss(logits, targets, gamma=gamma, reduction='sum')
    assert float(loss) == pytest.approx(expected, rel=1e-10)
    mean = multilabel_focal_loss(logits, targets, gamma=gamma)
    assert float(mean) == pytest.approx(expected / 28, rel=1e-10)
    assert multilabel_focal_loss(logits, targets, gamma=gamma, reduction='none').shape == (4, 7)


def test_sign_slip_is_mended():
    """As printed, (1 - 1/p_t)^2 explodes for a missed class; ours stays below the entropy."""
    logits, targets = torch.tensor([[-6.0]]), torch.tensor([[1.0]])
    loss = float(multilabel_focal_loss(logits, targets))
    assert loss < float(F.binary_cross_entropy_with_logits(logits, targets))
    p_t = torch.sigmoid(logits).item()
    assert (1 - 1 / p_t)**2 * -math.log(p_t) > 1e5 > loss


def test_gamma_zero_is_binary_cross_entropy():
    logits, targets = torch.randn(3, 5), (torch.rand(3, 5) < 0.5).float()
    torch.testing.assert_close(multilabel_focal_loss(logits, targets, gamma=0),
                               F.binary_cross_entropy_with_logits(logits, targets))


def test_gradient_with_and_without_detached_weight():
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    targets = (torch.rand(3, 5) < 0.5).double()
    p_t = torch.where(targets == 1, logits.sigmoid(), 1 - logits.sigmoid())
    for detach in (True, False):
        weight = (1 - p_t)**2
        expected = ((weight.detach() if detach else weight) * -p_t.log()).mean()
        loss = multilabel_focal_loss(logits, targets, detach=detach)
        grads = [torch.autograd.grad(v, logits, retain_graph=True)[0] for v in (loss, expected)]
        torch.testing.assert_close(*grads)
    assert torch.autograd.gradcheck(
        lambda x: multilabel_focal_loss(x, targets, detach=False, gamma=1.5), logits)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('gamma', [0.5, 2.0])
@pytest.mark.parametrize('detach', [True, False])
def test_finite_at_extreme_logits(gamma, dtype, detach):
    logits = torch.tensor([[-1e4, 1e4, -1e4, 1e4, 0.0]], dtype=dtype, requires_grad=True)
    targets = torch.tensor([[0.0, 1.0, 1.0, 0.0, 1.0]])
    loss = multilabel_focal_loss(logits, targets, gamma=gamma, detach=detach)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    assert loss.dtype == dtype


def test_weight_does_not_cancel_for_sure_predictions():
    """At logit 20 a float32 1 - sigmoid is 0; the loss must still be (2e-9)^3."""
    loss = multilabel_focal_loss(torch.tensor([[20.0]]), torch.ones(1, 1))
    assert float(loss) == pytest.approx(math.exp(-20)**3, rel=1e-3)


def test_module_is_registered():
    module = MODELS.build(dict(type='MultiLabelFocalLoss', gamma=1.0, loss_weight=0.5))
    assert isinstance(module, MultiLabelFocalLoss)
    logits, targets = torch.randn(2, 3), torch.ones(2, 3)
    torch.testing.assert_close(
        module(logits, targets), 0.5 * multilabel_focal_loss(logits, targets, gamma=1.0))
    assert 'gamma=1.0' in repr(module)


@pytest.mark.parametrize('kwargs, message', [
    (dict(gamma=-1), 'gamma'), (dict(reduction='average'), "'average'")])
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        multilabel_focal_loss(torch.zeros(1, 2), torch.zeros(1, 2), **kwargs)
    with pytest.raises(ValueError, match=message):
        MultiLabelFocalLoss(**kwargs)


def test_bad_shapes():
    with pytest.raises(ValueError, match=r'\(2, 3\).*\(3,\)'):
        multilabel_focal_loss(torch.zeros(2, 3), torch.zeros(3))
