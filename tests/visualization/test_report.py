"""The report of a pipeline: numbers against loops, chosen images, and what may be missing."""
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from mmwsss.knowledge.names import VOC_CLASSES
from mmwsss.labels import LabelStore
from mmwsss.visualization import read_run, report_content, write_report

from ..paths import ROOT
from .work_dirs import STAGES, make_work_dir, read_list, read_mask, spoiled, write_stage

HOSTILE = '</title><script>alert(1)</script>"\'&<img src=x onerror=alert(1)> {{ 7 * 7 }}'


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp('whole')
    return root, make_work_dir(root)


@pytest.fixture()
def work(whole, tmp_path):
    """A copy to spoil."""
    shutil.copytree(whole[1], tmp_path / 'work')
    return tmp_path / 'work'


def make(work, **options):
    out = work / 'report.html'
    content = write_report(read_run(work), out, **options)
    return content, out.read_text(encoding='utf-8')


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.addresses, self.pictures, self.text = [], [], [], [], []
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs['id']] if 'id' in attrs else []
        self.addresses += [attrs[key] for key in ('src', 'href') if key in attrs]
        self.pictures += [attrs] if tag == 'img' else []
        assert not [key for key in attrs if key.startswith('on')]
        if tag not in ('meta', 'link', 'img', 'br', 'path', 'rect', 'line', 'polyline'):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag not in ('path', 'rect', 'line', 'polyline'):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check_page(html):
    """Well-formed, self-contained, with a text for each picture."""
    page = Page(html)
    assert page.open == [] and 'script' not in page.tags
    assert len(page.ids) == len(set(page.ids))
    for address in page.addresses:
        assert address.startswith('data:') or address[1:] in page.ids, address
    assert 'url(' not in html.replace('url(#head-', '') and '@import' not in html
    assert all(picture.get('alt') for picture in page.pictures)
    assert len(html) < 5e6
    return page


def slow_iou(labels, truth, value):
    """IoU of one class with ignored pixels counted as missed."""
    hit = union = 0
    for given, true in zip(labels.ravel().tolist(), truth.ravel().tolist()):
        if true == 255:
            continue
        hit += given == true == value
        union += value in (given, true)
    return None if union == 0 else 100 * hit / union


def slow_mean(labels, truth):
    values = [slow_iou(labels, truth, value) for value in range(21)]
    return np.mean([value for value in values if value is not None])


def test_whole_run(whole):
    root, work = whole
    content, html = make(work)
    page = check_page(html)
    text = ' '.join(' '.join(page.text).split())
    assert content['notes'] == [] and 'All 10 stages are done.' in text
    for title in ('Pipeline', 'Images', 'Classes', 'Threshold of the activation maps',
                  'Training losses', 'Labels and their versions', 'Class graph', 'Repeat it'):
        assert title in page.text
    # The command of the whole, not of the stage that was run last.
    assert "MMWSSS_TOY='a folder' python tools/pipeline.py grm_toy.py --work-dir W\n" in html \
        .replace('&#39;', "'")
    assert [figure['value'] for figure in content['figures']] == [41.5, 52.25, 61.5, 64.75]
    assert '61.5 %' in text and '1:05' in text and '512 MiB' in text and '1.5 MB' in text
    assert 'best: 0.250' in text and not list(work.glob('.tmp-*'))
    drawn = re.findall(r'<title>(\w+): the \w+ stage \(done\)</title>', html)
    assert drawn == [*STAGES, *STAGES]


