"""Checkpoints load as data; what is cut, damaged or more than data is refused by name."""
import os
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import CheckpointLoader

from mmwsss.engine import CheckpointError, load_checkpoint_safely, use_safe_loading
from mmwsss.engine.safe_load import cache_path, fetch


def save(path, obj, **kwargs):
    torch.save(obj, path, **kwargs)
    return str(path)


def training_state():
    hub = MessageHub('safe_load_test')
    hub.update_scalar('train/loss', 0.5)
    hub.update_scalar('train/loss', 0.25)
    hub.update_info('best_score', np.float32(7.5))
    hub.update_info('keep', [2, 4])
    return dict(
        meta=dict(iter=3, numbers=np.arange(3), size=np.int64(4), flag=np.bool_(True),
                  text=np.str_('a')),
        state_dict=OrderedDict(w=torch.arange(6.).reshape(2, 3)),
        optimizer=dict(param_groups=[dict(lr=0.1, betas=(0.9, 0.99))], state={}),
        message_hub=hub.state_dict())


@pytest.mark.parametrize('zipped', [True, False])
def test_training_checkpoint_loads_as_saved(tmp_path, zipped):
    saved = training_state()
    loaded = load_checkpoint_safely(
        save(tmp_path / 'a.pth', saved, _use_new_zipfile_serialization=zipped))
    assert torch.equal(loaded['state_dict']['w'], saved['state_dict']['w'])
    assert loaded['optimizer'] == saved['optimizer']
    assert loaded['meta']['size'] == 4 and loaded['meta']['numbers'].tolist() == [0, 1, 2]
    history = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer) and history.mean() == 0.375
    assert history.statistics('min') == 0.25
    hub = MessageHub('safe_load_test_2')
    hub.load_state_dict(loaded['message_hub'])
    assert hub.get_info('best_score') == 7.5


@pytest.mark.parametrize('keep', [0, 1, 10, 0.1, 0.5, 0.99])
@pytest.mark.parametrize('zipped', [True, False])
def test_cut_file_is_named(tmp_path, keep, zipped):
    path = save(tmp_path / 'cut.pth', training_state(), _use_new_zipfile_serialization=zipped)
    data = open(path, 'rb').read()
    with open(path, 'wb') as f:
        f.write(data[:keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(CheckpointError, match=r'cut\.pth .*cut short or damaged.*copy or'):
        load_checkpoint_safely(path)


@pytest.mark.parametrize('content', [
    b'<html>404</html>', b'PK\x03\x04rubbish', bytes(1000),
    bytes((71 * i + 13) % 256 for i in range(64))
], ids=['page', 'cut zip', 'zeros', 'noise'])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    (tmp_path / 'page.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match='page.pth'):
        load_checkpoint_safely(tmp_path / 'page.pth')


def test_missing_file():
    with pytest.raises(FileNotFoundError, match='/no/such.pth'):
        load_checkpoint_safely('/no/such.pth')


class Evil:

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('attack', [
    lambda p: Evil(os.system, f'touch {p}'),
    lambda p: Evil(eval, f'open({str(p)!r}, "w")'),
    lambda p: Evil(open, str(p), 'w'),
    lambda p: Evil(getattr, dict, 'fromkeys'),
    lambda p: Evil(getattr, HistoryBuffer, '__init__'),
    lambda p: Evil(np.fromfile, str(p)),
    lambda p: Evil(torch.load, str(p)),
])
def test_files_that_run_code_are_refused_and_run_nothing(tmp_path, attack, zipped):
    witness = tmp_path / 'witness'
    path = save(tmp_path / 'evil.pth', dict(state_dict={}, x=attack(witness)),
                _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match='holds more than weights'):
        load_checkpoint_safely(path)
    assert not witness.exists()


def test_object_arrays_do_not_smuggle_code(tmp_path):
    witness = tmp_path / 'witness'
    array = np.array([Evil(os.system, f'touch {witness}')], dtype=object)
    with pytest.raises(CheckpointError):
        load_checkpoint_safely(save(tmp_path / 'a.pth', array))
    assert not witness.exists()


@pytest.fixture
def loaders():
    before = CheckpointLoader._schemes
    CheckpointLoader._schemes = dict(before)
    yield
    CheckpointLoader._schemes = before


def test_mmengine_s_loader_goes_through_it(tmp_path, loaders):
    use_safe_loading()
    use_safe_loading()
    good = save(tmp_path / 'good.pth', training_state())
    assert CheckpointLoader.load_checkpoint(good)['meta']['iter'] == 3
    witness = tmp_path / 'witness'
    with pytest.raises(CheckpointError):
        CheckpointLoader.load_checkpoint(
            save(tmp_path / 'evil.pth', Evil(os.system, f'touch {witness}')))
    assert not witness.exists()


def test_urls_come_from_torch_s_cache(tmp_path, monkeypatch, loaders):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    url = 'https://example.com/models/net-123.pth?x=1'
    assert cache_path(url) == str(tmp_path / 'checkpoints' / 'net-123.pth')
    downloads = []

    def download(url, path, **kwargs):
        downloads.append(url)
        save(path, dict(w=torch.ones(1)))

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    use_safe_loading()
    assert CheckpointLoader.load_checkpoint(url)['w'] == 1
    assert fetch(url) == cache_path(url)
    assert downloads == [url]
