"""The command lines of a stage."""
import os.path as osp
import shlex
import socket

from .workspace import Prepared, Workspace, python


def main_command(space: Workspace, prepared: Prepared, gpus: int = 1,
                 slurm: str | None = None) -> list[str]:
    """What trains, tests or calls the tool.

    Args:
        space, prepared: the stage.
        gpus: processes: ``tools/dist_*.sh`` (torchrun) for more than one; gloo without GPUs.
        slurm: a partition: ``tools/slurm_*.sh`` instead.
    """
    stage = prepared.stage
    if stage.kind == 'tool':
        return [python(), space.script(stage.script), *prepared.args]
    config = [str(prepared.config_path)]
    if stage.kind == 'test':
        config.append(prepared.inputs.get('checkpoint', 'none'))
    options = ['--work-dir', str(prepared.run_dir), *prepared.args]
    if stage.kind == 'train':
        options.append('--resume')
    if slurm is not None:
        script = space.script(f'tools/slurm_{stage.kind}.sh')
        return ['bash', script, slurm, f'{space.pipeline.name}-{stage.name}', *config, *options]
    if gpus > 1:
        return ['bash', space.script(f'tools/dist_{stage.kind}.sh'), *config, str(gpus), *options]
    return [python(), space.script(f'tools/{stage.kind}.py'), *config, *options]


def judge_command(space: Workspace, prepared: Prepared) -> list[str] | None:
    """What compares its maps or labels with masks; None where there are none."""
    args = space.judging(prepared)
    if args is None:
        return None
    return [python(), space.script('tools/evaluate_labels.py'), *args]


def launcher_environment(gpus: int, slurm: str | None) -> dict[str, str]:
    """Variables that ``dist_*.sh`` and ``slurm_*.sh`` read."""
    if slurm is not None:
        return dict(PYTHON=python(), GPUS=str(gpus))
    return dict(PYTHON=python(), PORT=str(_free_port())) if gpus > 1 else {}


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def shown(command: list[str]) -> str:
    """A command as one would type it: paths below the current directory are relative."""
    def short(word: str) -> str:
        if osp.isabs(word):
            relative = osp.relpath(word)
            return word if relative.startswith('..') else relative
        return word
    return ' '.join(shlex.quote(short(word)) for word in command)
