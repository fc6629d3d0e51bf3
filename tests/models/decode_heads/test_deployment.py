"""GRMHead inside whole segmentors: AMP, memory formats, compilation, export, processes."""
import copy

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmwsss.engine import launch
from tests.models.decode_heads.head_cases import FIT, NORM, K, one, samples
from tests.models.layers.graphs import small_graph
from tests.processes import run_ranks

NODES = ['fixed', 'gathered', 'coarse']
BACKBONE = dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4,
                strides=(1, 1, 2, 1), norm_cfg=NORM)
WHOLE = ConfigDict(mode='whole')
AUXILIARY = dict(type='FCNHead', in_channels=16, in_index=2, channels=4, num_convs=1,
                 num_classes=K, norm_cfg=NORM)


@pytest.fixture(autouse=True)
def mmseg_scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


def grm(head, **kwargs):
    return dict(type='GRMHead', head=head, graph=small_graph(), hidden_channels=8, **kwargs)


def aspp(**kwargs):
    return grm(dict(type='ASPPHead', in_channels=32, in_index=3, channels=8, dilations=(1, 2),
                    num_classes=K, norm_cfg=NORM, dropout_ratio=0), **kwargs)


def segmentor(decode_head, **kwargs):
    return MODELS.build(dict(type='mmseg.EncoderDecoder', backbone=BACKBONE, train_cfg=dict(),
                             test_cfg=WHOLE, decode_head=decode_head, **kwargs))


def image(size=64):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


def test_segmentor_with_auxiliary_heads():
    """Also in an auxiliary head, each with its own mapping and class map."""
    model = segmentor(aspp(), auxiliary_head=[AUXILIARY, grm(AUXILIARY)]).train()
    model.init_weights()
    losses = model.loss(image(), samples(size=64))
    assert {'decode.loss_coarse', 'aux_1.loss_coarse'} <= set(losses)
    assert 'aux_0.loss_coarse' not in losses
    total(losses).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.eval().predict(image())[0].pred_sem_seg.data.shape == (1, 64, 64)


@pytest.mark.parametrize('wrapped', [(0, ), (1, ), (0, 1)])
def test_cascade(wrapped):
    """OCRHead after FCNHead, in two steps: nothing is left over from the step before."""
    heads = [dict(AUXILIARY, in_channels=32, in_index=3),
             dict(type='OCRHead', in_channels=32, in_index=3, channels=8, ocr_channels=4,
                  num_classes=K, norm_cfg=NORM)]
    heads = [grm(head) if i in wrapped else head for i, head in enumerate(heads)]
    model = MODELS.build(dict(
        type='mmseg.CascadeEncoderDecoder', num_stages=2, backbone=BACKBONE, decode_head=heads,
        train_cfg=dict(), test_cfg=WHOLE)).train()
    for _ in range(2):
        losses = model.loss(image(), samples(size=64))
        assert {f'decode_{i}.loss_coarse' for i in wrapped} == {
            key for key in losses if 'coarse' in key}
        total(losses).backward()
    copy.deepcopy(model)
    assert model.eval().predict(image())[0].seg_logits.data.shape == (K, 64, 64)


def test_multi_scale_segmentor():
    """Each scale has its own class map; the maximum has none."""
    model = MODELS.build(dict(
        type='MSCEncoderDecoder', backbone=BACKBONE, decode_head=aspp(), train_cfg=dict(),
        test_cfg=WHOLE, scales=(1.0, 0.5))).train()
    losses = model.loss(image(), samples(size=64))
    assert {key for key in losses if 'coarse' in key} == {
        'decode.loss_coarse', 'decode_x0.5.loss_coarse'}
    total(losses).backward()


