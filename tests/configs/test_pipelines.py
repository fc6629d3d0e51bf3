"""The pipeline files: every stage resolves, and takes what the one before it makes."""
from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS

import mmwsss  # noqa: F401
from mmwsss.datasets import ImageLabels
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from mmwsss.engine.pipeline import Workspace, build_pipeline
from tests.paths import ROOT

FOLDER = ROOT / 'configs' / 'pipelines'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))
OWN = ('cup', 'plate')
ROOTS = dict(voc='MMWSSS_VOC', coco='MMWSSS_COCO', vocmini='MMWSSS_VOC_MINI', toy='MMWSSS_TOY')


def open_pipeline(name, work) -> Workspace:
    path = str(FOLDER / f'{name}.py')
    return Workspace(build_pipeline(Config.fromfile(path).to_dict(), path), work, str(ROOT))


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Where data lie: folders of masks, and own data whose labels are made."""
    root = tmp_path_factory.mktemp('data')
    for folder in ('SegmentationClass', 'SegmentationClassAug', 'masks_train2014',
                   'masks_val2014', 'masks'):
        (root / folder).mkdir()
    made = root / 'work' / 'stages' / 'labels'
    made.mkdir(parents=True)
    ImageLabels(OWN, {'a': ['cup']}).save(made / 'image_labels.json')
    for listing in ('train.txt', *(f'ImageSets/Segmentation/{split}.txt' for split in (
            'train', 'train_aug', 'val'))):
        (root / listing).parent.mkdir(parents=True, exist_ok=True)
        (root / listing).write_text('a\n')
    return root


@pytest.fixture
def environment(place, monkeypatch):
    for variable in ROOTS.values():
        monkeypatch.setenv(variable, str(place))
    monkeypatch.setenv('MMWSSS_OWN_IMAGES', str(place / 'pics'))
    monkeypatch.setenv('MMWSSS_OWN_MASKS', str(place / 'masks'))
    for variable in ('MMWSSS_LABELS', 'MMWSSS_ACTIVATIONS'):  # of other work: must not leak in
        monkeypatch.setenv(variable, '/leftover')


@lru_cache(maxsize=None)
def prepared(name, place, network=None):
    space = open_pipeline(name, place / 'work')
    return space, {stage.name: space.prepare(stage) for stage in space.pipeline.stages}


@pytest.fixture(params=NAMES)
def pipeline(request, place, environment):
    return (request.param, *prepared(request.param, place))


def test_there_are_pipelines():
    assert set(NAMES) == {'grm_voc', 'grm_coco', 'pgnn_voc', 'pgnn_vgg16_voc', 'pgnn_coco',
                          'recam_voc', 'grm_vocmini',
                          'recam_vocmini', 'pgnn_vocmini', 'recommended_voc',
                          'recommended_vocmini', 'grm_toy', 'recam_toy', 'pgnn_toy', 'own_data'}


def test_each_stage_reads_what_the_one_before_it_wrote(pipeline):
    name, space, stages = pipeline
    maps, seeds, boundary, walk, train, test = (stages[key] for key in (
        'maps', 'seeds', 'boundary', 'walk', 'segmentation', 'test'))
    store = maps.outputs['activations']
    assert maps.config.test_evaluator.out == store
    assert maps.config.test_dataloader.dataset.skip_stored == store
    assert seeds.config.model.store == walk.config.model.walk.store == store
    for stage in (seeds, walk):
        assert stage.config.test_evaluator.out == stage.outputs['labels']
        assert stage.config.test_dataloader.dataset.skip_stored == stage.outputs['labels']
    labels = [stage.config.train_dataloader.dataset.data_prefix.seg_map_path
              for stage in (boundary, train)]
    assert labels == [seeds.outputs['labels'], walk.outputs['labels']]
    classifier = stages.get('recam', stages['classifier'])
    assert maps.inputs['checkpoint'] == classifier.outputs['checkpoint']
    assert walk.inputs['checkpoint'] == boundary.outputs['checkpoint']
    last = train
    if 'retrain' in stages:
        relabel, last = stages['relabel'], stages['retrain']
        assert relabel.inputs['checkpoint'] == train.outputs['checkpoint']
        assert relabel.config.test_evaluator.out == relabel.outputs['labels']
        assert last.config.train_dataloader.dataset.data_prefix.seg_map_path == (
            relabel.outputs['labels'])
        assert relabel.config.model.module == last.config.model
    assert test.inputs['checkpoint'] == last.outputs['checkpoint']
    if 'recam' in stages:
        assert stages['recam'].config.load_from == stages['classifier'].outputs['checkpoint']
    assert '/leftover' not in str([stage.config for stage in stages.values()])
    for stage in stages.values():
        if stage.stage.kind == 'train':
            config, iterations = stage.config, stage.config.train_cfg.max_iters
            assert stage.outputs['checkpoint'].endswith(f'/run/iter_{iterations}.pth')
            assert config.param_scheduler[-1].end == iterations
            assert config.default_hooks.checkpoint.type == 'AtomicCheckpointHook'


def test_models_of_maps_and_tests_are_those_that_were_trained(pipeline):
    _, _, stages = pipeline
    for trained, tested in (('boundary', 'walk'), ('segmentation', 'test'),
                            ('recam' if 'recam' in stages else 'classifier', 'maps')):
        assert stages[trained].config.model == stages[tested].config.model
        assert 'train_dataloader' not in stages[tested].config
        assert 'test_dataloader' not in stages[trained].config


def test_maps_and_labels_are_of_all_images_that_the_network_sees(pipeline):
    _, space, stages = pipeline
    lists = set()
    for name in ('maps', 'seeds', 'walk'):
        dataset = stages[name].config.test_dataloader.dataset
        lists.add((dataset.data_root, dataset.ann_file))
    dataset = stages['segmentation'].config.train_dataloader.dataset
    names = {Path(root, ann or dataset.ann_file).name for root, ann in lists}
    assert names == {Path(dataset.ann_file).name} == {Path(space.data()['train_list']).name}


def test_the_method_is_what_the_name_says(pipeline):
    name, space, stages = pipeline
    method, data = name.split('_')[0], name.split('_')[-1]
    head = stages['segmentation'].config.model.decode_head
    classifier = stages['classifier'].config.model.head
    assert ('graph' in stages) is (method in ('grm', 'own'))
    assert (head.type == 'GRMHead') is (method in ('grm', 'own'))
    kinds = dict(grm='GCNClsHead', pgnn='PGNNHead', recam='CAMHead', recommended='PGNNHead',
                 own='CAMHead')
    assert classifier.get('type', 'CAMHead') == kinds[method]
    hooks = [hook.type for hook in stages['segmentation'].config.custom_hooks]
    assert ('MutualComplementaryHook' in hooks) is (method in ('pgnn', 'recommended'))
    assert ('--crf' in stages['test'].args) is (
        method == 'recommended' or data in ('voc', 'coco'))
    assert ('recam' in stages) is (method not in ('pgnn', 'recommended'))
    if method == 'recommended':
        assert classifier.context == 'none' and classifier.loss_sc
    assert ('retrain' in stages) is (method == 'recommended')
    expected = {'coco': COCO_CLASSES, 'data': OWN}.get(data, VOC_CLASSES)
    assert space.classes() == expected
    assert classifier.num_classes == len(expected)
    if method == 'own':
        assert head.graph == stages['graph'].outputs['graph']
        assert head.head.num_classes == 1 + len(OWN)
        assert list(stages['boundary'].config.train_dataloader.dataset.classes) == [
            'background', *OWN]


def test_masks_judge_where_there_are_any(pipeline, monkeypatch, tmp_path):
    name, space, stages = pipeline
    for key in ('maps', 'seeds', 'walk'):
        args = space.judging(stages[key])
        if args is None:  # no list yet: its first stage writes it
            assert name == 'own_data'
        else:
            assert args[:2] == ['--pred', stages[key].outputs[stages[key].stage.judge]]
            assert args[3] == space.data()['train_masks']
    root = tmp_path / 'maskless'
    root.mkdir()
    for variable in ROOTS.values():
        monkeypatch.setenv(variable, str(root))
    if name == 'grm_toy':
        bare = open_pipeline(name, tmp_path / 'work')
        assert bare.judging(bare.prepare(bare.pipeline.stage('walk'))) is None
        test = bare.prepare(bare.pipeline.stage('test'))
        assert test.config.test_evaluator.format_only and 'val_masks' not in test.inputs
        assert 'LoadSegLabels' not in str(test.config.test_dataloader)
        assert bare.prepare(bare.pipeline.stage('segmentation')).config.val_dataloader is None


def test_moved_work_dirs_keep_their_digests(place, environment, tmp_path):
    space, stages = prepared('recam_toy', place)
    moved = open_pipeline('recam_toy', tmp_path / 'elsewhere')
    for name in ('seeds', 'walk', 'test', 'report'):
        other = moved.prepare(moved.pipeline.stage(name))
        assert other.config_digest == stages[name].config_digest
    seeded = Workspace(space.pipeline, place / 'work', str(ROOT), seed=5)
    other = seeded.prepare(space.pipeline.stage('segmentation'))
    assert other.config.randomness.seed == 5
    assert other.config_digest != stages['segmentation'].config_digest


@pytest.mark.parametrize('network', ['effnetlite0', 'r50', 'r18'])
@pytest.mark.parametrize('masks', [True, False])
def test_own_data_with_each_network(network, masks, place, environment, monkeypatch):
    monkeypatch.setenv('MMWSSS_OWN_NETWORK', network)
    if not masks:
        monkeypatch.delenv('MMWSSS_OWN_MASKS')
    space = open_pipeline('own_data', place / 'work')
    for stage in space.pipeline.stages:
        config = space.prepare(stage).config
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            if config is not None and config.get(loader):
                assert config[loader].dataset.type in ('ImageLabelDataset', 'FolderSegDataset')
                assert config[loader].dataset.data_root == ''


@pytest.mark.parametrize('network', ['effnetlite0', 'r50', 'r18'])
def test_own_data_of_one_class(network, environment, monkeypatch, tmp_path):
    """ReCAM's predictor learns nothing there: training and maps take the classifier."""
    monkeypatch.setenv('MMWSSS_OWN_NETWORK', network)
    made = tmp_path / 'work' / 'stages' / 'labels'
    made.mkdir(parents=True)
    ImageLabels(('cup', ), {'a': ['cup'], 'b': []}).save(made / 'image_labels.json')
    space = open_pipeline('own_data', tmp_path / 'work')
    for name in ('recam', 'maps'):
        head = space.prepare(space.pipeline.stage(name)).config.model.head
        assert (head.type, head.num_classes) == ('ReCAMHead', 1)
        assert head.cam_weights == 'classifier'
        MODELS.build(head)
    assert space.prepare(space.pipeline.stage('segmentation')).config.model.decode_head[
        'head'].num_classes == 2


def test_listed_in_the_docs():
    text = (ROOT / 'docs' / 'pipeline.md').read_text()
    for name in NAMES:
        assert f'`{name}.py`' in text, f'{name} is not listed'
