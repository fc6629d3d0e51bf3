"""A pipeline's work directory made by hand: toy images, labels with known faults, records."""
import json

import numpy as np
from PIL import Image

from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.knowledge import ClassGraph
from mmwsss.labels import ActivationStore, LabelStore
from mmwsss.labels.palette_png import decode_labels, encode_labels
from mmwsss.toy import ToySpec, write_toy_dataset

STAGES = ('graph', 'check', 'classifier', 'recam', 'maps', 'seeds', 'boundary', 'walk',
          'segmentation', 'test', 'report')
KINDS = dict(classifier='train', recam='train', boundary='train', segmentation='train',
             maps='test', seeds='test', walk='test', test='test')
EDGES = (('classifier', 'recam', 'start'), ('recam', 'maps', 'checkpoint'),
         ('maps', 'seeds', 'activations'), ('seeds', 'boundary', 'seeds'),
         ('maps', 'boundary', 'activations'), ('boundary', 'walk', 'checkpoint'),
         ('maps', 'walk', 'activations'), ('walk', 'segmentation', 'labels'),
         ('segmentation', 'test', 'checkpoint'))


def spoiled(mask, share, seed, value=0):
    """A mask of which a share of pixels has another value; void becomes background."""
    labels = np.where(mask == 255, 0, mask)
    labels[np.random.default_rng(seed).random(mask.shape) < share] = value
    return labels.astype(np.uint8)


def make_work_dir(root, train=6, val=4, size=48, classes=None):
    """A whole run of the toy set under ``root``; returns WORK.

    Seeds ignore 30 % of the pixels; image k's pseudo labels miss (10 k + 5) % of theirs; those
    of predictions (5 k + 3) %.

    Args:
        classes: other names of VOC's 20.
    """
    toy, work = root / 'toy', root / 'work'
    write_toy_dataset(toy, ToySpec(train=train, val=val, seed=0, height=size, width=size))
    labels = ImageLabels.load(toy / 'image_labels.json')
    rename = dict(zip(VOC_CLASSES, classes or VOC_CLASSES))  # the file knows the toy's six only
    labels = ImageLabels(tuple(rename.values()), {
        image_id: [rename[name] for name in names] for image_id, names in labels.images.items()})
    labels.save(toy / 'image_labels.json')
    ids = {split: read_list(toy, split) for split in ('train', 'val')}
    for stage in STAGES:
        (work / 'stages' / stage / 'run').mkdir(parents=True)
    _write_maps(work / 'stages/maps/activations', toy, ids['train'], labels)
    _write_store(work / 'stages/seeds/labels', toy, ids['train'], lambda k: 0.3, 255)
    _write_store(work / 'stages/walk/labels', toy, ids['train'], lambda k: 0.1 * k + 0.05, 0)
    (work / 'stages/test/predictions').mkdir()
    for k, image_id in enumerate(ids['val']):
        (work / f'stages/test/predictions/{image_id}.png').write_bytes(
            encode_labels(spoiled(read_mask(toy, image_id), 0.05 * k + 0.03, k)))
    Image.new('RGB', (60, 40), 'white').save(work / 'stages/graph/graph.png')
    relations = np.random.default_rng(0).uniform(size=(20, 20))
    ClassGraph(labels.classes, relations, np.eye(20), {}).save(work / 'stages/graph/graph.npz')
    write_overview(work, toy, labels.classes)
    for stage in STAGES:
        write_stage(work, stage)
    _write_qualities(work)
    _write_log(work / 'stages/segmentation/run')
    return work


def read_list(toy, split):
    return (toy / f'ImageSets/Segmentation/{split}.txt').read_text().split()


def read_mask(toy, image_id):
    path = toy / f'SegmentationClass/{image_id}.png'
    return decode_labels(path.read_bytes(), str(path))


def _write_maps(folder, toy, ids, labels):
    store = ActivationStore(folder, classes=labels.classes, stride=4)
    for image_id in ids:
        mask = read_mask(toy, image_id)
        present = sorted(labels.classes.index(name) for name in labels.images[image_id])
        maps = np.stack([0.8 * (mask[::4, ::4] == c + 1) for c in present])
        store.write(image_id, maps, present, mask.shape)