@pytest.mark.parametrize('nodes', NODES)
@pytest.mark.parametrize('training', [False, True])
def test_compiled_equals_eager(nodes, training):
    """One graph, without a break; in training with the class map for the loss."""
    case = FIT['ASPPHead']
    cfg = one(type='ASPPHead', dilations=(1, 2), channels=4, num_classes=K, dropout_ratio=0)
    head = MODELS.build(grm(cfg, nodes=nodes, dropout=0.)).train(training)
    twin = copy.deepcopy(head)
    torch._dynamo.reset()
    compiled = torch.compile(twin, backend='aot_eager', fullgraph=True)
    expected, output = head(*case.arguments()), compiled(*case.arguments())
    torch.testing.assert_close(output, expected)
    if training:
        theirs = head.loss_by_feat(expected, samples())
        ours = twin.loss_by_feat(output, samples())
        assert ours.keys() == theirs.keys()
        total(theirs).backward()
        total(ours).backward()
        for (key, a), b in zip(head.named_parameters(), twin.parameters()):
            torch.testing.assert_close(b.grad, a.grad, msg=key)


@pytest.mark.parametrize('nodes', NODES)
def test_bfloat16(nodes):
    model = segmentor(aspp(nodes=nodes, dropout=0.)).eval()
    expected = model(image(), mode='tensor')
    with torch.autocast('cpu', torch.bfloat16):
        output = model(image(), mode='tensor')
    assert output.isfinite().all()
    assert (output - expected).norm() < 0.03 * expected.norm()
    model.train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(image(), samples(size=64))
    total(losses).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize('nodes', NODES)
def test_channels_last(nodes):
    model = segmentor(aspp(nodes=nodes)).eval()
    expected = model(image(), mode='tensor')
    other = copy.deepcopy(model).to(memory_format=torch.channels_last)
    output = other(image().to(memory_format=torch.channels_last), mode='tensor')
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


class Tensors(nn.Module):
    """mode='tensor' of a segmentor, as exporters call it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x, mode='tensor')


@pytest.mark.parametrize('options', [
    dict(nodes='fixed'), dict(nodes='gathered', mode='additive'), dict(nodes='coarse'),
    dict(mode='reference')], ids=str)
def test_onnx(tmp_path, options):
    pytest.importorskip('onnx')
    runtime = pytest.importorskip('onnxruntime')
    model = segmentor(aspp(**options)).eval()
    path = str(tmp_path / 'model.onnx')
    torch.onnx.export(Tensors(model).eval(), (image(), ), path, opset_version=17, dynamo=False,
                      input_names=['image'], output_names=['logits'],
                      dynamic_axes=dict(image={0: 'batch'}, logits={0: 'batch'}))
    session = runtime.InferenceSession(path, providers=['CPUExecutionProvider'])
    for batch in (image(), image()[:1] + 0.5):
        output, = session.run(None, {'image': batch.numpy()})
        np.testing.assert_allclose(output, model(batch, mode='tensor').detach().numpy(),
                                   rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('options', [dict(nodes='coarse'), dict(nodes='gathered')], ids=str)
def test_torch_export(options):
    """torch.export, from which newer exporters start."""
    model = segmentor(aspp(**options)).eval()
    program = torch.export.export(Tensors(model), (image(), ), strict=False)
    torch.testing.assert_close(program.module()(image()), model(image(), mode='tensor'))


def _data_parallel(rank, expected):
    dist.init_process_group('gloo')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        head = _ddp_head()
    wrapped = nn.parallel.DistributedDataParallel(_Loss(head))
    features, labels = _ddp_batch()
    wrapped(features[rank:rank + 1], labels[rank:rank + 1]).backward()
    for (key, parameter), value in zip(head.named_parameters(), expected):
        torch.testing.assert_close(parameter.grad, value, rtol=1e-4, atol=1e-6, msg=key)
    launch.end_processes()


class _Loss(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, features, labels):
        return total(self.head.loss([features], labels, dict()))


def _ddp_head():
    cfg = one(type='FCNHead', channels=4, num_convs=1, num_classes=K, dropout_ratio=0)
    cfg['norm_cfg'] = None
    return MODELS.build(grm(cfg, dropout=0.)).train()


def _ddp_batch():
    return FIT['FCNHead'].arguments()[0][0], samples()


def test_two_processes_are_one():
    """DDP over two processes has the gradients of one process with both images."""
    torch.manual_seed(0)
    head = _ddp_head()
    total(head.loss([_ddp_batch()[0]], _ddp_batch()[1], dict())).backward()
    expected = [parameter.grad for parameter in head.parameters()]
    run_ranks(_data_parallel, expected, method='spawn')
