"""Stored maps walked over edges: against the pieces done by hand, and every way they misfit."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmwsss.labels import ActivationStore, propagate, threshold_background, walk_labels
from mmwsss.labels.seeds import seed_labels
from mmwsss.models.affinity import EdgeWalk

SIZE = (30, 45)
SMALL = (8, 12)


@pytest.fixture
def store(tmp_path):
    """Two images of one size, of 2 and 1 classes, and one without any."""
    store = ActivationStore(tmp_path / 'maps', ['cat', 'dog', 'cow'], bits=16)
    store.write('a', torch.rand(2, *SMALL), [0, 2], SIZE)
    store.write('b', torch.rand(1, *SMALL), [1], SIZE)
    store.write('none', torch.zeros(0, *SMALL), [], SIZE)
    return store


def walk_of(store, **kwargs):
    return EdgeWalk(str(store.root), **kwargs)


def test_equals_irn_s_steps_image_by_image(store):
    walk = walk_of(store)
    edges = torch.rand(3, *SMALL)
    starts = [walk.start(name, SIZE, SIZE) for name in ('a', 'none', 'b')]
    walked = walk(edges, [maps for _, maps in starts], SIZE, [SIZE] * 3)
    assert [classes for classes, _ in starts] == [[0, 2], [], [1]]
    assert walked[1].shape == (0, *SIZE)
    for name, edge, maps in (('a', edges[0], walked[0]), ('b', edges[2], walked[2])):
        _, start, _ = store.read_stored(name)
        plain = propagate(start, edge)
        large = F.interpolate(plain[None], scale_factor=4, mode='bilinear')[0, :, :30, :45]
        torch.testing.assert_close(maps, large / large.max())
        # and so the labels are those of IRN's make_sem_seg_labels
        ids = [1, 2][:len(maps)]
        assert torch.equal(seed_labels(threshold_background(maps, 0.4), ids),
                           walk_labels(plain, ids, SIZE, 0.4))


def test_at_stride_4_for_a_store_of_walked_maps(store, tmp_path):
    walk = walk_of(store, full_size=False, steps=3)
    classes, start = walk.start('a', SIZE, SIZE)
    maps, = walk(torch.rand(1, *SMALL), [start], SIZE, [SIZE])
    assert maps.shape == (2, *SMALL) and maps.max() == 1
    ActivationStore(tmp_path / 'walked', store.classes).write('a', maps, classes, SIZE)


def test_images_that_the_pipeline_resized(store):
    walk = walk_of(store)
    input_size = (61, 90)
    _, start = walk.start('a', SIZE, input_size)
    assert start.shape == (2, 16, 23)
    maps, = walk(torch.rand(1, 16, 23), [start], input_size, [SIZE])
    assert maps.shape == (2, *SIZE)
    torch.testing.assert_close(maps.max(), torch.tensor(1.))


def test_a_store_of_another_stride(tmp_path):
    store = ActivationStore(tmp_path, ['cat'], stride=8)
    store.write('a', torch.rand(1, 4, 6), [0], SIZE)
    assert walk_of(store).start('a', SIZE, SIZE)[1].shape == (1, *SMALL)


def test_blank_maps_and_no_classes_at_all(store):
    walk = walk_of(store)
    maps = walk(torch.rand(2, *SMALL), [torch.zeros(1, *SMALL), torch.zeros(0, *SMALL)], SIZE,
                [SIZE] * 2)
    assert maps[0].shape == (1, *SIZE) and not maps[0].any() and len(maps[1]) == 0
    maps = walk(torch.rand(1, *SMALL), [torch.zeros(0, *SMALL)], SIZE, [SIZE])
    assert maps[0].shape == (0, *SIZE)


def test_what_does_not_fit(store, tmp_path):
    walk = walk_of(store)
    with pytest.raises(ValueError, match="'c' has no activation maps"):
        walk.start('c', SIZE, SIZE)
    with pytest.raises(ValueError, match=r"'a': .*of an image of \(30, 45\).*is \(45, 30\)"):
        walk.start('a', (45, 30), (45, 30))
    with pytest.raises(FileNotFoundError, match='holds no activation maps'):
        EdgeWalk(str(tmp_path / 'nothing')).start('a', SIZE, SIZE)
    (store.root / 'maps' / 'b.png').write_bytes(
        (store.root / 'maps' / 'b.png').read_bytes()[:-20])
    with pytest.raises(ValueError, match='b.png'):
        walk.start('b', SIZE, SIZE)
    for wrong in (dict(radius=0), dict(beta=-1), dict(steps=1.5)):
        with pytest.raises(ValueError, match='the walk needs radius'):
            walk_of(store, **wrong)


def test_classes_of_the_store(store, tmp_path):
    walk = walk_of(store)
    assert walk.class_problems(['cat', 'dog', 'cow']) == []
    problem, = walk.class_problems(['cat', 'cow', 'dog'])
    assert 'another order' in problem and str(store.root) in problem
    assert len(walk.class_problems(['cat', 'dog'])) == 1
    assert EdgeWalk(str(tmp_path / 'nothing')).class_problems(['cat']) == []


def test_edges_that_stop_a_walk():
    """A wall between two halves keeps the activation on its side."""
    edges = torch.zeros(1, *SMALL)
    edges[:, :, 5:7] = 1
    start = torch.zeros(1, *SMALL)
    start[:, :, :3] = 1
    walk = EdgeWalk('unused', full_size=False)
    maps = walk(edges, [start], SIZE, [SIZE])[0].numpy()
    assert maps[0, :, :5].min() > 0.1 and np.abs(maps[0, :, 7:]).max() < 1e-6
