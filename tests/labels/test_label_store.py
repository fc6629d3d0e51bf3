"""LabelStore: what is committed is whole, whatever happened while it was written."""
import copy
import json
import multiprocessing
import os
import random
import resource
import signal
import time

import numpy as np
import pytest
from PIL import Image

from mmwsss.labels import LabelStore, fingerprint, kind_of_store
from mmwsss.labels.palette_png import (
    check_png,
    count_values,
    decode_labels,
    encode_labels,
    voc_palette,
)

FORK = multiprocessing.get_context('fork')  # a real process to kill, without seconds of imports


@pytest.fixture
def store(tmp_path):
    return LabelStore(tmp_path / 'store', num_classes=21)


def fill(store, version, ids, value):
    for image_id in ids:
        store.write(version, image_id, np.full((5, 7), value))


def random_labels(shape=(9, 13)):
    return np.random.choice([0, 3, 20, 255], size=shape)


def test_nothing_is_visible_before_the_commit(store):
    labels = {image_id: random_labels() for image_id in ('b', 'a/2007_000032')}
    for image_id, value in labels.items():
        store.write(1, image_id, value)
    assert store.current is None and store.versions == []
    with pytest.raises(ValueError, match='nothing committed'):
        store.read('b')
    store.commit(1)
    assert store.current == 1 and store.ids() == ['a/2007_000032', 'b']
    for image_id, value in labels.items():
        read = store.read(image_id)
        assert read.dtype == np.uint8 and np.array_equal(read, value)


def test_versions_rollback_and_reading_one_by_name(store):
    for version in (1, 2, 3):
        assert store.next_version == version
        fill(store, version, 'ab', version)
        store.commit(version)
    assert store.read('a')[0, 0] == 3 and store.read('a', version=1)[0, 0] == 1
    assert store.rollback() == 2 and store.current == 2
    assert store.rollback(1) == 1 and store.read('b')[0, 0] == 1
    with pytest.raises(ValueError, match='no complete version before 1'):
        store.rollback()
    with pytest.raises(ValueError, match='no complete version 9'):
        store.rollback(9)
    store.commit(3)  # committing again only makes it current
    assert store.current == 3 and store.manifest()['parent'] == 2
    with pytest.raises(ValueError, match='complete and never changed; write version 4'):
        store.write(3, 'a', np.zeros((5, 7), int))


def test_another_process_follows_the_current_version(store):
    reader = LabelStore(store.root)
    fill(store, 1, 'a', 1)
    store.commit(1)
    assert reader.read('a')[0, 0] == 1
    fill(store, 2, 'a', 2)
    assert reader.read('a')[0, 0] == 1
    store.commit(2)
    assert reader.read('a')[0, 0] == 2


def test_files_are_palette_pngs_that_any_data_set_reads(store):
    labels = random_labels()
    store.write(1, 'x', labels)
    store.commit(1)
    image = Image.open(store.labels_folder() / 'x.png')
    assert image.mode == 'P' and np.array_equal(np.array(image), labels)
    colours = np.array(image.getpalette()).reshape(-1, 3)
    assert colours[3].tolist() == [128, 128, 0] and colours[255].tolist() == [224, 224, 192]


def test_palette_is_that_of_the_devkit():
    official = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128),
                (0, 128, 128), (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0),
                (192, 128, 0), (64, 0, 128), (192, 0, 128), (64, 128, 128), (192, 128, 128),
                (0, 64, 0), (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128)]
    assert [tuple(row) for row in voc_palette()[:21].tolist()] == official
    assert len(np.unique(voc_palette()[:81], axis=0)) == 81


@pytest.mark.parametrize('image_id', ['../x', 'a/../x', '/x', 'a//x', '', '.x', '..', 'a\\x',
                                      'a\0', 'x' * 300, 7, None, 'a/.x', 'a/'])
