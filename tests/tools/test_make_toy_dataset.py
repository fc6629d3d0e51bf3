"""The command line of tools/make_toy_dataset.py."""
import argparse
import importlib.util
import json

import pytest

from tests.paths import ROOT


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'make_toy_dataset.py'
    spec = importlib.util.spec_from_file_location('make_toy_dataset', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_writes_once_then_leaves_it_then_refuses(tool, tmp_path, capsys):
    out = tmp_path / 'toy'
    small = [str(out), '--train', '2', '--val', '1', '--size', '32x48', '--seed', '5']
    tool.main(small)
    assert 'wrote' in capsys.readouterr().out
    spec = json.loads((out / 'toy_dataset.json').read_text())['spec']
    assert spec == dict(train=2, val=1, seed=5, height=32, width=48, boundary=1)
    tool.main(small)
    assert 'already there' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='--overwrite'):
        tool.main([*small, '--boundary', '0'])
    tool.main([*small, '--boundary', '0', '--overwrite'])
    assert 'wrote' in capsys.readouterr().out


def test_no_images_is_one_line(tool, tmp_path):
    with pytest.raises(SystemExit, match='make_toy_dataset: .*0 train'):
        tool.main([str(tmp_path / 'toy'), '--train', '0'])


@pytest.mark.parametrize('text', ['128', 'ax5', '5x'])
def test_bad_size_is_named(tool, text):
    assert tool.parse_size('96x128') == (96, 128)
    with pytest.raises(argparse.ArgumentTypeError, match=text):
        tool.parse_size(text)
