"""Stages run once, again for a reason, and go on where they stopped."""
import json
import os

import pytest

from mmwsss.engine.pipeline import StageFailedError, fingerprints, forecast, select, status
from mmwsss.engine.pipeline.overview import write_overview
from tests.engine.pipeline.samples import Sample


@pytest.fixture
def sample(tmp_path):
    return Sample(tmp_path)


def test_each_stage_runs_once_and_says_how_it_went(sample):
    assert sample.run() == [True, True]
    assert sample.out() == 'A!\nB!\nC!\n'
    assert sample.run() == [False, False]
    assert sample.said[-1] == 'again: nothing has changed, kept, lines 3'
    record = sample.record('again')
    assert record['status'] == 'done' and record['why'] == 'first run'
    assert record['key_figure'] == dict(name='lines', value=3, unit='')
    assert record['outputs']['out'] == 'stages/again/out.txt'
    assert record['inputs']['words']['from'] == 'shout.out'
    assert record['sizes']['out'] == 9 and record['figures'] == dict(lines=3)
    assert record['peak_memory_mb'] >= 0 and 'torch' in record['packages']
    assert [a['status'] for a in record['attempts']] == ['done']
    log = (sample.folder / 'work/stages/again/log.txt').read_text()
    assert log.startswith('$ ') and 'shout.py' in log


def test_changed_inputs_run_again_and_unchanged_results_stop_it_there(sample):
    sample.run()
    sample.source.write_text('a\nb\nc\n')
    assert sample.run() == [False, False]
    sample.source.write_text('A\nb\nc\n')  # the same in capitals
    assert sample.run() == [True, False]
    assert sample.record()['why'] == 'input changed: words'
    sample.source.write_text('d\n')
    assert sample.run() == [True, True]
    assert sample.out() == 'D!\n'


def test_changed_settings_and_code_run_again(sample):
    sample.run()
    sample.ending = '?'
    assert sample.run() == [True, True]
    assert sample.record()['why'] == 'settings changed'
    sample.script.write_text(sample.script.read_text() + '# only said\n')
    assert sample.run() == [False, False]
    sample.script.write_text(sample.script.read_text() + 'print(1)\n')
    assert sample.run(ignore_code=True) == [False, False]
    assert sample.run() == [True, True]  # both run this script
    assert sample.record()['why'] == 'code changed'


def test_a_failed_stage_goes_on_where_it_stopped(sample, monkeypatch):
    monkeypatch.setenv('FAIL_AT', '1')
    with pytest.raises(StageFailedError, match='(?s)shout.py.*cannot go on.*log.txt'):
        sample.run()
    assert sample.record()['status'] == 'failed' and 'cannot go on' in sample.record()['error']
    monkeypatch.delenv('FAIL_AT')
    assert sample.run() == [True, True]
    assert sample.out('shout') == 'A!\nB!\nC!\n'
    assert (sample.folder / 'log').read_text().startswith('abc')  # each once
    record = sample.record()
    assert [a['status'] for a in record['attempts']] == ['failed', 'done']
    assert record['attempts'][1]['resumed'] and record['why'] == 'it failed'
    assert record['error'] is None


def test_a_killed_stage_goes_on_but_not_from_other_settings(sample, monkeypatch):
    monkeypatch.setenv('FAIL_AT', '1')
    with pytest.raises(StageFailedError):
        sample.run()
    monkeypatch.delenv('FAIL_AT')
    path = sample.folder / 'work/stages/shout/stage.json'
    record = json.loads(path.read_text())
    record.update(status='running', finished=None)
    record['attempts'][-1].update(status='running', finished=None)
    path.write_text(json.dumps(record))
    space = sample.space()
    rows = status.rows(space, {}, in_use=False)
    assert rows[0][1] == 'stopped' and status.rows(space, {}, in_use=True)[0][1] == 'running'
    sample.run()
    assert [a['status'] for a in sample.record()['attempts']] == ['killed', 'done']
    path.write_text(json.dumps(record))
    sample.ending = '?'
    sample.run()
    assert sample.out('shout') == 'A?\nB?\nC?\n'  # nothing of the others was kept
    assert len(sample.record()['attempts']) == 1


def test_what_is_gone_or_damaged_is_made_again(sample):
    sample.run()
    os.unlink(sample.folder / 'work/stages/again/out.txt')
    assert sample.run() == [False, True]
    assert sample.record('again')['why'] == 'output gone: out'
    (sample.folder / 'work/stages/again/stage.json').write_text('{"na')
    assert sample.run() == [False, True]
    assert sample.run(force=True) == [True, True]


def test_missing_inputs_and_outputs_are_named(sample):
    os.unlink(sample.source)
    with pytest.raises(StageFailedError, match=r'lacks its input words \(.*words.txt\)'):
        sample.run()
    sample.source.write_text('a\n')
    sample.script.write_text('print(0)\n')
    with pytest.raises(StageFailedError, match='without making stages/shout/out.txt'):
        sample.run()


def test_forecast_and_table(sample):
    space = sample.space()
    assert forecast(space, space.pipeline.stages)['shout'] == 'first run'
    sample.run()
    assert set(forecast(sample.space(), space.pipeline.stages).values()) == {None}
    sample.source.write_text('z\n')
    reasons = forecast(sample.space(), space.pipeline.stages)
    assert reasons == dict(shout='input changed: words', again='if shout changes')
    table = status.text(status.rows(space, reasons, False)).splitlines()
    assert table[0].split()[:2] == ['stage', 'state']
    assert 'lines 3' in table[1] and table[1].endswith('input changed: words')
    assert [status.clock(s) for s in (5, 65, 3725)] == ['0:05', '1:05', '1:02:05']


def test_selection(sample):
    pipeline = sample.space().pipeline
    assert [s.name for s in select(pipeline)] == ['shout', 'again']
    assert [s.name for s in select(pipeline, start='again')] == ['again']
    assert [s.name for s in select(pipeline, until='shout')] == ['shout']
    assert [s.name for s in select(pipeline, only='again')] == ['again']
    for options, message in ((dict(start='again', until='shout'), 'comes before'),
                             (dict(only='again', until='shout'), 'without --from'),
                             (dict(only='shut'), 'no stage')):
        with pytest.raises(ValueError, match=message):
            select(pipeline, **options)


def test_overview(sample):
    space = sample.space()
    space.work.mkdir()
    write_overview(space, 'sample.py', 'python x', 2)
    content = json.loads((space.work / 'pipeline.json').read_text())
    assert [s['name'] for s in content['stages']] == ['shout', 'again']
    assert content['edges'] == [['shout', 'again', 'words']]
    assert content['data']['root'] == str(sample.folder) and content['gpus'] == 2
    assert len(content['code_version']['digest']) == 64


@pytest.fixture(autouse=True)
def one_package_digest():
    """The package is read once for all tests."""
    fingerprints._package_digest(False)
