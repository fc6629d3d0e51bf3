import copy
import io
import pickle

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmseg.models.decode_heads import FCNHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS as MMSEG_MODELS
from torch import nn

from mmwsss.models import ContextHead, GRMHead
from tests.models.decode_heads.head_cases import (
    FIT,
    KNET_GENERATE,
    KNET_UPDATE,
    UNFIT,
    HeadCase,
    K,
    maps,
    one,
    samples,
)


class Times(nn.Module):
    """x -> factor x: known, so that the head's output can be foretold."""

    def __init__(self, in_channels, num_classes, factor=2.):
        super().__init__()
        self.in_channels, self.num_classes, self.factor = in_channels, num_classes, factor

    def forward(self, x):
        return x * self.factor


class Coarse(Times):
    """Times, with a class map."""

    def __init__(self, in_channels, num_classes, factor=1.):
        super().__init__(in_channels, num_classes, factor)
        self.map = nn.Conv2d(in_channels, num_classes, 1)

    def reason(self, x):
        return self(x), self.map(x)


def build(case, context=None, **kwargs):
    return MODELS.build(dict(type='ContextHead', head=case.cfg,
                             context=context or dict(type=Times), **kwargs))


def plain_and_wrapped(case, context=None):
    """The plain head and the wrapped one with the same weights, in eval mode."""
    plain = MMSEG_MODELS.build(case.cfg)
    with torch.no_grad():
        for buffer_name, buffer in plain.named_buffers():
            if buffer_name.endswith('running_mean'):
                buffer.normal_()
    wrapped = build(case, context)
    report = wrapped.load_state_dict(plain.state_dict(), strict=False)
    assert not report.unexpected_keys
    return plain.eval(), wrapped.eval()


fit = pytest.mark.parametrize('name', FIT)


@fit
def test_classifier_sees_the_context(name, operators):
    """With x -> 2x before it, a head is the plain one with a classifier twice as strong."""
    plain, wrapped = plain_and_wrapped(FIT[name])
    assert wrapped.inserted.in_channels == plain.conv_seg.in_channels
    assert wrapped.inserted.num_classes == FIT[name].num_classes
    before = FIT[name].main_output(plain)
    with torch.no_grad():
        plain.conv_seg.weight.mul_(2)
    expected = FIT[name].main_output(plain)
    assert not torch.allclose(before, expected)
    torch.testing.assert_close(FIT[name].main_output(wrapped), expected)


@fit
def test_identity_changes_nothing(name, operators):
    plain, wrapped = plain_and_wrapped(FIT[name], dict(type=Times, factor=1.))
    assert isinstance(wrapped, (ContextHead, type(plain)))
    assert set(wrapped.state_dict()) == set(plain.state_dict())
    torch.testing.assert_close(FIT[name].main_output(wrapped), FIT[name].main_output(plain),
                               rtol=0, atol=0)


@pytest.mark.parametrize('name', ['DDRHead', 'PIDHead', 'DAHead'])
def test_other_classifiers_in_training(name, operators):
    """Heads with several classifiers: only the main one changes."""
    case = FIT[name]
    plain, wrapped = plain_and_wrapped(case)
    for head in (plain, wrapped):
        head.training = True  # batch norms stay in eval mode
        head.dropout = None
    ours, theirs = wrapped(*case.arguments(True)), plain(*case.arguments(True))
    for index, (our, their) in enumerate(zip(ours, theirs)):
        assert torch.equal(our, their) == (index != case.train_main)


@fit
def test_backward_and_state_dict(name, operators):
    case = FIT[name]
    head = build(case, dict(type='GlobalContext', hidden_channels=3))
    losses = case.loss(head.train(), samples(case.num_classes))
    assert 'loss_coarse' not in losses
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    for parameter in head.inserted.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all()
    assert any(parameter.grad.abs().sum() > 0 for parameter in head.inserted.parameters())
    inserted = 'context_module' if name == 'ANNHead' else 'context'
    report = head.load_state_dict(MMSEG_MODELS.build(case.cfg).state_dict(), strict=False)
    assert not report.unexpected_keys
    assert {key.split('.')[0] for key in report.missing_keys} == {inserted}


