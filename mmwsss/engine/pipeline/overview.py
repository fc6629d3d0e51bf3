"""``pipeline.json``: what a work directory is about, for the report and for whoever finds it."""
from pathlib import Path

from .fingerprints import PACKAGE, code_digest
from .machine import git_commit, settings
from .record import now, write_json
from .workspace import NotReadyError, Workspace


def write_overview(space: Workspace, config_path: str, command: str, gpus: int) -> None:
    """Write it, if it says something new.

    Args:
        space: the pipeline in its work directory.
        config_path: the pipeline file as given.
        command: the exact command.
        gpus: processes.
    """
    from mmwsss.version import __version__
    pipeline, data = space.pipeline, space.data()
    try:
        classes, edges = list(space.classes()), space.edges()
    except NotReadyError:
        classes, edges = [], []
    write_json(space.work / 'pipeline.json', dict(
        name=pipeline.name, title=pipeline.title,
        stages=[dict(name=stage.name, title=stage.title, kind=stage.kind,
                     description=stage.description) for stage in pipeline.stages],
        edges=[list(edge) for edge in edges],
        data=dict(data, classes=classes, num_classes=1 + len(classes)),
        command=command, environment=settings(),
        code_version=dict(mmwsss=__version__, digest=code_digest(whole=True),
                          git=git_commit(Path(PACKAGE).parent)),
        seed=space.seed, gpus=gpus, created=now(), config_path=config_path))
