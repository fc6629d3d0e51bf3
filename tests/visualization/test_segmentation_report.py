"""The report: numbers against loops, resumed logs, and a page without outside parts."""
import json
import re

import numpy as np
import pytest

pytest.importorskip('jinja2')
pytest.importorskip('matplotlib')

from mmwsss.knowledge.names import VOC_CLASSES  # noqa: E402
from mmwsss.toy import ToySpec, write_toy_dataset  # noqa: E402
from mmwsss.visualization import (confusion_matrix, iou_per_class, read_scalars,  # noqa: E402
                                  sample_rows, write_report)

CLASSES = ('background', *VOC_CLASSES)


def random_pair(seed, classes=4, size=(5, 7)):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, size).astype(np.uint8)
    label[rng.random(size) < 0.2] = 255
    return label, rng.integers(0, classes, size).astype(np.uint8)


def test_confusion_and_iou_against_loops():
    pairs = [random_pair(seed) for seed in range(3)]
    confusion = confusion_matrix(pairs, 5)
    expected = np.zeros((5, 5), int)
    for label, prediction in pairs:
        for true, predicted in zip(label.ravel(), prediction.ravel()):
            if true != 255:
                expected[true, predicted] += 1
    assert (confusion == expected).all()
    iou = iou_per_class(confusion)
    for k in range(4):
        hit = sum(int(((a == k) & (b == k)).sum()) for a, b in pairs)
        union = sum(int((((a == k) | (b == k)) & (a != 255)).sum()) for a, b in pairs)
        assert iou[k] == pytest.approx(hit / union)
    assert np.isnan(iou[4])


def test_bad_pairs_are_named():
    label, prediction = random_pair(0)
    with pytest.raises(ValueError, match='value 3 .* 3 classes'):
        confusion_matrix([(label, prediction)], 3)
    with pytest.raises(ValueError, match='its prediction'):
        confusion_matrix([(label, prediction[:-1])], 4)


def write_log(work_dir, name, rows, tail=''):
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)) + '\n' + tail)


def test_scalars_of_a_resumed_run_are_joined(tmp_path):
    write_log(tmp_path, '20260101_000000',
              [dict(loss=3., step=10), dict(loss=2., step=20), dict(loss=9., step=30)],
              tail='{"loss": 1.0, "st')
    write_log(tmp_path, '20260101_000100',
              [dict(loss=1., step=30), dict(mIoU=50., step=40), dict(loss=.5, step=40)])
    rows = read_scalars(tmp_path)
    assert [(row['step'], row['loss']) for row in rows] == [(10, 3.), (20, 2.), (30, 1.), (40, .5)]
    with pytest.raises(FileNotFoundError, match='train there first'):
        read_scalars(tmp_path / '20260101_000000')


def test_report_has_numbers_pictures_and_no_links_outside(tmp_path):
    toy = tmp_path / 'toy'
    write_toy_dataset(toy, ToySpec(train=1, val=4, seed=0, height=48, width=48))
    ids = (toy / 'ImageSets/Segmentation/val.txt').read_text().split()
    table = write_report(
        tmp_path / 'report.html', title='A <b>title</b>', classes=CLASSES, ids=ids,
        images=toy / 'JPEGImages', labels=toy / 'SegmentationClass',
        predictions=toy / 'SegmentationClass', shown=3, commands=['run --flag "a&b"'],
        scalars=[dict(loss=2., step=1), dict(loss=1.25, step=2)])
    # The labels as predictions: void pixels do not count, so everything is right.
    assert set(table.values()) == {100.}
    assert set(table) <= {*CLASSES, 'mean'} and 'background' in table
    html = (tmp_path / 'report.html').read_text()
    assert 'Mean IoU 100.0 %' in html and 'loss\n1.250' in html
    assert 'A &lt;b&gt;title' in html and 'a&amp;b' in html
    assert html.count('<figure>') == 3
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert len(sources) == 3 * 3 + 1 and all(text.startswith('data:image/') for text in sources)
    assert not list(tmp_path.glob('.tmp-*'))


def test_rows_name_the_classes_present(tmp_path):
    toy = tmp_path / 'toy'
    write_toy_dataset(toy, ToySpec(train=1, val=2, seed=3, height=48, width=48))
    image_labels = json.loads((toy / 'image_labels.json').read_text())['images']
    ids = (toy / 'ImageSets/Segmentation/val.txt').read_text().split()
    rows = sample_rows(ids, toy / 'JPEGImages', toy / 'SegmentationClass',
                       toy / 'SegmentationClass', CLASSES)
    assert [set(row['classes'].split(', ')) for row in rows] == [
        set(image_labels[image_id]) for image_id in ids]