@pytest.mark.parametrize('control', ['GlobalContext', 'PixelResidual'])
def test_control_with_a_class_map_has_its_loss(control):
    """Cross entropy of the map, enlarged, at ``loss_coarse_weight``; it trains the map."""
    case = FIT['FCNHead']
    head = build(case, dict(type=control, hidden_channels=3, class_map=True),
                 loss_coarse_weight=0.25).train()
    seen = []
    head.inserted.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    batch = samples(case.num_classes)
    losses = case.loss(head, batch)
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in batch])
    logits = nn.functional.interpolate(
        head.inserted.class_map(seen[0]), labels.shape[-2:], mode='bilinear',
        align_corners=head.align_corners)
    chosen = logits.log_softmax(1).gather(1, labels.where(labels != 255, 0)[:, None])[:, 0]
    expected = -0.25 * chosen[labels != 255].sum() / labels.numel()
    torch.testing.assert_close(losses['loss_coarse'], expected)
    losses['loss_coarse'].backward()
    assert head.inserted.class_map.weight.grad.abs().sum() > 0
    assert head.inserted.expand.weight.grad is None


def test_list_is_complete():
    """Every decode head that this mmseg registers is in the lists, and so in the docs."""
    heads = {
        name for name, cls in MMSEG_MODELS.module_dict.items()
        if isinstance(cls, type) and cls.__module__.startswith('mmseg.models.decode_heads')
        and (issubclass(cls, BaseDecodeHead) or name.endswith('Head'))}
    assert heads == {*FIT, *UNFIT} - {'DeepLabV2Head', 'LargeFOVHead'}


@pytest.mark.parametrize('wrapper', ['ContextHead', 'GRMHead'])
@pytest.mark.parametrize('name', UNFIT)
def test_unfit_heads(name, wrapper):
    extra = dict(context=dict(type=Times)) if wrapper == 'ContextHead' else {}
    with pytest.raises(ValueError, match=f'{wrapper} cannot be put into {name}') as error:
        MODELS.build(dict(type=wrapper, head=dict(type=name), **extra))
    assert UNFIT[name] in str(error.value)
    assert 'Instead: ' in str(error.value) and '{name' not in str(error.value)


def test_straight_to_classes():
    with pytest.raises(ValueError, match='cannot be put into DeepLabV2Head: .*channels=256'):
        build(HeadCase(dict(type='DeepLabV2Head', in_channels=8, channels=None)))


class NoHead(nn.Module):
    pass


class Direct(BaseDecodeHead):
    def forward(self, inputs):
        return self.conv_seg(inputs[0])


class OnlyItself(Direct):
    def cls_seg(self, feat):
        return super().cls_seg(feat).relu()


class Overridden(FCNHead):
    def forward(self, inputs):
        return self.conv_seg(self._forward_feature(inputs))


class Nested(BaseDecodeHead):
    def forward(self, inputs):
        return (lambda x: self.cls_seg(x))(inputs[0])


class BySuper(Nested):
    def forward(self, inputs):
        return super().forward(inputs)


class ByName(Nested):
    def forward(self, inputs):
        return Nested.forward(self, inputs)


@pytest.mark.parametrize('head, why', [
    (NoHead, 'it is not a BaseDecodeHead'), (Direct, 'it never calls self.cls_seg'),
    (OnlyItself, 'it never calls self.cls_seg'), (Overridden, 'it never calls self.cls_seg')])
def test_foreign_heads_without_a_classifier(head, why):
    with pytest.raises(ValueError, match=f'cannot be put into {head.__name__}: {why}'):
        build(HeadCase(dict(type=head, in_channels=4)))


