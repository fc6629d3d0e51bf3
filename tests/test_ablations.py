"""The ablation runner: grids, claims and runs that survive kill -9, the arithmetic of tables."""
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from .paths import ROOT

sys.path.insert(0, str(ROOT / 'benchmarks'))

from ablations import cli, tables  # noqa: E402
from ablations.claims import Claims  # noqa: E402
from ablations.grid import GRIDS, read_grid  # noqa: E402
from ablations.runs import Run, Step, all_runs  # noqa: E402

SCRIPT = ROOT / 'benchmarks/ablations/run.py'
SHIPPED = sorted(path.stem for path in GRIDS.glob('*.py') if not path.stem.startswith('_'))
# Notes its beginning and its end, and waits as long as there is a file HOLD_<name>.
PROGRAM = """
import json, sys, time
from pathlib import Path
folder, name, score = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
def note(word):
    with open(folder / 'events', 'a') as file:
        file.write(f'{word} {name}\\n')
note('begin')
while (folder / f'HOLD_{name}').exists():
    time.sleep(0.05)
if (folder / f'BREAK_{name}').exists():
    sys.exit('broken for the test')
Path(sys.argv[4], 'scores.json').write_text(json.dumps({'background': 90.0, 'cat': score}))
note('end')
"""


def write_grid(folder, text):
    path = folder / 'grid.py'
    path.write_text(textwrap.dedent(text))
    return str(path)


@pytest.fixture
def commands(tmp_path):
    """A grid of three commands, the third of which needs the second; their events; its path."""
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    start = [sys.executable, str(program), str(tmp_path)]
    entries = {
        'plain': [*start, 'plain_s{seed}', '1{seed}', '{run}'],
        'maps': [*start, 'maps_s{seed}', '2{seed}', '{run}'],
        'student': [*start, 'student_s{seed}', '3{seed}', '{run}', '{run:maps}'],
    }
    entries = {name: dict(kind='command', command=command) for name, command in entries.items()}
    return write_grid(tmp_path, f"""
        entries = {entries!r}
        control = 'plain'
        classes = ['cat']
        seeds = [0, 1]
        """)


def events(folder):
    return (folder / 'events').read_text().splitlines() if (folder / 'events').exists() else []


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError('waited for a minute')


# Grids


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_grids_can_be_read_and_name_configs_that_are_there(name):
    grid = read_grid(name)
    seen = set()
    for entry_name in grid.closure():
        entry = grid.entries[entry_name]
        program = entry.command[1] if entry.kind == 'command' else entry.config
        assert (ROOT / program).is_file()
        assert set(entry.needs) <= seen, 'needs come first'
        seen.add(entry_name)
    assert seen >= set(grid.rows)
    assert any(grid.control_of(row) in grid.entries for row in grid.rows)


def test_the_toy_grid_is_resolved_with_paths_and_seed(tmp_path):
    runs = {run.name: run for run in all_runs(read_grid('toy'), [7], tmp_path)}
    student = runs['grm_s7']
    assert [need.name for need in student.needs] == ['labels_s7']
    student.folder.mkdir(parents=True)
    student.write_configs()
    text = (student.folder / 'config_train.py').read_text()
    assert f'{tmp_path}/runs/labels_s7/labels' in text and 'seed=7' in text
    assert 'val_dataloader = None' in text and 'max_iters=4' in text
    assert student.steps[1].command[3] == f'{tmp_path}/runs/grm_s7/train/iter_4.pth'
    maps = runs['cam_s7']
    assert maps.config('test').test_evaluator.out == '{run}/maps'
    other = {run.name: run for run in all_runs(read_grid('toy'), [8], tmp_path)}
    assert other['grm_s8'].recipe() == student.recipe()
    changed = read_grid('toy', options={'model.decode_head.channels': 8})
    assert all_runs(changed, [7], tmp_path, ['grm'])[-1].recipe() != student.recipe()


@pytest.mark.parametrize('entries, message', [
    ("dict(a=dict(kind='dance', config='c'))", "'dance' must be one of"),
    ("dict(a=dict(kind='segmentation', config='c', optoins={}))", 'optoins'),
    ("dict(a=dict(kind='segmentation'))", 'needs config='),
    ("dict(a=dict(kind='scores', config='c'))", 'needs checkpoint='),
    ("dict(a=dict(kind='segmentation', config='{labels:b}', env=dict(X='{labels:b}')))",
     "no entry 'b'"),
    ("dict(a=dict(kind='command', command=['{run:b}']), b=dict(kind='command', "
     "command=['{run:a}']))", 'a needs b needs a'),
    ("dict(a=dict(kind='classifier', config='c'))", 'gt= and ids='),
    ("dict(a=dict(kind='command', command=['x'], control='z'))", "no entry 'z'"),
])
def test_mistakes_in_a_grid_are_named(tmp_path, entries, message):
    with pytest.raises(ValueError, match=message):
        read_grid(write_grid(tmp_path, f'entries = {entries}'))


