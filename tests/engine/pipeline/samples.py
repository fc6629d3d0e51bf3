"""Pipelines of plain scripts, which run in a moment."""
import textwrap

from mmwsss.engine.pipeline import Settings, Workspace, build_pipeline, run_stage
from tests.paths import ROOT

# Copies a file in capitals, line by line and going on where it stopped; fails once at FAIL_AT.
SCRIPT = """
import os, sys
from pathlib import Path
source, target, log = map(Path, sys.argv[1:4])
done = target.read_text().splitlines() if target.exists() else []
for i, line in enumerate(source.read_text().splitlines()):
    if i < len(done):
        continue
    if str(i) == os.environ.get('FAIL_AT'):
        sys.exit('cannot go on')
    with open(log, 'a') as file:
        file.write(line)
    with open(target, 'a') as file:
        file.write(line.upper() + os.environ.get('ENDING', '') + '\\n')
(target.parent / 'figures.json').write_text('{"lines": %d, "table": [1]}' % (i + 1))
"""


class Sample:
    """Two stages, ``shout`` and ``again``, in a temporary folder."""

    def __init__(self, folder):
        self.folder = folder
        self.script = folder / 'shout.py'
        self.script.write_text(textwrap.dedent(SCRIPT))
        self.source = folder / 'words.txt'
        self.source.write_text('a\nb\nc\n')
        self.ending = '!'
        self.said = []

    def space(self) -> Workspace:
        stage = dict(
            tool=str(self.script), outputs=dict(out='out.txt', figures='figures.json'),
            key_figure=dict(metric='lines', name='lines'))
        stages = dict(
            shout=dict(stage, inputs=dict(words='{data.words}'), env=dict(ENDING=self.ending),
                       args=['{words}', '{out}', f'{self.folder}/log']),
            again=dict(stage, inputs=dict(words='{shout.out}'), title='the same once more',
                       args=['{words}', '{out}', f'{self.folder}/log']))
        pipeline = build_pipeline(
            dict(stages=stages, data=dict(root=str(self.folder), words=str(self.source))),
            str(self.folder / 'sample.py'))
        return Workspace(pipeline, self.folder / 'work', str(ROOT))

    def run(self, **options) -> list[bool]:
        """Run all; which stages did run."""
        space = self.space()
        space.work.mkdir(exist_ok=True)
        settings = Settings(say=self.said.append, **options)
        return [run_stage(space, stage, settings) for stage in space.pipeline.stages]

    def record(self, name='shout') -> dict:
        return self.space().prepare(self.space().pipeline.stage(name)).record.read()

    def out(self, name='again') -> str:
        return (self.folder / 'work' / 'stages' / name / 'out.txt').read_text()