@pytest.mark.parametrize('head', [Nested, BySuper, ByName])
def test_foreign_heads(head):
    plain, wrapped = plain_and_wrapped(HeadCase(dict(type=head, in_channels=4)))
    features = maps((4, 16))()
    torch.testing.assert_close(wrapped(features), plain([2 * features[0]]))


def test_bad_configs():
    with pytest.raises(TypeError, match="head of ContextHead must be a config with a 'type'"):
        MODELS.build(dict(type='ContextHead', context=dict(type=Times)))
    with pytest.raises(TypeError, match="context must be a config with a 'type'"):
        build(FIT['FCNHead'], dict(factor=2.))
    with pytest.raises(KeyError, match='NoSuchHead'):
        MODELS.build(dict(type='ContextHead', head=dict(type='NoSuchHead'),
                          context=dict(type=Times)))
    with pytest.raises(ValueError, match='num_classes .*come from the head'):
        build(FIT['FCNHead'], dict(type=Times, num_classes=3))


def test_config_is_not_changed():
    cfg = dict(type='ContextHead', head=dict(FIT['FCNHead'].cfg), context=dict(type=Times))
    before = copy.deepcopy(cfg)
    MODELS.build(cfg)
    assert cfg == before


def test_module_that_takes_no_num_classes():
    """Any registered module that keeps the shape will do, such as mmcv's."""
    head = build(FIT['FCNHead'], dict(type='ContextBlock', ratio=0.5))
    assert head.train()(maps((8, 16))()).shape == (2, K, 16, 16)


def coarse_by_hand(head, features, label_samples, weight, avg_non_ignore=False):
    """The auxiliary loss with loops over pixels."""
    logits = head.context.map(features)
    logits = nn.functional.interpolate(logits, size=(32, 32), mode='bilinear',
                                       align_corners=head.align_corners)
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in label_samples])
    total, count = 0., 0
    for image, label in zip(logits, labels):
        for y in range(32):
            for x in range(32):
                if label[y, x] != 255:
                    scores = image[:, y, x]
                    total += float(scores.logsumexp(0) - scores[label[y, x]])
                    count += 1
    return weight * total / (count if avg_non_ignore else labels.numel())


@pytest.mark.parametrize('avg_non_ignore', [False, True])
def test_coarse_loss_value(avg_non_ignore):
    case = HeadCase(one(type='FCNHead', num_convs=1, dropout_ratio=0, loss_decode=dict(
        type='CrossEntropyLoss', avg_non_ignore=avg_non_ignore)))
    head = build(case, dict(type=Coarse), loss_coarse_weight=0.7).train()
    seen = []
    head.context.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    losses = case.loss(head, samples())
    expected = coarse_by_hand(head, seen[0], samples(), 0.7, avg_non_ignore)
    assert float(losses['loss_coarse']) == pytest.approx(expected, rel=1e-4)
    # The rest is the plain head's.
    plain = MMSEG_MODELS.build(case.cfg).train()
    plain.load_state_dict(head.state_dict(), strict=False)
    theirs = case.loss(plain, samples())
    assert losses.keys() - theirs.keys() == {'loss_coarse'}
    torch.testing.assert_close(losses['loss_ce'], theirs['loss_ce'])


def test_coarse_loss_of_each_pass():
    """The class map belongs to the pass before the loss, and to no other."""
    case = FIT['FCNHead']
    head = build(case, dict(type=Coarse)).train()
    inputs = case.arguments()
    first = head.loss(*inputs, samples(), dict())['loss_coarse']
    output = head(*inputs)
    assert 'loss_coarse' in head.loss_by_feat(output, samples())
    assert 'loss_coarse' not in head.loss_by_feat(output, samples())  # K-Net asks once a stage
    head(*inputs)  # as a cascade does, without a loss of its own
    with torch.no_grad():
        output = head(*inputs)
    assert 'loss_coarse' not in head.loss_by_feat(output, samples())
    (first + head.loss(*inputs, samples(), dict())['loss_coarse']).backward()
    output = head(*inputs)
    assert 'loss_coarse' not in head.eval().loss_by_feat(output, samples())