# Claims and resuming


def test_a_claim_ends_with_its_process(tmp_path):
    code = (f'import sys, time; sys.path.insert(0, {str(ROOT / "benchmarks")!r})\n'
            'from ablations.claims import Claims\nfrom pathlib import Path\n'
            f'with Claims(Path({str(tmp_path)!r})).claim("job") as mine:\n'
            '    print(mine, flush=True); time.sleep(600)')
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == 'True\n'
        claims = Claims(tmp_path)
        with claims.claim('job') as mine, claims.claim('another') as other:
            assert not mine and other
        assert claims.holder('job')['pid'] == process.pid
        assert claims.holder('another') is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert claims.holder('job') is None
    with claims.claim('job') as mine:
        assert mine


def test_a_command_may_make_a_file_for_a_row(tmp_path):
    program = """
import json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
target.write_text(json.dumps({'cat': float(source.read_text())}))
"""
    (tmp_path / 'program.py').write_text(program)
    write = 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text("4{seed}")'
    path = write_grid(tmp_path, f"""
        entries = dict(
            number=dict(kind='command', command=['python', '-c', {write!r}, '{{run}}/number.txt']),
            row=dict(kind='command', command=['python', {str(tmp_path / 'program.py')!r},
                     '{{run:number}}/number.txt', '{{run}}/scores.json']))
        rows = ['row']
        classes = ['cat']
        seeds = [2]
        """)
    command = [sys.executable, str(SCRIPT), path, '--out', str(tmp_path / 'out')]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    text = (tmp_path / 'out/tables/grid.md').read_text()
    assert '42.00' in text and 'number' not in text
    # A row without scores is refused.
    bad = write_grid(tmp_path, f"""
        entries = dict(row=dict(kind='command', command=['python', '-c', {write!r}, '{{run}}/x']))
        classes = ['cat']
        """)
    command = [sys.executable, str(SCRIPT), bad, '--out', str(tmp_path / 'bad')]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1 and 'wrote no' in ended.stdout + ended.stderr


def test_killed_grids_go_on_and_processes_share_them(tmp_path, commands):
    out = tmp_path / 'out'
    command = [sys.executable, str(SCRIPT), commands, '--out', str(out)]
    (tmp_path / 'HOLD_maps_s0').touch()
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: 'begin maps_s0' in events(tmp_path))
    assert events(tmp_path) == ['begin plain_s0', 'end plain_s0', 'begin maps_s0']
    attempt = (out / 'runs/maps_s0/steps/command.attempts').read_text()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    # Its command ends with it, though it still has to hold.
    wait_for(lambda: not os.path.exists(f'/proc/{json.loads(attempt)["pid"]}'))
    assert not (out / 'runs/maps_s0/result.json').exists()
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: events(tmp_path).count('begin maps_s0') == 2)
    third = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: 'end plain_s1' in events(tmp_path))  # by the third, while the second waits
    (tmp_path / 'HOLD_maps_s0').unlink()
    assert second.wait(120) == 0 and third.wait(120) == 0

    seen = events(tmp_path)
    assert sorted(seen) == sorted([f'{word} {name}_s{seed}' for word in ('begin', 'end')
                                   for name in ('plain', 'maps', 'student') for seed in (0, 1)]
                                  + ['begin maps_s0'])
    for seed in (0, 1):
        assert seen.index(f'end maps_s{seed}') < seen.index(f'begin student_s{seed}')
    result = json.loads((out / 'runs/maps_s0/result.json').read_text())
    assert result['attempts'] == 2 and result['seed'] == 0 and not result['mixed']
    assert result['steps']['command']['command'].startswith(sys.executable)
    assert result['packages']['torch'] and result['code'] and result['seconds'] > 0
    told = json.loads((out / 'tables/grid.json').read_text())
    row = {row['name']: row for row in told['rows']}['student']
    assert row['differences'] == [20.0, 20.0]  # 30 - 10, 31 - 11
    assert {row['name']: row['resumed'] for row in told['rows']} == dict(
        plain=0, maps=1, student=0)