def test_ids_that_could_leave_the_folder_are_refused(store, image_id):
    fill(store, 1, 'a', 1)
    store.commit(1)
    for action in (lambda: store.write(2, image_id, np.zeros((2, 2), int)),
                   lambda: store.read(image_id), lambda: store.pending(2, [image_id])):
        with pytest.raises(ValueError, match='bad image id'):
            action()
    assert not any(path.name == 'x.png' for path in store.root.parent.rglob('*'))


@pytest.mark.parametrize('labels, message', [
    (np.full((2, 2), 21), r'values \[21\] are neither 0…20 nor 255'),
    (np.full((2, 2), -1), r'values \[-1\]'),
    (np.full((2, 2), 256), r'values \[256\]'),
    (np.full((2, 2), np.nan), 'must be integers'),
    (np.zeros((2, 2, 3), int), 'must be integers'),
    (np.zeros((0, 2), int), 'must be integers'),
])
def test_bad_labels_are_refused(store, labels, message):
    with pytest.raises(ValueError, match=message):
        store.write(1, 'a', labels)


def test_size_must_stay_that_of_the_image(store):
    store.write(1, 'a', np.zeros((4, 6), int))
    store.commit(1)
    with pytest.raises(ValueError, match="labels of 'a': 6×4 .* must be 4×6"):
        store.write(2, 'a', np.zeros((6, 4), int))


@pytest.mark.parametrize('version', [0, -1, True, '1', 1.0])
def test_bad_versions_are_refused(store, version):
    with pytest.raises(ValueError, match='version must be 1, 2'):
        store.write(version, 'a', np.zeros((2, 2), int))


def test_commit_needs_exactly_the_images_expected(store):
    fill(store, 1, 'abc', 1)
    with pytest.raises(ValueError, match='1 of 4 images missing: d'):
        store.commit(1, ids='abcd')
    with pytest.raises(ValueError, match='1 of 2 images unexpected: c'):
        store.commit(1, ids='ab')
    with pytest.raises(ValueError, match='version 2 .*nothing written'):
        store.commit(2)
    assert store.current is None
    store.commit(1, ids='abc')
    fill(store, 2, 'ab', 2)
    with pytest.raises(ValueError, match='missing: c'):  # by default the images of version 1
        store.commit(2)
    assert store.current == 1
    store.commit(2, ids='ab')
    assert store.ids() == ['a', 'b']
    with pytest.raises(ValueError, match="'c' has no labels in version 2"):
        store.read('c')


def test_writing_goes_on_where_it_stopped(store):
    fill(store, 1, 'ab', 1)
    assert store.pending(1, 'abcd') == ['c', 'd']
    fill(store, 1, 'cd', 1)
    store.commit(1)
    assert store.pending(1, 'abcde') == ['e']


def test_a_begun_version_takes_labels_of_one_source_only(store):
    source = dict(fingerprint=fingerprint(threshold=0.3))
    store.begin(1, source)
    LabelStore(store.root).begin(1, source)  # a second writer
    fill(store, 1, 'a', 1)
    with pytest.raises(ValueError, match='another source'):
        store.begin(1, dict(fingerprint=fingerprint(threshold=0.4)))
    store.commit(1)
    assert store.manifest()['source'] == source
    fill(store, 2, 'a', 1)
    with pytest.raises(ValueError, match='unnamed source'):
        store.begin(2, source)
    store.discard(2)
    store.begin(2, source)


@pytest.mark.parametrize('damage, message', [
    (lambda data: data[:len(data) // 2], 'changed since its version was committed'),
    (lambda data: b'', 'changed since its version was committed'),
    (lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:], 'changed since'),
])
def test_a_file_damaged_after_the_commit_is_noticed(store, damage, message):
    fill(store, 1, 'ab', 1)
    store.commit(1)
    path = store.labels_folder() / 'a.png'
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        store.read('a')
    path.unlink()
    with pytest.raises(ValueError, match='gone since'):
        store.read('a')
    assert store.read('b')[0, 0] == 1


@pytest.mark.parametrize('damage', [lambda data: data[:-5], lambda data: data[:40],
                                    lambda data: b'', lambda data: b'GIF89a' + data,
                                    lambda data: data[:45] + b'!' + data[46:]])
def test_a_file_damaged_before_the_commit_stops_it(store, damage):
    fill(store, 1, 'ab', 1)
    path = store.root / 'versions/000001.part/labels/a.png'
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r'a\.png'):
        store.commit(1)
    assert store.current is None and store.versions == []
    fill(store, 1, 'a', 2)
    store.commit(1)
    assert store.read('a')[0, 0] == 2