def test_coarse_loss_off():
    case = FIT['FCNHead']
    head = build(case, dict(type=Coarse), loss_coarse_weight=0).train()
    assert 'loss_coarse' not in case.loss(head, samples())


def test_all_ignored_is_finite():
    case = FIT['FCNHead']
    head = build(case, dict(type=Coarse)).train()
    labels = samples()
    for sample in labels:
        sample.gt_sem_seg.data.fill_(255)
    assert float(case.loss(head, labels)['loss_coarse']) == 0


def test_copies_are_independent():
    case = FIT['ASPPHead']
    head = build(case, dict(type=Coarse)).train()
    head(*case.arguments())  # leaves a class map with its graph
    for twin in (copy.deepcopy(head), pickle.loads(pickle.dumps(head))):
        assert type(twin) is type(head) and isinstance(twin, ContextHead)
        expected = case.main_output(head.eval())
        torch.testing.assert_close(case.main_output(twin.eval()), expected)
        nn.init.zeros_(twin.conv_seg.weight)
        twin.context.factor = 3.
        torch.testing.assert_close(case.main_output(head), expected)
        assert not torch.allclose(case.main_output(twin), expected)
        assert case.loss(twin.train(), samples())['loss_coarse'] > 0
        head.train()


def test_whole_module_is_saved():
    case = FIT['FCNHead']
    head = build(case, dict(type='GlobalContext')).eval()
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    other = build(case, dict(type='GlobalContext')).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(case.main_output(other), case.main_output(head))


@pytest.mark.parametrize('name', ['DDRHead', 'SETRUPHead', 'SegformerHead'])
def test_initialisers_of_the_head_leave_the_context_alone(name):
    """DDRHead initialises every convolution, SETRUPHead every LayerNorm."""
    head = build(FIT[name], dict(type='GlobalContext', hidden_channels=3))
    before = {key: value.clone() for key, value in head.context.state_dict().items()}
    classifier = head.conv_seg.weight.clone()
    head.init_weights()
    assert not torch.equal(head.conv_seg.weight, classifier)
    for key, value in head.context.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_initialised_from_a_checkpoint(tmp_path):
    """init_cfg=Pretrained fills the context module too, if the file has it."""
    case = FIT['FCNHead']
    source = build(case, dict(type='GlobalContext'))
    state = {f'decode_head.{key}': value for key, value in source.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'head.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'head.pth'), prefix='decode_head.')
    head = build(HeadCase({**case.cfg, 'init_cfg': init}), dict(type='GlobalContext'))
    head.init_weights()
    for key, value in source.state_dict().items():
        torch.testing.assert_close(head.state_dict()[key], value, rtol=0, atol=0)


def test_is_one_class_a_pair():
    first, second = build(FIT['FCNHead']), build(FIT['FCNHead'])
    assert type(first) is type(second)
    assert type(first).__name__ == 'ContextHead_FCNHead'
    assert isinstance(first, FCNHead) and not isinstance(first, GRMHead)


@pytest.mark.parametrize('context', [dict(type=Times), dict(type=Coarse)])
def test_knet(context):
    """K-Net: into the head that generates its kernels."""
    wrapped = dict(type='ContextHead', head=KNET_GENERATE, context=context)
    with DefaultScope.overwrite_default_scope('mmseg'):
        head = MODELS.build(dict(
            type='IterativeDecodeHead', num_stages=1, kernel_update_head=[KNET_UPDATE],
            kernel_generate_head=wrapped)).train()
    losses = head.loss(maps((8, 16))(), samples(), dict())
    coarse = {key for key in losses if 'coarse' in key}
    assert coarse == ({'loss_coarse.s0'} if context['type'] is Coarse else set())
    sum(value for key, value in losses.items() if 'loss' in key).backward()