def test_predictions_table_against_loops(whole):
    root, work = whole
    content, _ = make(work)
    table = content['table']
    assert table['groups'] == ['seeds', 'pseudo labels', 'predictions']
    rows = {row['name']: row['cells'] for row in table['rows']}
    truth, given = [], []
    for k, image_id in enumerate(read_list(root / 'toy', 'val')):
        mask = read_mask(root / 'toy', image_id)
        truth += mask.ravel().tolist()
        given += spoiled(mask, 0.05 * k + 0.03, k).ravel().tolist()
    pairs = [(t, g) for t, g in zip(truth, given) if t != 255]
    ious = []
    for value, name in enumerate(('background', *VOC_CLASSES)):
        hit = sum(t == g == value for t, g in pairs)
        true, said = (sum(pair[i] == value for pair in pairs) for i in (0, 1))
        if true or said:
            ious.append(100 * hit / (true + said - hit))
            assert rows[name][6:] == pytest.approx([ious[-1], 100 * hit / max(said, 1),
                                                    100 * hit / max(true, 1)])
        else:
            assert rows[name][6:] == [None] * 3
        assert rows[name][:6] == [50 + value] * 6  # as the quality files say
    assert table['mean'][:3] == [60, 60.5, None]
    assert table['mean'][6] == pytest.approx(np.mean(ious))
    assert content['table_images'] == {'seeds': 6, 'pseudo labels': 6, 'predictions': 4}


