"""Which checkpoint of a work directory to go on from."""
import os
import os.path as osp
import re
from typing import List, NamedTuple, Optional, Tuple

from .safe_load import CheckpointError, load_checkpoint_safely

POINTER = 'last_checkpoint'
_STEP = re.compile(r'^(?P<head>.*?)(?P<step>\d+)(?P<tail>\.pth)$')


class Resumable(NamedTuple):
    """The checkpoint to resume from and, of those newer, why they are not it."""

    path: Optional[str]
    skipped: List[Tuple[str, str]]


def newest_loadable(work_dir: str) -> Resumable:
    """The newest checkpoint of ``work_dir`` that loads and holds a training state.

    Args:
        work_dir (str): Where a run has written its checkpoints.

    Returns:
        Resumable: ``path`` is None if the folder has no checkpoint at all.

    Raises:
        CheckpointError: If there are checkpoints but none loads.
    """
    skipped: List[Tuple[str, str]] = []
    for path in candidates(work_dir):
        try:
            check_resumable(path)
            return Resumable(path, skipped)
        except (CheckpointError, FileNotFoundError) as e:
            skipped.append((path, str(e)))
    if skipped:
        reasons = '; '.join(reason for _, reason in skipped)
        raise CheckpointError(f'none of the {len(skipped)} checkpoints in {work_dir} can be '
                              f'resumed from: {reasons}. Start again without --resume')
    return Resumable(None, [])


def check_resumable(path: str) -> dict:
    """Load a checkpoint and make sure that training can go on from it.

    Raises:
        FileNotFoundError, CheckpointError: See :func:`load_checkpoint_safely`; also if the file
            holds weights only.
    """
    checkpoint = load_checkpoint_safely(path)
    for key in ('state_dict', 'meta', 'message_hub'):
        if not isinstance(checkpoint, dict) or key not in checkpoint:
            raise CheckpointError(
                f'checkpoint {path} holds weights but no training state ({key!r} is missing): '
                'start from it with --cfg-options load_from=... and no --resume')
    return checkpoint


def candidates(work_dir: str) -> List[str]:
    """Checkpoints of the last run in ``work_dir``, newest first.

    What ``last_checkpoint`` points to says which run that was: files with a higher step belong to
    it only if they are younger (the process died before it could move the pointer), else they are
    left over from an earlier, longer run and come last.
    """
    pointed = _pointed(work_dir)
    folder = osp.dirname(pointed) if pointed else work_dir
    files = step_files(folder, pointed)
    if pointed is None:
        return [path for _, path in sorted(files, reverse=True)]
    step = {p: s for s, p in files}.get(pointed)
    if step is None:
        return [pointed] + [path for _, path in sorted(files, reverse=True)]
    age = _mtime(pointed)
    newer = [f for f in files if f[0] > step and _mtime(f[1]) >= age]
    older = [f for f in files if f[0] < step]
    return [p for _, p in sorted(newer, reverse=True)] + [pointed] + \
        [p for _, p in sorted(older, reverse=True)]


def _pointed(work_dir: str) -> Optional[str]:
    """The file ``last_checkpoint`` names; looked for here too if the folder has moved."""
    try:
        with open(osp.join(work_dir, POINTER), encoding='utf-8', errors='replace') as f:
            path = f.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    moved = osp.join(work_dir, osp.basename(path))
    if path and not osp.exists(path) and osp.exists(moved):
        return moved
    return path or None


def step_files(folder: str, like: Optional[str] = None) -> List[Tuple[int, str]]:
    """(step, path) of the step checkpoints in ``folder``, named like ``like`` if that is given."""
    wanted = _STEP.match(osp.basename(like)) if like else None
    heads = {wanted['head']} if wanted else {'iter_', 'epoch_'}
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = [(m, name) for name in names for m in [_STEP.match(name)] if m]
    return [(int(m['step']), osp.join(folder, name)) for m, name in matches if m['head'] in heads]


def _mtime(path: str) -> float:
    try:
        return osp.getmtime(path)
    except OSError:
        return 0.