def _write_store(folder, toy, ids, share, value):
    store = LabelStore(folder, num_classes=21)
    for k, image_id in enumerate(ids):
        store.write(1, image_id, spoiled(read_mask(toy, image_id), share(k), k, value))
    store.commit(1, ids)


def write_overview(work, toy, classes, **data):
    lists = toy / 'ImageSets/Segmentation'
    (work / 'pipeline.json').write_text(json.dumps(dict(
        name='grm_toy', title='GRM on the toy set',
        stages=[dict(name=name, title=f'the {name} stage', kind=KINDS.get(name, 'tool'),
                     description='') for name in STAGES],
        edges=EDGES, command='python tools/pipeline.py grm_toy.py --work-dir W --only test',
        data=dict(dict(
            name='toy', root=str(toy), images=str(toy / 'JPEGImages'), suffix='.jpg',
            train_list=str(lists / 'train.txt'), val_list=str(lists / 'val.txt'),
            image_labels=str(toy / 'image_labels.json'),
            train_masks=str(toy / 'SegmentationClass'), val_masks=str(toy / 'SegmentationClass'),
            classes=list(classes), num_classes=len(classes) + 1), **data),
        environment=dict(MMWSSS_TOY='a folder'), seed=7, gpus=1, created='2026-01-01T00:00:00Z',
        config_path='grm_toy.py', code_version=dict(mmwsss='1', digest='d' * 64, git='c' * 40))))


OUTPUTS = dict(
    graph=dict(graph='stages/graph/graph.npz', picture='stages/graph/graph.png'),
    maps=dict(activations='stages/maps/activations', quality='stages/maps/quality.json'),
    seeds=dict(labels='stages/seeds/labels', quality='stages/seeds/quality.json'),
    walk=dict(labels='stages/walk/labels', quality='stages/walk/quality.json'),
    test=dict(predictions='stages/test/predictions'))
FIGURES = dict(maps=41.5, seeds=52.25, walk=61.5, segmentation=63., test=64.75)


def write_stage(work, name, **changes):
    """``stage.json`` of a stage that is done, with some entries changed."""
    figure = FIGURES.get(name)
    record = dict(
        name=name, title=f'the {name} stage', kind=KINDS.get(name, 'tool'), status='done',
        why='first run', commands=[['python', f'{name}.py']], environment={}, config_path=None,
        config=None, inputs={}, outputs=OUTPUTS.get(name, {}), seed=7, gpus=1,
        started='2026-01-01T00:00:00Z', finished='2026-01-01T00:01:05Z', seconds=65.,
        peak_memory_mb=512., peak_gpu_memory_mb=None, device='cpu',
        packages=dict(torch='2.12.0', numpy='2.0'), sizes=dict(out=1500000),
        key_figure=figure and dict(name=f'{name} mIoU', value=figure, unit='%'),
        figures={}, attempts=[], error=None)
    (work / 'stages' / name / 'stage.json').write_text(json.dumps({**record, **changes}))


def _write_qualities(work):
    rates = {name: [50. + k for k in range(21)] for name in ('iou', 'precision', 'recall')}
    means = dict(images=6, miou=60., mean_precision=60.5, mean_recall=None)
    curve = dict(threshold=[k / 255 for k in range(256)], miou=[30 + k / 10 for k in range(256)],
                 mean_precision=[k / 3 for k in range(256)], mean_recall=[None] * 256)
    for name, more in dict(maps=dict(best_threshold=0.25, curve=curve), seeds={}, walk={}).items():
        (work / f'stages/{name}/quality.json').write_text(json.dumps({**rates, **means, **more}))


def _write_log(run):
    folder = run / '20260101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    rows = [dict(loss=3 - 0.1 * k, **{'decode.loss_ce': 2 - 0.1 * k}, step=10 * k)
            for k in range(1, 11)]
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)))
