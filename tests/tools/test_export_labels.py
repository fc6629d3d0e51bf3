"""Exporting a label store by its command."""
import importlib.util

import numpy as np
import pytest
from PIL import Image

from mmwsss.labels import ActivationStore, LabelStore
from tests.paths import ROOT

spec = importlib.util.spec_from_file_location('export_labels', ROOT / 'tools/export_labels.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def test_a_version_becomes_a_folder(tmp_path, capsys):
    store = LabelStore(tmp_path / 'store', num_classes=3)
    for version in (1, 2):
        store.write(version, 'a', np.full((4, 5), version))
        store.commit(version)
    for options, value in (([], 2), (['--version', '1'], 1)):
        folder = tmp_path / f'out{value}'
        assert tool.main([str(store.root), str(folder), *options]) == 0
        assert (np.array(Image.open(folder / 'a.png')) == value).all()
        assert f'version {value}, 1 label maps' in capsys.readouterr().out


@pytest.mark.parametrize('options, message', [
    (['store', 'out', '--version', '7'], 'no complete version 7'),
    (['store', 'store'], 'exists; export to a new folder'),
    (['maps', 'out'], 'is no label store'), (['nothing', 'out'], 'is no label store'),
    (['empty', 'out'], 'nothing committed yet'),
])
def test_bad_input_is_one_line(tmp_path, monkeypatch, options, message, capsys):
    monkeypatch.chdir(tmp_path)
    store = LabelStore('store', num_classes=3)
    store.write(1, 'a', np.zeros((4, 5), int))
    store.commit(1)
    LabelStore('empty', num_classes=3)
    ActivationStore('maps', ('cat', ))
    assert tool.main(options) == 2
    assert message in capsys.readouterr().err and not (tmp_path / 'out').exists()