def test_failures_stop_what_needs_them_and_nothing_else(tmp_path, commands, capsys):
    out = tmp_path / 'out'
    (tmp_path / 'BREAK_maps_s0').touch()
    args = [commands, '--out', str(out), '--seeds', '0']
    assert cli.main(args) == 1
    told = capsys.readouterr()
    assert 'broken for the test' in told.err and 'student_s0: needs maps_s0' in told.err
    assert 'end plain_s0' in events(tmp_path) and 'begin student_s0' not in events(tmp_path)
    assert cli.main([*args, '--status']) == 0
    assert 'maps_s0: failed' in capsys.readouterr().out
    (tmp_path / 'BREAK_maps_s0').unlink()
    assert cli.main(args) == 0
    assert events(tmp_path).count('begin plain_s0') == 1


def test_steps_that_are_done_are_not_repeated(tmp_path, commands, monkeypatch):
    def two_steps(made):
        start = [sys.executable, str(tmp_path / 'program.py'), str(tmp_path)]
        return [Step(name, [*start, name, '1', str(made.folder)]) for name in ('first', 'second')]

    monkeypatch.setattr(Run, 'steps', property(two_steps))
    args = [commands, '--out', str(tmp_path / 'out'), '--seeds', '0', '--entries', 'plain']
    (tmp_path / 'BREAK_second').touch()
    assert cli.main(args) == 1
    (tmp_path / 'BREAK_second').unlink()
    assert cli.main(args) == 0
    assert events(tmp_path) == [
        'begin first', 'end first', 'begin second', 'begin second', 'end second']


def test_runs_of_another_recipe_are_refused_kept_or_set_aside(tmp_path, commands, capsys):
    out = tmp_path / 'out'
    args = [commands, '--out', str(out), '--seeds', '0']
    assert cli.main(args) == 0
    text = (tmp_path / 'grid.py').read_text()
    (tmp_path / 'grid.py').write_text(text.replace("'2{seed}'", "'5{seed}'"))
    assert cli.main(args) == 2
    told = capsys.readouterr().err
    assert 'maps_s0' in told and 'student_s0' in told and 'plain_s0' not in told
    assert cli.main([*args, '--table']) == 2
    assert cli.main([*args, '--table', '--allow-mixed']) == 0
    assert 'variables say: maps_s0' in capsys.readouterr().out
    assert cli.main([*args, '--redo']) == 0
    assert sorted(path.name.split('.')[0] for path in (out / 'aside').iterdir()) == [
        'maps_s0', 'student_s0']
    assert events(tmp_path).count('begin maps_s0') == 2
    assert events(tmp_path).count('begin plain_s0') == 1


# Tables


def test_the_table_against_numpy(tmp_path):
    grid = read_grid(write_grid(tmp_path, """
        entries = {name: dict(kind='command', command=['x']) for name in ('plain', 'grm', 'one')}
        control = 'plain'
        classes = ['background', 'cat']
        """))
    rng = np.random.default_rng(0)
    classes, seeds = ['background', 'cat', 'bus'], {'plain': 4, 'grm': 5, 'one': 1}
    ious = {name: rng.uniform(20, 90, (count, 3)) for name, count in seeds.items()}
    for made in all_runs(grid, range(5), tmp_path):
        values = ious[made.entry.name]
        if made.seed < len(values):
            made.folder.mkdir(parents=True)
            (made.folder / 'result.json').write_text(json.dumps(dict(
                code='c', commit='d', recipe=made.recipe(), mixed=False,
                seconds=10. + made.seed, attempts=1 + (made.seed == 2), metrics=dict(
                    figures={}, iou=dict(zip(classes, values[made.seed]))))))
    told = tables.table(grid, range(5), tmp_path)
    assert told['mixed'] == []
    rows = {row['name']: row for row in told['rows']}
    seven = {name: values[:, :2].sum(axis=1) / 2 for name, values in ious.items()}
    for name, row in rows.items():
        for metric, values in (('miou', seven[name]), ('miou_all', ious[name].mean(axis=1))):
            assert row['metrics'][metric]['mean'] == pytest.approx(values.mean())
            if len(values) > 1:
                assert row['metrics'][metric]['std'] == pytest.approx(
                    np.sqrt(((values - values.mean())**2).sum() / (len(values) - 1)))
    gain = seven['grm'][:4] - seven['plain']
    error = np.sqrt(((gain - gain.mean())**2).sum() / 3) / 2  # over the root of four seeds
    assert rows['grm']['differences'] == pytest.approx(list(gain))
    assert rows['grm']['difference']['mean'] == pytest.approx(gain.mean())
    assert rows['grm']['difference']['error'] == pytest.approx(error)
    assert rows['grm']['beyond_noise'] == (abs(gain.mean()) > 2 * error)
    assert rows['one']['beyond_noise'] is None and rows['plain']['differences'] == []
    assert rows['grm']['seconds']['mean'] == pytest.approx((10 + 11 + 13 + 14) / 4)
    text = tables.markdown(told)
    line = next(line for line in text.splitlines() if line.startswith('| grm '))
    assert f'{gain.mean():+.2f} ± {error:.2f}' in line and '| 12*' in line


