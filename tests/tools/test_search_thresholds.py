"""The threshold search: every pair's counts as if its labels had been made and judged."""
import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from mmwsss.evaluation import count_labels, label_quality
from mmwsss.evaluation.threshold_grid import ThresholdGrid, strict_miou
from mmwsss.labels import (
    ActivationStore,
    confident_labels,
    dense_crf,
    normalize_activations,
)
from tests.paths import ROOT

spec = importlib.util.spec_from_file_location('search_thresholds',
                                              ROOT / 'tools/search_thresholds.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
GRID = ('0.2', '0.4', '0.7')


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    store = ActivationStore(tmp_path / 'maps', ('cat', 'dog'))
    for folder in ('images', 'masks'):
        (tmp_path / folder).mkdir()
    for name, classes in dict(a=[0], b=[0, 1], c=[], d=[1]).items():
        store.write(name, rng.uniform(0, 1, (len(classes), 6, 8)), classes, (22, 30))
        mask = rng.choice([0, 1, 2, 255], (22, 30)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / f'masks/{name}.png')
        pixels = rng.integers(0, 256, (22, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'images/{name}.png')
    (tmp_path / 'list.txt').write_text('a\nb\nc\nd\nwithout_mask\n')
    return tmp_path


def run(root, *more):
    code = tool.main(['--maps', str(root / 'maps'), '--gt', str(root / 'masks'), '--list',
                      str(root / 'list.txt'), '--json', str(root / 'out.json'), '--thresholds',
                      *GRID, *more])
    return json.loads((root / 'out.json').read_text()) if code == 0 else code


@pytest.mark.parametrize('crf', [False, True])
def test_each_pair_is_judged_like_its_labels(root, crf, capsys):
    more = ['--crf', 'irn', '--img-dir', str(root / 'images')] if crf else []
    result = run(root, *more)
    found = {(row['background'], row['foreground']): row
             for row in result['single'] + result['pairs']}
    assert result['images'] == 4 and len(found) == 6
    store = ActivationStore(root / 'maps')
    for (low, high), row in found.items():
        counts = np.zeros((3, 4), int)
        for name in 'abcd':
            classes, maps = store.read(name)
            ids = [label + 1 for label in classes]
            image = np.array(Image.open(root / f'images/{name}.png'))

            def refine(labels, image=image, ids=ids):
                return dense_crf(image, labels, 'irn', classes=[0, *ids]) if crf else labels

            labels = confident_labels(normalize_activations(maps), ids, high, low, refine)
            counts += count_labels(labels.numpy(), np.array(Image.open(
                root / f'masks/{name}.png')), 3)
        want = label_quality(counts)
        for name in ('miou', 'mean_precision', 'mean_recall', 'ignored'):
            assert row[name] == pytest.approx(want[name]), (low, high, name)
    assert result['best_single']['miou'] == max(row['miou'] for row in result['single'])
    assert result['best_pair']['strict_miou'] == max(row['strict_miou']
                                                     for row in result['pairs'])
    assert 'chosen pair: background' in capsys.readouterr().out


def test_strict_miou_counts_ignored_pixels_as_missed():
    # 10 true background (6 right, 4 ignored), 10 true cat (5 right, 3 as background, 2 ignored)
    counts = np.array([[6, 0, 4], [3, 5, 2]])
    assert strict_miou(counts) == pytest.approx(100 * (6 / 13 + 5 / 10) / 2)
    assert strict_miou(np.zeros((2, 3), int)) == 0


def test_fewer_images_and_a_limit_of_ignored_pixels(root):
    result = run(root, '--images', '2', '--max-ignored', '0')
    assert result['images'] == 2 and result['best_pair'] is None


@pytest.mark.parametrize('more, message', [
    (['--crf', 'irn'], '--crf needs --img-dir'), (['--images', '0'], 'at least 1'),
    (['--crf', 'irn', '--img-dir', '.'], 'a: . has no image'), (['--maps', 'x'], 'extract them'),
    (['--thresholds', '0.4', '0.2'], 'ascending'), (['--gt', 'x'], 'none of the 5 images'),
])
def test_bad_input_is_one_line(root, more, message, capsys, monkeypatch):
    monkeypatch.chdir(root)
    assert run(root, *more) == 2
    assert message in capsys.readouterr().err


def test_the_folder_of_the_output_is_made(root, capsys):
    out = root / 'not/there/out.json'
    result = run(root)
    assert run(root, '--json', str(out)) == result  # read from where it was before
    assert json.loads(out.read_text()) == result
    assert [path.name for path in out.parent.iterdir()] == ['out.json']


@pytest.mark.parametrize('name, message', [
    ('masks', 'is a folder'), ('list.txt/a.json', 'list.txt')])
def test_the_output_is_looked_at_before_the_work(root, name, message, capsys, monkeypatch):
    def read(*args):
        raise AssertionError('work has begun')

    monkeypatch.setattr(ActivationStore, 'read', read)
    assert run(root, '--json', str(root / name)) == 2
    assert message in capsys.readouterr().err


def test_an_output_that_fails_in_the_end_is_one_line(root, capsys, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(tool, 'write_text_atomic', full)
    assert run(root) == 2
    printed = capsys.readouterr()
    assert 'chosen threshold' in printed.out and 'No space left' in printed.err


def test_sizes_must_agree():
    grid = ThresholdGrid((0.1, 0.2), 3)
    with pytest.raises(ValueError, match='1 label maps for 2 thresholds'):
        grid.update([np.zeros((2, 2), int)], np.zeros((2, 2), int))
    with pytest.raises(ValueError, match='true mask'):
        grid.update([np.zeros((2, 2), int)] * 2, np.zeros((3, 2), int))