def test_png_check_gives_the_size():
    assert check_png(encode_labels(np.zeros((3, 8), np.uint8)), 'x') == (3, 8)


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('read', [decode_labels, count_values])
def test_more_pixels_than_pil_opens_are_named(monkeypatch, read):
    data = encode_labels(np.zeros((30, 8), np.uint8))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 200)  # a warning up to twice as many
    read(data, 'x/a.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(ValueError, match='x/a.png: more pixels than PIL opens.*MAX_IMAGE_PIXELS'):
        read(data, 'x/a.png')


@pytest.mark.parametrize('text', ['[]', '["activations"]', '"activations"', '5', 'null', '{"form'])
@pytest.mark.parametrize('open_store', [kind_of_store, LabelStore])
def test_a_damaged_description_is_named_with_the_remedy(store, text, open_store):
    (store.root / 'store.json').write_text(text)
    with pytest.raises(ValueError, match='store/store.json: damaged .*put a copy of it back'):
        open_store(store.root)


def test_what_a_description_lacks_is_named(store):
    (store.root / 'store.json').write_text('{"format": 1, "num_classes": 21}')
    with pytest.raises(ValueError, match=r'store.json: damaged \(no ignore_index\); put a copy'):
        LabelStore(store.root)


def test_prune_keeps_the_newest_the_current_and_the_protected(store):
    for version in range(1, 7):
        fill(store, version, 'a', version)
        store.commit(version)
    store.rollback(3)
    assert store.prune(keep=2, protect=[1]) == [2, 4]
    assert store.versions == [1, 3, 5, 6] and store.current == 3
    assert not list((store.root / 'versions').glob('.trash*'))
    with pytest.raises(ValueError, match='at least 1'):
        store.prune(keep=0)
    with pytest.raises(ValueError, match='is current; rollback first'):
        store.discard(3)


def test_store_remembers_its_classes(store):
    assert LabelStore(store.root).num_classes == 21
    with pytest.raises(ValueError, match='made with num_classes=21, not 81'):
        LabelStore(store.root, num_classes=81)
    with pytest.raises(ValueError, match='not a label store'):
        LabelStore(store.root.parent / 'other')
    with pytest.raises(ValueError, match='1 ≤ num_classes'):
        LabelStore(store.root.parent / 'other', num_classes=300)


@pytest.mark.parametrize('text', ['', '7', 'x', '../../x'])
def test_a_damaged_pointer_says_how_to_mend_it(store, text):
    fill(store, 1, 'a', 1)
    store.commit(1)
    (store.root / 'CURRENT').write_text(text)
    with pytest.raises(ValueError, match='mend with rollback'):
        store.read('a')
    store.rollback(1)
    assert store.read('a')[0, 0] == 1


def test_a_damaged_manifest_is_named(store):
    fill(store, 1, 'a', 1)
    store.commit(1)
    path = store.root / 'versions/000001/manifest.json'
    whole = path.read_text()
    for text in (whole[:30], '[]'):
        path.write_text(text)
        with pytest.raises(ValueError, match='manifest.json: damaged .*put a copy of it back'):
            LabelStore(store.root).read('a')


def test_plain_folders_in_and_out(store, tmp_path):
    plain, images = tmp_path / 'plain', tmp_path / 'images'
    labels = {'a': random_labels(), 'sub/b': random_labels()}
    for image_id, value in labels.items():
        for folder, suffix in ((plain, 'png'), (images, 'jpg')):
            (folder / image_id).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(value.astype(np.uint8)).save(folder / f'{image_id}.{suffix}')
    assert store.import_folder(1, plain, image_folder=images) == ['a', 'sub/b']
    store.commit(1)
    store.export_folder(tmp_path / 'out')
    for image_id, value in labels.items():
        assert np.array_equal(np.array(Image.open(tmp_path / f'out/{image_id}.png')), value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['images', 'out', 'plain', 'store']
    with pytest.raises(ValueError, match='exists; export to a new folder'):
        store.export_folder(tmp_path / 'out')


def test_bad_plain_folders_are_refused(store, tmp_path):
    plain = tmp_path / 'plain'
    plain.mkdir()
    with pytest.raises(ValueError, match='no .png files'):
        store.import_folder(1, plain)
    with pytest.raises(ValueError, match='no such file'):
        store.import_folder(1, plain, ids=['a'])
    with pytest.raises(ValueError, match='bad image id'):
        store.import_folder(1, plain, ids=['../secret'])
    Image.new('RGB', (4, 4)).save(plain / 'a.png')
    with pytest.raises(ValueError, match='mode RGB holds colours'):
        store.import_folder(1, plain)
    Image.new('L', (4, 4), 99).save(plain / 'a.png')
    with pytest.raises(ValueError, match=r'a\.png: values \[99\]'):
        store.import_folder(1, plain)
    Image.new('L', (4, 4), 1).save(plain / 'a.png')
    with pytest.raises(ValueError, match='a: no image .jpg'):
        store.import_folder(1, plain, image_folder=plain / 'images')
    (plain / 'a.png').write_bytes(b'not a png')
    with pytest.raises(ValueError, match='not a readable PNG'):
        store.import_folder(1, plain)


def test_export_of_a_damaged_version_leaves_nothing(store, tmp_path):
    fill(store, 1, 'ab', 1)
    store.commit(1)
    (store.labels_folder() / 'b.png').write_bytes(b'')
    with pytest.raises(ValueError, match='changed since'):
        store.export_folder(tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['store']


def _write_share(root, version, ids):
    store = LabelStore(root)
    for image_id in ids:
        store.write(version, image_id, np.full((30, 40), version))


def test_several_processes_write_one_version(store):
    ids = [f'{number:03d}' for number in range(40)]
    writers = [FORK.Process(target=_write_share, args=(store.root, 1, ids[rank::4]))
               for rank in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store.commit(1, ids)
    assert all(store.read(image_id)[0, 0] == 1 for image_id in ids)


def _no_space(root):
    """Child: files may not grow beyond 100 bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    try:
        LabelStore(root).write(2, 'a', np.random.randint(0, 20, (50, 50)))
    except OSError:
        os._exit(7)
    os._exit(0)


def test_a_full_disk_loses_nothing(store):
    fill(store, 1, 'a', 1)
    store.commit(1)
    store = LabelStore(store.root.parent / 'large', num_classes=21)
    store.write(1, 'a', np.zeros((50, 50), int))
    store.commit(1)
    child = FORK.Process(target=_no_space, args=(store.root,))
    child.start()
    child.join()
    assert child.exitcode == 7  # a clear error
    assert not list(store.root.rglob('.tmp-*')) and store.pending(2, ['a']) == ['a']
    assert store.read('a').max() == 0


IDS = [f'{number:02d}' for number in range(12)]


def _label_forever(root):
    """Child: write version after version, each of one value, going on where the last stopped."""
    store = LabelStore(root)
    while True:
        version = store.next_version
        value = version % 21
        store.begin(version, dict(value=value))
        for image_id in store.pending(version, IDS):
            store.write(version, image_id, np.full((20, 20), value))
        store.commit(version, IDS)
        store.prune(keep=3, protect=[1])


def test_kill_9_at_random_instants(store, monkeypatch):
    """After each of 60 kills: the current version is whole, and the next writer goes on."""
    # Waiting for the disk guards against power loss only, and would take most of the time.
    monkeypatch.setattr(os, 'sync', lambda: None)
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    rng, seen = random.Random(0), 0
    for _ in range(60):
        child = FORK.Process(target=_label_forever, args=(store.root,))
        child.start()
        time.sleep(rng.uniform(0.0, 0.06))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        reader = LabelStore(store.root)
        current = reader.current
        assert (current or 0) >= seen
        seen = current or 0
        for version in reader.versions:
            assert reader.ids(version) == IDS
            for image_id in IDS:
                assert (reader.read(image_id, version) == version % 21).all()
    child = FORK.Process(target=_label_forever, args=(store.root,))
    child.start()
    deadline = time.monotonic() + 60
    while (LabelStore(store.root).current or 0) < seen + 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.join()
    assert (LabelStore(store.root).current or 0) >= seen + 3  # nothing left behind blocks it


def _read_while(root, stop, failures):
    store = LabelStore(root)
    while not stop.is_set():
        version = store.current
        values = {int(store.read(image_id, version)[0, 0]) for image_id in IDS}
        if values != {version % 21}:
            failures.value += 1


def test_readers_never_see_a_mixture(store):
    fill(store, 1, IDS, 1)
    store.commit(1)
    stop, failures = FORK.Event(), FORK.Value('i', 0)
    reader = FORK.Process(target=_read_while, args=(store.root, stop, failures))
    reader.start()
    for version in range(2, 30):
        fill(store, version, IDS, version % 21)
        store.commit(version)
    stop.set()
    reader.join()
    assert reader.exitcode == 0 and failures.value == 0


def test_fingerprint_follows_contents_and_settings(tmp_path):
    (tmp_path / 'a').write_bytes(b'1')
    (tmp_path / 'b').write_bytes(b'2')
    files = [tmp_path / 'a', tmp_path / 'b']
    base = fingerprint(files, threshold=0.3)
    assert base == fingerprint(files[::-1], threshold=0.3)
    assert base != fingerprint(files, threshold=0.4)
    assert base != fingerprint(files[:1], threshold=0.3)
    (tmp_path / 'b').write_bytes(b'3')
    assert base != fingerprint(files, threshold=0.3)
    with pytest.raises(ValueError, match='no such file'):
        fingerprint([tmp_path / 'none'])
    with pytest.raises(ValueError, match='plain values'):
        fingerprint(model=object())


def test_manifest_is_plain_json_and_a_store_can_be_copied(store):
    fill(store, 1, 'a', 1)
    store.commit(1)
    manifest = json.loads((store.root / 'versions/000001/manifest.json').read_text())
    assert manifest['files']['a'][2:] == [5, 7] and manifest['parent'] is None
    assert copy.deepcopy(store).read('a')[0, 0] == 1  # as when sent to a loader's worker


@pytest.mark.parametrize('links', [True, False])
def test_carried_over_maps_are_those_of_the_current_version(tmp_path, monkeypatch, links):
    if not links:
        def refuse(*args):
            raise OSError('no links here')
        monkeypatch.setattr(os, 'link', refuse)
    store = LabelStore(tmp_path / 'store', num_classes=3)
    maps = {name: np.full((3, 4), value, np.uint8) for name, value in (('a', 1), ('sub/b', 2))}
    for name, labels in maps.items():
        store.write(1, name, labels)
    store.commit(1)
    store.write(2, 'a', 0 * maps['a'])
    for name in maps:  # also over what was written before
        store.carry_over(2, name)
    with pytest.raises(ValueError, match='no such label map'):
        store.carry_over(2, 'c')
    store.commit(2)
    for name, labels in maps.items():
        np.testing.assert_array_equal(store.read(name, 2), labels)
    store.rollback(1)
    store.discard(2)
    np.testing.assert_array_equal(store.read('a', 1), maps['a'])