@pytest.mark.parametrize('values, beyond', [
    ([1., 1.2, 1.1], True), ([1., -1., 1.1], False), ([2., -0.5, 1.], False),
    ([-1., -1.2, -1.1], True), ([5.], None)])
def test_beyond_noise(values, beyond):
    assert tables.beyond_noise(values) is beyond


def test_maps_of_a_grid_are_summed_up_from_their_rates(tmp_path):
    grid = read_grid(write_grid(tmp_path, """
        entries = {name: dict(kind='given', path='x') for name in ('cam', 'recam')}
        control, classes, gt, ids = 'cam', ['background', 'cat'], 'g', 'i'
        """))
    rng = np.random.default_rng(1)
    rates = {}
    for made in all_runs(grid, [0], tmp_path):
        rates[made.entry.name] = {name: rng.uniform(0, 100, (256, 21))
                                  for name in ('iou', 'precision', 'recall')}
        made.folder.mkdir(parents=True)
        np.savez(made.folder / 'rates.npz', ignored=3., **rates[made.entry.name])
        (made.folder / 'result.json').write_text(json.dumps(dict(
            seconds=0., attempts=1, commit=None, metrics=dict(figures={}, rates='rates.npz'))))
    rows = {row['name']: row for row in tables.table(grid, [0], tmp_path)['rows']}
    cat = 8
    best = {name: max(range(256), key=lambda t: (r['iou'][t, 0] + r['iou'][t, cat]) / 2)
            for name, r in rates.items()}
    score = {name: (r['iou'][best[name], 0] + r['iou'][best[name], cat]) / 2
             for name, r in rates.items()}
    assert rows['recam']['differences'] == pytest.approx([score['recam'] - score['cam']])
    assert rows['cam']['metrics']['miou']['mean'] == pytest.approx(score['cam'])
    bound = rates['cam']['precision'][best['cam'], cat]
    recall = max(rates['recam']['recall'][t, cat] for t in range(256)
                 if rates['recam']['precision'][t, cat] >= bound)
    assert rows['recam']['metrics']['recall_at']['mean'] == pytest.approx(recall)


def test_labels_have_no_threshold_in_any_seed(tmp_path):
    grid = read_grid(write_grid(tmp_path, """
        entries = dict(walk=dict(kind='given', path='x'))
        classes, gt, ids = ['background', 'cat'], 'g', 'i'
        """))
    for made in all_runs(grid, [0, 1], tmp_path):
        made.folder.mkdir(parents=True)
        np.savez(made.folder / 'rates.npz', ignored=3., **{
            name: np.full((1, 21), 50. + made.seed) for name in ('iou', 'precision', 'recall')})
        (made.folder / 'result.json').write_text(json.dumps(dict(
            seconds=0., attempts=1, commit=None, metrics=dict(figures={}, rates='rates.npz'))))
    told = tables.table(grid, [0, 1], tmp_path)
    metrics = told['rows'][0]['metrics']
    assert metrics['threshold'] == dict(n=2, mean=None, std=None, error=None)
    assert metrics['miou']['mean'] == 50.5
    text = tables.write(told, tmp_path / 'tables').read_text()
    assert '| walk | 2 | 50.50 ± 0.71 |' in text
    json.loads((tmp_path / 'tables/grid.json').read_text(), parse_constant=pytest.fail)


def test_a_network_of_the_toy_grid(tmp_path, monkeypatch, capsys):
    from mmwsss.toy import ToySpec, write_toy_dataset
    write_toy_dataset(tmp_path / 'toy', ToySpec(train=4, val=2, height=64, width=64))
    monkeypatch.setenv('MMWSSS_TOY', str(tmp_path / 'toy'))
    grid = write_grid(tmp_path, f"""
        _base_ = {str(GRIDS / 'toy.py')!r}
        rows, classes = ['aspp_masks'], ['background']
        entries = dict(aspp_masks=dict(control=None))
        """)
    code = cli.main([grid, '--out', str(tmp_path / 'out'), '--seeds', '0'])
    told = capsys.readouterr()
    assert code == 0, told
    result = json.loads((tmp_path / 'out/runs/aspp_masks_s0/result.json').read_text())
    assert list(result['steps']) == ['train', 'test']
    assert 0 <= result['metrics']['iou']['background'] <= 100
    assert '| no module, masks | 1 |' in told.out
