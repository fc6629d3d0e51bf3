import copy

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmseg.registry import MODELS as MMSEG_MODELS

from mmwsss.models import GraphReasoningMapping, GRMHead
from tests.models.decode_heads.head_cases import FIT, HeadCase, maps, one, samples
from tests.models.layers.graphs import NAMES, small_graph

# STDCHead's two classes are boundary and rest: see test_boundaries_have_no_graph.
CASES = [name for name in FIT if name != 'STDCHead']


def build(case, **kwargs):
    return MODELS.build(dict(type='GRMHead', head=case.cfg, graph=small_graph(),
                             hidden_channels=8, **kwargs))


@pytest.mark.parametrize('name', CASES)
def test_trains(name, operators):
    """Forward, backward with the class map's loss, and the state dict, for every head."""
    case = FIT[name]
    head = build(case)
    assert isinstance(head.grm, GraphReasoningMapping)
    assert head.grm.in_channels == head.conv_seg.in_channels
    losses = case.loss(head.train(), samples())
    assert losses['loss_coarse'] > 0
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    for key, parameter in head.grm.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key
    plain = MMSEG_MODELS.build(case.cfg).eval()
    assert case.main_output(head.eval()).shape == case.main_output(plain).shape
    report = head.load_state_dict(plain.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert report.missing_keys
    assert all(key.startswith('grm.') for key in report.missing_keys)


@pytest.mark.parametrize('name', CASES)
def test_value(name, operators):
    """A GRM that adds nothing leaves the plain head; a working one changes the classifier's input.

    Every map that a GRM adds goes through ``value``; without it, x -> x.
    """
    case = FIT[name]
    plain = MMSEG_MODELS.build(case.cfg).eval()
    head = build(case).eval()
    head.load_state_dict(plain.state_dict(), strict=False)
    expected = case.main_output(plain)
    assert not torch.allclose(case.main_output(head), expected)
    torch.nn.init.zeros_(head.grm.value.weight)
    torch.nn.init.ones_(head.grm.value.bias)
    # Weights over nodes sum to one, so that exactly 1 is added to every channel.
    with torch.no_grad():
        shift = plain.conv_seg.weight.sum((1, 2, 3)).view(1, -1, 1, 1)
    torch.testing.assert_close(case.main_output(head), expected + shift)


@pytest.mark.parametrize('options', [
    dict(mode='reference'), dict(mode='bilinear', nodes='fixed', normalize='pixels'),
    dict(mode='additive', nodes='gathered'), dict(mode='bilinear', adjacency='identity')])
def test_options_reach_the_mapping(options):
    case = FIT['ASPPHead']
    head = build(HeadCase(case.cfg), **{**options}) if options.get('mode') != 'reference' else \
        MODELS.build(dict(type='GRMHead', head=case.cfg, graph=small_graph(), mode='reference'))
    for key in ('mode', 'nodes', 'normalize'):
        if key in options:
            assert getattr(head.grm, key) == options[key]
    losses = case.loss(head.train(), samples())
    assert ('loss_coarse' in losses) == (head.grm.nodes == 'coarse')


def test_without_background():
    """A head of the graph's classes alone."""
    case = HeadCase(one(type='FCNHead'), num_classes=5)
    head = build(case)
    assert head.grm.class_names == NAMES
    assert case.loss(head.train(), samples(5))['loss_coarse'] > 0


def test_wrong_num_classes():
    with pytest.raises(ValueError, match='num_classes=9'):
        build(HeadCase(one(type='FCNHead'), num_classes=9))


def test_boundaries_have_no_graph():
    with pytest.raises(ValueError, match='cannot be put into STDCHead: its labels are boundaries'):
        build(FIT['STDCHead'])


def test_voc_by_name():
    head = MODELS.build(dict(type='GRMHead', head=one(type='FCNHead', channels=4, num_classes=21)))
    assert head.grm.class_names[0] == 'aeroplane' and len(head.grm.class_names) == 20


@pytest.mark.parametrize('scope', ['mmengine', 'mmseg', 'mmpretrain'])
def test_any_default_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        head = MODELS.build(dict(type='GRMHead', head=FIT['FCNHead'].cfg, graph=small_graph()))
        again = MODELS.build(dict(type='GRMHead', graph=small_graph(),
                                  head={**FIT['FCNHead'].cfg, 'type': 'mmseg.FCNHead'}))
    assert type(head) is type(again)


def test_ema_of_mmengine():
    """EMAHook copies the model; the average is another module with the same keys."""
    from mmengine.model import ExponentialMovingAverage
    case = FIT['ASPPHead']
    head = build(case).train()
    case.loss(head, samples())['loss_ce'].backward()
    average = ExponentialMovingAverage(head, momentum=0.5)
    assert isinstance(average.module, GRMHead)
    before = copy.deepcopy(average.module.grm.value.weight)
    torch.nn.init.constant_(head.grm.value.weight, 1.)
    average.update_parameters(head)  # the first step copies
    torch.nn.init.constant_(head.grm.value.weight, 3.)
    average.update_parameters(head)
    torch.testing.assert_close(average.module.grm.value.weight, torch.full_like(before, 2.))


def test_float64_and_odd_sizes():
    case = HeadCase(one(type='FCNHead'), maps((8, 7)))
    head = build(case).double().eval()
    assert head([maps((8, 7))()[0].double()]).dtype == torch.float64
