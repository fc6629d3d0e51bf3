"""Toy scenes: same seed same bytes, masks of what was drawn, telling parts inside objects."""
import cv2
import numpy as np
import pytest

from mmwsss.toy import TOY_CLASSES, Part, draw_object, render_scene
from mmwsss.toy.dataset import CLASS_IDS
from mmwsss.toy.objects import HALF_WIDTH, box, limb
from mmwsss.toy.painting import fill_mask, paint, pattern_gain, smooth_noise
from mmwsss.toy.scenes import VOID, compose


def scene(seed, size=(64, 80), boundary=1):
    return render_scene(np.random.default_rng(seed), size, CLASS_IDS, boundary)


def test_classes_keep_their_numbers_of_voc():
    assert CLASS_IDS == dict(bicycle=2, bottle=5, diningtable=11, dog=12, horse=13, person=15)


@pytest.mark.parametrize('name', TOY_CLASSES)
def test_objects_have_telling_and_other_parts_inside_their_frame(name):
    for seed in range(5):
        parts = draw_object(name, np.random.default_rng(seed))
        assert {part.telling for part in parts} == {True, False}
        points = np.concatenate([contour for part in parts for contour in part.contours])
        assert points[:, 1].min() >= -1.2 and points[:, 1].max() <= 0.06
        assert np.abs(points[:, 0]).max() <= HALF_WIDTH[name] + 0.1


def test_unknown_object_is_named():
    with pytest.raises(ValueError, match="'unicorn'.*bicycle"):
        draw_object('unicorn', np.random.default_rng(0))


def test_fill_mask_by_hand():
    mask = fill_mask((6, 6), (box(1, 2, 3, 4),))
    expected = np.zeros((6, 6), bool)
    expected[2:5, 1:4] = True  # OpenCV fills up to and with the far edge
    assert (mask == expected).all()


def test_second_outline_is_a_hole():
    mask = fill_mask((30, 30), (box(2, 2, 27, 27), box(10, 10, 20, 20)))
    assert mask[5, 5] and not mask[15, 15]


def test_limb_has_the_widths_asked_for():
    outline = limb((0, 0), (0, 10), 4, 2)
    assert sorted(outline.tolist()) == [[-2, 0], [-1, 10], [1, 10], [2, 0]]


def test_paint_touches_only_the_mask():
    canvas = np.zeros((8, 8, 3), np.float32)
    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:6] = True
    paint(canvas, mask, (100, 50, 200), 'plain', 4, np.random.default_rng(0))
    assert (canvas[~mask] == 0).all()
    # 'plain' varies by 8 %, the light from 1.10 at the top to 0.88 at the bottom.
    assert (canvas[mask] >= np.array([100, 50, 200]) * 0.88 * 0.91).all()
    assert (canvas[mask] <= np.array([100, 50, 200]) * 1.10 * 1.09).all()
    assert canvas[2, 4].sum() > canvas[4, 4].sum()
    paint(canvas, np.zeros((8, 8), bool), (1, 1, 1), 'plain', 4, np.random.default_rng(0))


def test_checks_alternate_every_half_period():
    gain = pattern_gain((8, 8), 'checks', 4, np.random.default_rng(0))[..., 0]
    y, x = np.mgrid[:8, :8]
    bright = ((x // 2 + y // 2) % 2).astype(bool)
    assert gain[bright].min() > 1.2 > 0.7 > gain[~bright].max()


def test_unknown_pattern_is_named():
    with pytest.raises(ValueError, match="'tartan'"):
        pattern_gain((4, 4), 'tartan', 3, np.random.default_rng(0))


def test_smooth_noise_is_in_range_and_of_the_size():
    noise = smooth_noise((13, 29), 5, np.random.default_rng(0))
    assert noise.shape == (13, 29) and np.abs(noise).max() <= 1 and noise.std() > 0.1


def test_same_seed_same_bytes_and_other_seed_other_picture():
    first, again, other = scene(3), scene(3), scene(4)
    for a, b in zip(first, again):
        assert a.tobytes() == b.tobytes()
    assert (first[0] != other[0]).any()


def test_size_of_void_line_does_not_change_the_picture():
    assert scene(5, boundary=0)[0].tobytes() == scene(5, boundary=2)[0].tobytes()


@pytest.mark.parametrize('boundary', [0, 1, 2])
def test_labels_hold_classes_void_lines_and_telling_parts(boundary):
    allowed = {0, *CLASS_IDS.values(), VOID}
    lines = 0
    for seed in range(25):
        picture, labels, telling = scene(seed, boundary=boundary)
        assert picture.shape == (64, 80, 3) and picture.dtype == np.uint8
        assert labels.shape == telling.shape == (64, 80) and labels.dtype == np.uint8
        assert set(np.unique(labels)) <= allowed
        objects = (labels > 0) & (labels < VOID)
        assert objects.any() and not (telling & ~objects).any()
        lines += int((labels == VOID).sum())
        if boundary:  # no class touches another class or the background
            for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
                assert ((a == b) | (a == VOID) | (b == VOID)).all()
    assert (lines > 2000) if boundary else (lines < 2000)


def test_void_line_lies_within_its_width_of_the_objects():
    bare, lined = scene(9, boundary=0)[1], scene(9, boundary=2)[1]
    kernel = np.ones((5, 5), np.uint8)
    near = cv2.dilate(bare, kernel) != cv2.erode(bare, kernel)
    assert not ((lined == VOID) & (bare != VOID) & ~near).any()
    assert (lined[lined != VOID] == bare[lined != VOID]).all()


def test_telling_parts_are_the_smaller_share_of_each_class():
    shares = {name: [] for name in TOY_CLASSES}
    for seed in range(120):
        _, labels, telling = scene(seed)
        for name, value in CLASS_IDS.items():
            inside = labels == value
            if inside.sum() > 50:
                shares[name].append(telling[inside].mean())
    for name, values in shares.items():
        assert len(values) > 10
        # A bicycle is mostly wheels; of the rest a third at most gives the class away.
        assert 0.05 < np.mean(values) < (0.8 if name == 'bicycle' else 0.45), name


def test_classes_meet_as_in_voc_but_none_implies_another():
    sets = [{thing.name for thing in compose(np.random.default_rng(seed))}
            for seed in range(600)]
    count = {name: sum(name in names for names in sets) for name in TOY_CLASSES}
    meals = sum({'bottle', 'diningtable'} <= names for names in sets)
    assert meals > 1.5 * count['bottle'] * count['diningtable'] / len(sets)
    ridden = sum({'horse', 'person'} <= names for names in sets)
    assert 0.6 < ridden / count['horse'] < 0.9
    for name in TOY_CLASSES:
        having = [names for names in sets if name in names]
        assert len(having) > 60
        assert any(names == {name} for names in having)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match='32'):
        scene(0, size=(16, 64))
    with pytest.raises(ValueError, match='lacks .*person'):
        render_scene(np.random.default_rng(0), (64, 64), {'dog': 1})


def test_parts_are_plain_values():
    assert Part((box(0, 0, 1, 1),), (1, 2, 3)).telling is False
