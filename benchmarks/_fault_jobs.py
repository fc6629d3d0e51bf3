"""Small jobs for faults.py, each run in a forked process so that it can be killed.

The parent has imported everything; a job starts in milliseconds and takes seconds.
"""
import hashlib
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.runner import runner as mmengine_runner

import mmwsss  # noqa: F401  (registers)
from mmwsss.engine import launch, load_checkpoint_safely, use_safe_loading
from mmwsss.engine.resume import step_files
from mmwsss.engine.work_dir_lock import lock_work_dir
from mmwsss.labels import ActivationStore, LabelStore

ROOT = Path(__file__).resolve().parents[1]
FORK = multiprocessing.get_context('fork')
ITERATIONS = 10
# An epoch is 3 iterations (6 images, batch 2): updates after 3, 6 and 9, checkpoints after 2, 4...
SEGMENTOR = {
    'model.backbone.base_channels': 4, 'model.backbone.stem_channels': 4,
    'model.decode_head.in_channels': 32, 'model.decode_head.channels': 8,
    'model.data_preprocessor.size': (32, 32),
    'train_dataloader.batch_size': 2, 'train_cfg.max_iters': ITERATIONS,
    'train_dataloader.dataset.pipeline.2.crop_size': (32, 32),
    'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None,
    'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.max_keep_ckpts': 3,
    'randomness': dict(seed=1, deterministic=True), 'log_level': 'WARNING'}


@HOOKS.register_module(force=True)
class FillDisk(Hook):
    """From an iteration on, files cannot grow beyond ``limit`` bytes."""

    priority = 'HIGHEST'

    def __init__(self, iteration: int, limit: int):
        self.iteration, self.limit = iteration, limit

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))


class Job:
    """A process that runs a function and tells how it ended.

    Args:
        function, arguments: what it runs.
        log: file that takes what it prints.
    """

    def __init__(self, function, *arguments, log: Path):
        self.messages, child = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=_run, args=(function, arguments, child, log))
        self.process.start()
        child.close()

    def wait(self, seconds: float = 300) -> str:
        """How it ended: '' if well, 'killed', or its error."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.kill()
            return f'still running after {seconds} s'
        if self.process.exitcode == -signal.SIGKILL:
            return 'killed'
        try:
            return self.messages.recv() if self.messages.poll() else f'{self.process.exitcode}'
        except EOFError:
            return f'ended with {self.process.exitcode}'

    def kill(self) -> None:
        """kill -9."""
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def _run(function, arguments, messages, log: Path) -> None:
    with open(log, 'ab') as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    torch.set_num_threads(1)
    # mmengine asks git and compilers for versions and formats its config for every checkpoint
    Config.pretty_text = property(lambda self: '')
    mmengine_runner.collect_env = lambda: {}
    mmengine_runner.get_git_hash = lambda: ''
    try:
        function(*arguments)
        messages.send('')
    except BaseException as error:
        messages.send(f'{type(error).__name__}: {error}')
        sys.stdout.flush()
        os._exit(1)
    os._exit(0)


def train(data: Path, work_dir: Path, source: str, options: dict, rank: int | None = None,
          port: int = 0) -> None:
    """Train the segmentor with label updates; of two processes if ``rank`` is given."""
    os.environ['MMWSSS_TOY'] = str(data)
    cfg = Config.fromfile(ROOT / 'configs/mc/deeplabv2_r18_mc_toy.py')
    cfg.merge_from_dict(SEGMENTOR)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator', 'test_cfg', 'test_dataloader',
                'test_evaluator'):
        cfg[key] = None
    cfg.merge_from_dict({'custom_hooks.2.source': source, 'custom_hooks.2.shown': 2,
                         # every prediction counts: updates that change a lot
                         'custom_hooks.2.image_classes': None,
                         'custom_hooks.2.min_confidence': None})
    extra = options.pop('hooks', [])
    cfg.merge_from_dict(options)
    cfg.custom_hooks += extra
    cfg.work_dir, cfg.launcher = str(work_dir), 'none'
    if rank is not None:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2',
                          MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        cfg.launcher = 'pytorch'
    lock = lock_work_dir(cfg.work_dir) if rank in (None, 0) else None
    use_safe_loading()
    launch.fit_to_machine(cfg)
    Runner.from_cfg(cfg).train()
    if lock is not None:
        lock.close()


def extract(data: Path, work_dir: Path) -> None:
    """Write the activation maps of a classifier that nothing has trained."""
    os.environ['MMWSSS_TOY'] = str(data)
    store = str(work_dir / 'activations')
    cfg = Config.fromfile(ROOT / 'configs/recam/cam_r18_toy.py')
    cfg.merge_from_dict({
        'model.backbone.base_channels': 4, 'model.backbone.stem_channels': 4,
        'model.head.in_channels': 32, 'randomness': dict(seed=1), 'log_level': 'WARNING',
        'test_dataloader.dataset.skip_stored': store, 'test_evaluator.out': store})
    for key in ('train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'val_cfg',
                'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    cfg.custom_hooks, cfg.work_dir = [], str(work_dir)
    Runner.from_cfg(cfg).test()


def labels_digest(work_dir: Path) -> str:
    """Of the labels that the last checkpoint names."""
    store = LabelStore(work_dir / 'labels')
    version = last_checkpoint(work_dir)['label_versions']['version']
    digest = hashlib.sha256(str(version).encode())
    for image_id in store.ids(version):
        digest.update(store.read(image_id, version).tobytes())
    return digest.hexdigest()


def weights_digest(work_dir: Path) -> str:
    """Of the weights of the last checkpoint."""
    digest = hashlib.sha256()
    for key, value in sorted(last_checkpoint(work_dir)['state_dict'].items()):
        digest.update(key.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def maps_digest(work_dir: Path) -> str:
    """Of all activation maps."""
    store = ActivationStore(work_dir / 'activations')
    digest = hashlib.sha256()
    for image_id in store.ids():
        classes, maps = store.read(image_id)
        digest.update(f'{image_id} {list(classes)}'.encode() + maps.numpy().tobytes())
    return digest.hexdigest()


def last_checkpoint(work_dir: Path) -> dict:
    """The one with the most iterations."""
    return load_checkpoint_safely(max(step_files(str(work_dir)))[1])


def unreadable(work_dir: Path) -> list[str]:
    """What a reader would stumble over: checkpoints, label maps, activation maps, pointers."""
    problems = []
    for check in (_read_checkpoints, _read_labels, _read_maps):
        try:
            check(work_dir)
        except Exception as error:  # whatever it is, the reader would meet it
            problems.append(f'{type(error).__name__}: {error}')
    return problems


def _read_checkpoints(work_dir: Path) -> None:
    for _, path in step_files(str(work_dir)):
        load_checkpoint_safely(path)
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        load_checkpoint_safely(pointer.read_text())


def _read_labels(work_dir: Path) -> None:
    if not (work_dir / 'labels/store.json').exists():
        return
    store = LabelStore(work_dir / 'labels')
    for version in store.versions:
        for image_id in store.ids(version):
            store.read(image_id, version)
    if store.versions and store.current is None and len(store.versions) > 1:
        raise ValueError('several versions but none current')


def _read_maps(work_dir: Path) -> None:
    if not (work_dir / 'activations/store.json').exists():
        return
    store = ActivationStore(work_dir / 'activations')
    for image_id in store.ids():
        store.read(image_id)
