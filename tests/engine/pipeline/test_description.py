"""What a pipeline file may say, and what it is told if it says something else."""
import pytest

from mmwsss.engine.pipeline import PipelineError, build_pipeline
from mmwsss.engine.pipeline.description import expand, places

TWO = dict(
    maps=dict(tool='a.py', outputs=dict(activations='maps')),
    seeds=dict(tool='b.py', inputs=dict(maps='{maps.activations}', images='{data.images}'),
               args=['{maps}', '{stage}']))


def build(**stages):
    return build_pipeline(dict(stages=stages, data=dict(images='pics'), seed=3), 'x/two.py')


def test_stages_in_order_with_defaults():
    pipeline = build(**TWO)
    assert (pipeline.name, pipeline.seed) == ('two', 3)
    assert [stage.name for stage in pipeline.stages] == ['maps', 'seeds']
    assert pipeline.stage('seeds').title == 'seeds' and pipeline.stage('maps').kind == 'tool'


def test_none_drops_a_stage_and_an_input():
    pipeline = build(**dict(TWO, seeds=None))
    assert [stage.name for stage in pipeline.stages] == ['maps']
    seeds = build(maps=TWO['maps'], seeds=dict(tool='b.py', inputs=dict(a=None))).stage('seeds')
    assert seeds.inputs == {}


def test_train_stages_make_a_checkpoint_and_judged_ones_a_quality_file():
    pipeline = build(a=dict(train='a.py'), b=dict(
        test='b.py', inputs=dict(start='{a.checkpoint}'), outputs=dict(labels='labels'),
        judge='labels'))
    assert 'checkpoint' in pipeline.stage('a').outputs
    assert pipeline.stage('b').outputs['quality'] == 'quality.json'


@pytest.mark.parametrize('stages, message', [
    (dict(a=dict(tool='a.py', test='b.py')), r"'a' needs just one of train, test, tool"),
    (dict(a=dict(title='x')), 'it has none'),
    (dict(a=dict(tool='a.py', output={})), r"'a' has unknown keys \['output'\]"),
    (dict(A=dict(tool='a.py')), 'names are of a-z'),
    (dict(TWO, seeds=dict(tool='b.py', inputs=dict(x='{map.activations}'))),
     r"no stage is called 'map'; made by then: maps.activations"),
    (dict(seeds=TWO['seeds'], maps=TWO['maps']), 'which no earlier stage makes'),
    (dict(a=dict(tool='a.py', args=['{labels}'])), r'uses \{labels\}, which is none of'),
    (dict(a=dict(tool='a.py', inputs=dict(x='y'), outputs=dict(x='z'))), 'inputs and outputs'),
    (dict(a=dict(tool='a.py', judge='labels')), "judges 'labels', which is none"),
])
def test_says_what_is_wrong(stages, message):
    with pytest.raises(PipelineError, match=message):
        build(**stages)


def test_no_pipeline_and_no_stage():
    with pytest.raises(PipelineError, match='is no pipeline'):
        build_pipeline(dict(model=dict()), 'grm.py')
    with pytest.raises(PipelineError, match="no stage 'sead'; its stages: maps, seeds"):
        build(**TWO).stage('sead')


def test_expand_keeps_values_and_fills_strings():
    value = dict(a='{n}', b=['x/{n}', 2], c=(True, 'plain {brace'))
    assert expand(value, dict(n=7)) == dict(a=7, b=['x/7', 2], c=[True, 'plain {brace'])
    assert places(dict(a='{x.y} {z}', b=['{n}', 3])) == ['x.y', 'z', 'n']
