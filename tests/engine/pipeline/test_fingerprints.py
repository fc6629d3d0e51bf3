"""Fingerprints change with what they stand for, and with nothing else."""
import os
import shutil

import numpy as np

from mmwsss.engine.pipeline import fingerprints as module
from mmwsss.engine.pipeline.fingerprints import Fingerprints, code_digest
from mmwsss.labels import ActivationStore, LabelStore


def of(path):
    return Fingerprints().of(path)


def test_files_by_content(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('one')
    before = of(path)
    os.utime(path, (1, 1))
    assert of(path) == before
    path.write_text('two')
    assert of(path) != before
    assert of(tmp_path / 'none') is None


def test_the_memory_is_used_only_while_size_and_time_stand(tmp_path):
    path, memory = tmp_path / 'a.txt', tmp_path / 'memory.json'
    path.write_text('one')
    first = Fingerprints(memory)
    first.of(path)
    first.save()
    again = Fingerprints(memory)
    assert again._known[str(path)][1] == first.of(path)
    path.write_text('two')
    os.utime(path, (2, 2))
    assert again.of(path) == of(path) != first._known[str(path)][1]
    memory.write_text('{cut')
    assert Fingerprints(memory).of(path) == of(path)


def test_folders_by_names_sizes_and_times(tmp_path):
    folder = tmp_path / 'pics'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'sub' / 'a.jpg').write_bytes(b'abc')
    before = of(folder)
    (folder / '.cache').mkdir()
    assert of(folder) == before
    os.utime(folder / 'sub' / 'a.jpg', (5, 5))
    after = of(folder)
    assert after != before
    (folder / 'b.jpg').write_bytes(b'')
    assert of(folder) != after


def test_label_stores_by_their_current_version(tmp_path):
    store = LabelStore(tmp_path / 'labels', 3)
    assert of(store.root) is None
    store.write(1, 'a', np.zeros((4, 4), np.uint8))
    store.commit(1)
    before = of(store.root)
    shutil.copytree(store.root, tmp_path / 'copy')
    assert of(tmp_path / 'copy') == before
    store.write(2, 'a', np.ones((4, 4), np.uint8))
    assert of(store.root) == before
    store.commit(2)
    assert of(store.root) != before
    store.rollback(1)
    assert of(store.root) == before


def test_activation_stores_by_settings_and_images(tmp_path):
    def make(name, weights, ids):
        store = ActivationStore(tmp_path / name, ('cat', ), source=dict(weights=weights))
        for image_id in ids:
            store.write(image_id, np.zeros((1, 2, 2)), [0], (8, 8))
        return of(store.root)

    first = make('a', 'x', 'pq')
    assert make('b', 'x', 'pq') == first
    assert len({first, make('c', 'y', 'pq'), make('d', 'x', 'p')}) == 3


def test_code_counts_but_not_its_comments(tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'PACKAGE', tmp_path / 'package')
    file = tmp_path / 'package' / 'labels' / 'rule.py'
    report = tmp_path / 'package' / 'visualization' / 'report.py'
    tool = tmp_path / 'tool.py'
    for path in (file, report, tool):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""Says."""\n\n\ndef f(x):\n    """More."""\n    return x + 1\n')

    def now(**options):
        module._package_digest.cache_clear()
        return code_digest([tool], **options)

    before, whole = now(), now(whole=True)
    file.write_text('"""Says it."""\ndef f(x):\n    return x + 1  # why\n')
    report.write_text('def f(x):\n    return x + 3\n')
    assert now() == before and now(whole=True) != whole
    file.write_text('def f(x):\n    return x + 2\n')
    changed = now()
    assert changed != before
    tool.write_text('print(2)\n')
    assert now() != changed
    module._package_digest.cache_clear()
