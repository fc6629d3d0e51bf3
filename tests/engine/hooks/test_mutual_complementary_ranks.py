"""Two processes update labels together: the same labels as one process makes."""
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmwsss.engine import launch
from mmwsss.labels import LabelStore
from tests.engine import tiny
from tests.engine.label_updates import oracle
from tests.processes import run_ranks


def train(rank, root, hook, failing):
    Config.pretty_text = property(lambda self: '')
    cfg = Config.fromfile(root / 'tiny.py')
    cfg.merge_from_dict(oracle.options(hook, 0., **{'train_dataloader.batch_size': 2}))
    cfg.work_dir, cfg.launcher, cfg.log_level = str(root / 'work'), 'pytorch', 'ERROR'
    launch.fit_to_machine(cfg)
    if failing and rank == 1:
        def full(*args, **kwargs):
            raise OSError(28, 'No space left on device')
        LabelStore.carry_over = LabelStore.write = full
    try:
        Runner.from_cfg(cfg).train()
        text = ''
    except Exception as error:
        text = f'{type(error).__name__}: {error}'
    (root / f'end_{rank}').write_text(text)


def run(root, hook, failing=False):
    oracle.weaken(tiny.make_data(root / 'data'))
    tiny.write_config(root, root / 'data', iters=4, val_interval=99)
    run_ranks(train, root, hook, failing)
    return [(root / f'end_{rank}').read_text() for rank in (0, 1)]


@pytest.mark.parametrize('source', ['inference', 'online'])
def test_two_ranks_share_an_update(tmp_path, source):
    assert run(tmp_path, dict(source=source)) == ['', '']
    store = LabelStore(tmp_path / 'work/labels')
    assert store.versions == [1, 2]
    for name in store.ids():
        labels, said = oracle.weak(tmp_path / 'data', name), oracle.predicted(
            tmp_path / 'data', name)
        expected = np.where(said > 0, said, labels)
        new = store.read(name, 2)
        if source == 'inference':
            np.testing.assert_array_equal(new, expected)
        else:  # crops do not cover all
            assert np.isin(new == expected, [True]).mean() > 0.6
            assert ((new == expected) | (new == labels)).all()


def test_an_error_on_one_rank_is_told_to_the_other(tmp_path):
    first, second = run(tmp_path, {}, failing=True)
    assert 'No space left' in second and second.startswith('OSError')
    assert first.startswith('RuntimeError') and 'rank 1: OSError' in first
