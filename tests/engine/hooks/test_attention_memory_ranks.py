"""Two processes train P-GNN on whole groups, with one attention memory and equal weights."""
import pytest
import torch
from mmengine.runner import Runner

from mmwsss.engine import launch
from mmwsss.engine.attention_memory import AttentionMemory
from tests.processes import run_ranks

from .test_attention_memory_hook import (  # noqa: F401
    Record,
    check_what_samples_get,
    config,
    data_root,
    run,
)


def train(rank, root, work_dir):
    cfg = config(root, work_dir, **{'train_dataloader.batch_size': 2, 'launcher': 'pytorch'})
    launch.fit_to_machine(cfg)
    runner, record = Runner.from_cfg(cfg), Record()
    runner.register_hook(record)
    runner.train()
    check_what_samples_get(AttentionMemory(work_dir / 'attention', ['a', 'b']), record)
    torch.save(dict(
        weights=runner.model.module.state_dict(), losses=record.losses,
        seen=[[(s.sample_idx.position, s.image_id, s.gt_label.tolist(),
                s.attention if 'attention' in s else None,
                s.attention_classes if 'attention' in s else None) for s in samples]
              for samples in record.samples]), work_dir / f'rank_{rank}.pt')


@pytest.fixture(scope='module')
def ranks(data_root, tmp_path_factory):  # noqa: F811
    work_dir = tmp_path_factory.mktemp('ranks')
    run_ranks(train, data_root, work_dir)
    return work_dir, [torch.load(work_dir / f'rank_{rank}.pt') for rank in (0, 1)]


def test_ranks_train_on_whole_groups_of_one_stream(ranks, data_root, tmp_path):  # noqa: F811
    _, (first, second) = ranks
    for step in first['seen'] + second['seen']:
        assert len(step) == 2 and set(step[0][2]) & set(step[1][2])
    _, alone = run(data_root, tmp_path / 'alone')
    for samples, *shares in zip(alone.samples, first['seen'], second['seen']):
        assert {s.sample_idx.position: s.image_id for s in samples} == {
            position: name for share in shares for position, name, *_ in share}


def test_ranks_have_equal_weights_and_read_one_memory(ranks):
    work_dir, both = ranks
    for name, value in both[0]['weights'].items():
        if 'running' not in name and 'num_batches' not in name:  # batch norm is not synchronised
            assert torch.equal(value, both[1]['weights'][name]), name
    memory = AttentionMemory(work_dir / 'attention', ['a', 'b'])
    assert memory.versions() == [1, 2]
    for rank in both:
        for step, samples in enumerate(rank['seen']):
            assert [sample[3] is not None for sample in samples] == [step >= 3] * 2
            assert (rank['losses'][step]['loss_keep'] > 0) is (step >= 3)
