import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from mmwsss.labels import ActivationStore

CLASSES = ('cat', 'dog', 'cow', 'horse')


def smooth(k, h, w):
    coarse = torch.rand(1, k, max(2, h // 6), max(2, w // 6))
    maps = F.interpolate(coarse, (h, w), mode='bilinear')[0]
    return maps / maps.amax(dim=(1, 2), keepdim=True)


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('size', [(50, 67), (48, 64), (1, 1)])
def test_reads_what_was_written(tmp_path, bits, size):
    store = ActivationStore(tmp_path, CLASSES, bits=bits)
    h, w = -(-size[0] // 4), -(-size[1] // 4)
    maps = torch.rand(2, h, w)
    store.write('a/b', maps, [1, 3], size)
    classes, stored, image_size = ActivationStore(tmp_path).read_stored('a/b')
    assert classes == [1, 3] and image_size == size
    assert float((stored - maps).abs().max()) <= 0.5 / (2**bits - 1) + 1e-7
    classes, full = store.read('a/b')
    expected = F.interpolate(stored[None], (4 * h, 4 * w), mode='bilinear')[0]
    torch.testing.assert_close(full, expected[:, :size[0], :size[1]])
    assert store.read('a/b', (9, 11))[1].shape == (2, 9, 11)


def test_image_without_classes(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    store.write('x', np.zeros((0, 3, 4), np.float32), [], (12, 16))
    classes, maps = store.read('x')
    assert classes == [] and maps.shape == (0, 12, 16)
    assert store.read('x', (5, 6))[1].shape == (0, 5, 6)


def test_ids_and_pending(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    for name in ('b', 'a', 'dir/c.d'):
        store.write(name, torch.zeros(1, 1, 1), [0], (1, 1))
    assert store.ids() == ['a', 'b', 'dir/c.d'] and len(store) == 3
    assert store.pending(['z', 'a', 'dir/c.d', 'y']) == ['z', 'y']
    assert 'a' in store and 'z' not in store


def test_a_file_emptied_by_a_power_cut_is_made_again(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    for name in ('a', 'dir/b'):
        store.write(name, torch.zeros(1, 1, 1), [0], (1, 1))
    (tmp_path / 'maps/dir/b.png').write_bytes(b'')
    assert store.pending(['a', 'dir/b']) == ['dir/b']
    store.list_unreadable({'a': 'why', 'dir/b': 'why'})
    assert list(store.unreadable()) == ['dir/b']
    store.write('dir/b', torch.zeros(1, 1, 1), [0], (1, 1))
    assert store.pending(['a', 'dir/b']) == [] and store.read('dir/b')[0] == [0]


def test_temporaries_of_killed_writers_go_when_no_one_can_be_writing_them(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    store.write('dir/b', torch.zeros(1, 1, 1), [0], (1, 1))
    old, young, other = (tmp_path / 'maps' / name for name in (
        'dir/.tmp-1-0123456789abcdef', '.tmp-2-0123456789abcdef', '.keep'))
    for path in (old, young, other):
        path.write_bytes(b'part')
    for path in (old, other):
        os.utime(path, (time.time() - 7200, ) * 2)
    assert store.pending(['dir/b']) == []
    assert not old.exists() and young.exists() and other.exists()


def test_a_store_without_its_folder_of_maps_lacks_all(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    (tmp_path / 'maps').rmdir()
    assert store.pending(['a']) == ['a'] and store.ids() == []


def test_much_smaller_than_float32_at_full_size(tmp_path):
    """Smooth maps of the usual size: 8-bit at stride 4, then PNG's filters."""
    store = ActivationStore(tmp_path, CLASSES)
    store.write('a', smooth(2, 84, 125), [0, 1], (333, 500))
    stored = (tmp_path / 'maps' / 'a.png').stat().st_size
    assert 25 * stored < 2 * 333 * 500 * 4


def test_maps_can_be_looked_at(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    store.write('a', smooth(2, 10, 20), [0, 1], (40, 80))
    with Image.open(tmp_path / 'maps' / 'a.png') as image:
        assert image.size == (20, 20) and image.mode == 'L'


@pytest.mark.parametrize('maps, classes, message', [
    (torch.zeros(1, 2, 2), [0], 'shape'), (torch.zeros(2, 3, 4), [0], 'shape'),
    (torch.zeros(1, 3, 4), [4], 'below 4'), (torch.zeros(2, 3, 4), [1, 1], 'ascending'),
    (torch.full((1, 3, 4), 1.1), [0], '0 to 1'), (torch.full((1, 3, 4), -0.1), [0], '0 to 1'),
    (torch.full((1, 3, 4), float('nan')), [0], '0 to 1')])
def test_bad_maps_are_refused(tmp_path, maps, classes, message):
    store = ActivationStore(tmp_path, CLASSES)
    with pytest.raises(ValueError, match=f"'img'.*{message}"):
        store.write('img', maps, classes, (12, 16))
    assert len(store) == 0


@pytest.mark.parametrize('name', ['', '../x', 'a//b', '/etc/x', 'a/..', '.hidden', 'a\\b', 'a\0'])
def test_unsafe_ids_are_refused(tmp_path, name):
    store = ActivationStore(tmp_path / 'store', CLASSES)
    with pytest.raises(ValueError, match='no image id'):
        store.write(name, torch.zeros(1, 1, 1), [0], (1, 1))


def test_settings_must_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match='extract them first'):
        ActivationStore(tmp_path / 'none')
    ActivationStore(tmp_path, CLASSES, stride=8)
    assert ActivationStore(tmp_path).stride == 8
    for settings in (dict(classes=('cat', )), dict(stride=4), dict(bits=16)):
        with pytest.raises(ValueError, match=next(iter(settings))):
            ActivationStore(tmp_path, **settings)
    for settings in (dict(bits=4), dict(stride=0), dict(classes=())):
        with pytest.raises(ValueError, match='8 or 16 bits'):
            ActivationStore(tmp_path / 'new', **dict(dict(classes=CLASSES), **settings))
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'store.json').write_text('{"format": 1}')
    with pytest.raises(ValueError, match='not a store of activation maps'):
        ActivationStore(tmp_path / 'other')


def test_damaged_files_are_named(tmp_path):
    store = ActivationStore(tmp_path, CLASSES)
    store.write('a', smooth(1, 9, 9), [0], (36, 36))
    path = tmp_path / 'maps' / 'a.png'
    whole = path.read_bytes()
    for damaged in (b'', whole[:len(whole) // 2], whole[:60] + b'\xff' + whole[61:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match='a.png.*delete it and extract again'):
            store.read('a')
    Image.new('L', (3, 3)).save(path)
    with pytest.raises(ValueError, match='a.png.*extract'):
        store.read('a')
    with pytest.raises(ValueError, match="'b' has no activation maps"):
        store.read('b')


@pytest.mark.parametrize('text', ['{"activations": 1, "clas', '', '[1]', '3', 'null'])
def test_a_damaged_description_is_named_with_the_remedy(tmp_path, text):
    store = ActivationStore(tmp_path, CLASSES)
    store.unreadable_path.write_text(text or '{')
    with pytest.raises(ValueError, match='unreadable.json: damaged .*delete it'):
        store.unreadable()
    (tmp_path / 'store.json').write_text(text)
    with pytest.raises(ValueError, match='store.json: damaged .*put a copy of it back'):
        ActivationStore(tmp_path)


def test_a_description_with_entries_missing_is_named(tmp_path):
    ActivationStore(tmp_path, CLASSES)
    (tmp_path / 'store.json').write_text('{"activations": 1, "bits": 8}')
    with pytest.raises(ValueError, match=r'store.json: damaged \(no classes, stride\)'):
        ActivationStore(tmp_path)


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
def test_more_values_than_pil_opens(tmp_path, monkeypatch):
    store = ActivationStore(tmp_path, CLASSES)
    store.write('a', smooth(2, 9, 9), [0, 1], (36, 36))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    with pytest.raises(ValueError, match='a.png: more values than PIL opens.*MAX_IMAGE_PIXELS'):
        store.read('a')


def _write_forever(root):
    store = ActivationStore(root)
    for i in range(10**6):
        store.write(f'{i % 50}', torch.rand(3, 60, 60), [0, 1, 2], (240, 240))


def test_kill_leaves_whole_files_only(tmp_path):
    ActivationStore(tmp_path, CLASSES)
    process = multiprocessing.get_context('fork').Process(target=_write_forever, args=(tmp_path, ))
    process.start()
    deadline = time.time() + 20
    while len(list((tmp_path / 'maps').glob('[0-9]*.png'))) < 5 and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    store = ActivationStore(tmp_path)
    assert len(store) >= 5
    for image_id in store.ids():
        assert store.read(image_id)[1].shape == (3, 240, 240)