def test_best_median_and_worst_are_that(whole):
    root, work = whole
    training, validation = report_content(read_run(work), 3)['galleries']
    for gallery, split, share, count in ((training, 'train', lambda k: 0.1 * k + 0.05, 6),
                                         (validation, 'val', lambda k: 0.05 * k + 0.03, 4)):
        scores = {}
        for k, image_id in enumerate(read_list(root / 'toy', split)):
            mask = read_mask(root / 'toy', image_id)
            scores[image_id] = slow_mean(spoiled(mask, share(k), k), mask)
        ranked = sorted(scores, key=lambda image_id: -scores[image_id])
        shown = {reason: row for row in gallery.rows for reason in row['reasons']}
        assert shown['best']['id'] == ranked[0] and shown['worst']['id'] == ranked[-1]
        assert shown['median']['id'] == ranked[count // 2]
        for row in gallery.rows:
            assert row['score'] == pytest.approx(scores[row['id']])
        ids = [row['id'] for row in gallery.rows]
        assert ids == [image_id for image_id in ranked if image_id in ids]
        assert gallery.missing == []
    assert [tile['name'] for tile in training.rows[0]['tiles']] == [
        'image', 'activation', 'seed', 'pseudo label', 'mask']
    assert [tile['name'] for tile in validation.rows[0]['tiles']] == [
        'image', 'prediction', 'mask']
    # An ignored pixel counts as missed.
    for row in training.rows:
        k = read_list(root / 'toy', 'train').index(row['id'])
        mask = read_mask(root / 'toy', row['id'])
        assert row['tiles'][2]['iou'] == pytest.approx(slow_mean(spoiled(mask, 0.3, k, 255), mask))


def test_without_masks_the_agreement_of_labels_decides(whole, work):
    root, _ = whole
    overview = json.loads((work / 'pipeline.json').read_text())
    overview['data'].update(train_masks=None, val_masks=None)
    (work / 'pipeline.json').write_text(json.dumps(overview))
    content, html = make(work)
    check_page(html)
    training, validation = content['galleries']
    expected = {}
    for k, image_id in enumerate(read_list(root / 'toy', 'train')):
        mask = read_mask(root / 'toy', image_id)
        seed, label = spoiled(mask, 0.3, k, 255), spoiled(mask, 0.1 * k + 0.05, k)
        same = [a == b for a, b in zip(seed.ravel(), label.ravel()) if a != 255]
        expected[image_id] = 100 * sum(same) / len(same)
    assert {row['id']: pytest.approx(row['score']) for row in training.rows} == expected
    assert 'seed and pseudo label agree' in html and 'calls foreground' in validation.how
    assert all(tile['name'] != 'mask' for row in training.rows for tile in row['tiles'])
    assert content['table']['groups'] == ['seeds', 'pseudo labels']


def test_labels_of_a_second_round_are_shown_and_judged(whole, work):
    root, _ = whole
    folder = work / 'stages/relabel'
    (folder / 'run').mkdir(parents=True)
    ids = read_list(root / 'toy', 'train')
    store = LabelStore(folder / 'labels', num_classes=21)
    for k, image_id in enumerate(ids):
        store.write(1, image_id, spoiled(read_mask(root / 'toy', image_id), 0.02 * k, k))
    store.commit(1, ids)
    shutil.copy(work / 'stages/walk/quality.json', folder)
    write_stage(work, 'relabel', kind='test', outputs=dict(
        labels='stages/relabel/labels', quality='stages/relabel/quality.json'),
        key_figure=dict(name='mIoU', value=63.5, unit='%'))
    overview = json.loads((work / 'pipeline.json').read_text())
    place = [stage['name'] for stage in overview['stages']].index('test')
    overview['stages'].insert(place, dict(name='relabel', title='the relabel stage', kind='test',
                                          description=''))
    (work / 'pipeline.json').write_text(json.dumps(overview))
    content, html = make(work)
    check_page(html)
    assert content['notes'] == []
    assert [figure['value'] for figure in content['figures']] == [41.5, 52.25, 61.5, 63.5, 64.75]
    assert content['table']['groups'] == ['seeds', 'pseudo labels', 'second round', 'predictions']
    rows = content['galleries'][0].rows
    assert [tile['name'] for tile in rows[0]['tiles']] == [
        'image', 'activation', 'seed', 'pseudo label', 'second round', 'mask']
    for row in rows:  # chosen by the last labels
        mask = read_mask(root / 'toy', row['id'])
        labels = spoiled(mask, 0.02 * ids.index(row['id']), ids.index(row['id']))
        assert row['score'] == pytest.approx(slow_mean(labels, mask))


@pytest.mark.parametrize('last', range(len(STAGES) + 1))
def test_any_stages_may_be_missing(work, last):
    for stage in STAGES[last:]:
        shutil.rmtree(work / 'stages' / stage)
    content, html = make(work, shown=2)
    check_page(html)
    assert content['notes'] == []
    assert bool(content['galleries']) == (last > STAGES.index('maps'))
    if last < len(STAGES) - 1:
        assert content['headline']['done'] == last and 'waiting' in html


def test_damaged_files_are_named(whole, work):
    root, _ = whole
    (work / 'stages/recam/stage.json').write_text('{"status": "do')
    image_id = read_list(root / 'toy', 'val')[0]
    (work / f'stages/test/predictions/{image_id}.png').write_bytes(b'no png')
    write_stage(work, 'boundary', status='failed', error='out of memory <here>')
    write_stage(work, 'segmentation', status='running', key_figure='none', sizes=None,
                attempts=[dict(started='then')], commands='x', inputs=[1], figures=None)
    content, html = make(work)
    check_page(html)
    assert len(content['notes']) == 2
    assert 'recam/stage.json is damaged' in html and f'{image_id}.png: not a readable' in html
    assert 'out of memory &lt;here&gt;' in html and 'Failed: the boundary stage' in html
    assert content['headline']['stopped'] == ['the segmentation stage']  # nothing runs there
    assert content['table_images']['predictions'] == 3


def test_hostile_names_stay_text(tmp_path):
    names = [HOSTILE + str(k) for k in range(20)]
    work = make_work_dir(tmp_path, train=2, val=1, size=32, classes=names)
    overview = json.loads((work / 'pipeline.json').read_text())
    overview.update(title=HOSTILE, environment={'MMWSSS_TOY': HOSTILE}, config_path=HOSTILE,
                    code_version=dict(mmwsss=HOSTILE))
    overview['stages'][2]['title'] = HOSTILE
    (work / 'pipeline.json').write_text(json.dumps(overview))
    write_stage(work, 'check', status='failed', error=HOSTILE, why=HOSTILE, device=HOSTILE,
                commands=[['python', HOSTILE]], environment={HOSTILE: HOSTILE},
                key_figure=dict(name=HOSTILE, value=1, unit=HOSTILE), figures={HOSTILE: 1},
                inputs={HOSTILE: {'path': HOSTILE, 'fingerprint': HOSTILE, 'from': None}},
                packages={HOSTILE: HOSTILE}, config=HOSTILE,
                attempts=[dict(started=HOSTILE, why=HOSTILE, status=HOSTILE)] * 2)
    content, html = make(work)
    page = check_page(html)
    assert {'script', 'iframe'}.isdisjoint(page.tags)
    assert all(picture['src'].startswith('data:image/') for picture in page.pictures)
    assert '<script' not in html and '{{ 7 * 7 }}' in html
    # Every name is still there, as text.
    assert HOSTILE in page.text
    shown = ' '.join(page.text)
    assert all(row['name'] in shown for row in content['table']['rows'])


def test_versions_of_labels(work):
    store = LabelStore(work / 'stages/walk/labels')
    ids = store.ids()
    counts = []
    for version in range(1, 11):
        if version > 1:
            for image_id in ids:
                labels = store.read(image_id).copy()
                labels[:version] = 12
                store.write(version, image_id, labels)
            store.commit(version, ids)
        every = np.concatenate([store.read(image_id).ravel() for image_id in ids])
        counts.append(100 * sum(value == 12 for value in every.tolist()) / every.size)
    table = report_content(read_run(work), 1)['versions'][1]
    assert table['title'] == 'the walk stage' and table['left_out'] == 2
    shown = [version['number'] for version in table['versions']]
    assert shown[0] == 1 and shown[-1] == 10 and len(shown) == 8
    assert [version['current'] for version in table['versions']] == [False] * 7 + [True]
    dog = next(row for row in table['rows'] if row['name'] == 'dog')
    assert dog['shares'] == pytest.approx([counts[number - 1] for number in shown])


def test_labels_updated_by_the_training_are_found(work):
    run = work / 'stages/segmentation/run'
    shutil.copytree(work / 'stages/walk/labels', run / 'labels')
    shutil.copy(work / 'stages/graph/graph.png', run / 'label_versions.png')
    content, html = make(work)
    check_page(html)
    assert [table['title'] for table in content['versions']] == [
        'the seeds stage', 'the walk stage', 'the segmentation stage']
    assert content['strip'] is not None and 'over the versions' in html


def test_full_disk_leaves_the_old_report(work, monkeypatch):
    make(work)
    before = (work / 'report.html').read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.replace', full)
    with pytest.raises(OSError, match='No space'):
        make(work)
    assert (work / 'report.html').read_bytes() == before and not list(work.glob('.tmp-*'))


def run_tool(*args):
    return subprocess.run([sys.executable, ROOT / 'tools' / 'make_report.py', *map(str, args)],
                          capture_output=True, text=True)


def call_tool(*args):
    """The same in this process, which has imported what it needs."""
    spec = importlib.util.spec_from_file_location('make_report', ROOT / 'tools/make_report.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main([str(arg) for arg in args])


def test_command_of_a_pipeline(work):
    done = run_tool(work)
    assert done.returncode == 0, done.stderr
    assert 'predictions' in done.stdout and f'wrote {work}/report.html' in done.stdout
    check_page((work / 'report.html').read_text())


def test_command_says_what_is_wrong(tmp_path, capsys):
    assert call_tool(tmp_path) == 2
    assert 'has no pipeline.json' in capsys.readouterr().err
    (tmp_path / 'pipeline.json').write_text('[]')
    assert call_tool(tmp_path) == 2
    assert 'pipeline.json is damaged' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call_tool(tmp_path, '--data', tmp_path)
    assert 'needs both' in capsys.readouterr().err


def test_class_graph_is_text_and_a_damaged_one_is_noted(whole):
    root, work = whole
    content, html = make(work)
    assert html.count('Strongest links between classes') == 2
    assert len(content['graph']['drawn']['nearest']) == 20
    path = work / 'stages/graph/graph.npz'
    kept = path.read_bytes()
    try:
        path.write_bytes(b'cut')
        content, html = make(work)
    finally:
        path.write_bytes(kept)
    assert any('class graph' in note for note in content['notes'])
    assert 'Strongest links between classes' not in html and 'Heat map and coupling' in html
