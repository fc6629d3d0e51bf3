"""Versions made of visits: what is seen replaces what was, whoever writes it."""
import numpy as np
import pytest
import torch

from mmwsss.datasets.crop_geometry import CropGeometry
from mmwsss.engine import attention_memory
from mmwsss.engine.attention_memory import AttentionMemory, Visit, compose
from mmwsss.labels import ActivationStore

SIZE = (16, 24)


def visit(position, image_id='a', classes=(0, ), value=None, resized=SIZE, offset=(0, 0),
          sample=(16, 16), flipped=False):
    maps = torch.rand(len(classes), 4, 4) if value is None else torch.full(
        (len(classes), 4, 4), value)
    geometry = CropGeometry(SIZE, resized, offset, sample, (False, flipped))
    return Visit(position, image_id, list(classes), maps, geometry, (4, 4))


def memory(folder):
    return AttentionMemory(folder, ['x', 'y', 'z'], stride=4)


def slow_compose(visits, old=None):
    """Every stored value from its own place, by looking up the nearest of a constant map."""
    canvas = {c: m.clone() for c, m in zip(*old[:2])} if old else {}
    for v in visits:
        for c, value in zip(v.classes, v.maps.mean(dim=(1, 2))):
            canvas.setdefault(c, torch.zeros(4, 6))
            for i in range(4):
                for j in range(6):
                    y = (4 * i + 2) * v.geometry.resized[0] / SIZE[0] + v.geometry.offset[0]
                    x = (4 * j + 2) * v.geometry.resized[1] / SIZE[1] + v.geometry.offset[1]
                    x = 16 - x if v.geometry.flipped[1] else x
                    if 0 <= y < 16 and 0 <= x < 16:
                        canvas[c][i, j] = value
    return canvas


def test_compose_equals_the_slow_way():
    visits = [visit(0, classes=(0, 2), value=0.5), visit(1, classes=(0, ), value=0.25,
                                                         offset=(0, -8)),
              visit(2, classes=(1, ), value=0.75, resized=(8, 12), offset=(3, 2), flipped=True),
              visit(3, classes=(2, ), value=1., resized=(32, 48), offset=(-9, -20), flipped=True)]
    old = ([1], torch.full((1, 4, 6), 0.125), SIZE)
    for previous in (None, old):
        maps, classes, size = compose(visits, previous, 4)
        expected = slow_compose(visits, previous)
        assert classes == [0, 1, 2] and size == SIZE
        for c, map_hw in zip(classes, maps):
            torch.testing.assert_close(map_hw, expected[c])


def test_visits_come_back_in_the_order_of_the_stream(tmp_path):
    ours = memory(tmp_path)
    made = [visit(i, image_id=f'i{i % 3}', classes=range(i % 4), flipped=bool(i % 2))
            for i in range(6)]
    ours.record([made[4], made[5]])
    ours.record([made[0], made[2]])  # two processes share one step
    ours.record([made[1], made[3]])
    for ours_visit, expected in zip(ours.visits(1, 6), made[1:]):
        assert ours_visit[:3] == expected[:3] and ours_visit.geometry == expected.geometry
        assert ours_visit.maps.shape == expected.maps.shape
    with pytest.raises(ValueError, match='6 of the 7'):
        ours.visits(0, 7)
    ours.drop_visits(since=4)
    assert len(ours.visits(0, 4)) == 4
    ours.drop_visits(before=1)
    assert [v.position for v in ours.visits(1, 2)] == [1]


def test_processes_write_the_version_that_one_would(tmp_path):
    whole, shared = memory(tmp_path / 'whole'), memory(tmp_path / 'shared')
    first = [visit(i, image_id='abcde'[i % 5], classes=(i % 3, )) for i in range(7)]
    second = [visit(7 + i, image_id='ab'[i % 2], classes=(1, ), offset=(0, -8)) for i in range(4)]
    for ours, world_size in ((whole, 1), (shared, 3)):
        ours.record(first)
        ours.record(second)
        for version, since, until in ((1, 0, 7), (2, 7, 11)):
            assert not ours.is_complete(version)
            ours.store(version)
            for rank in range(world_size):
                ours.merge(version, version - 1, since, until, rank, world_size)
            ours.complete(version, {})
        assert ours.versions() == [1, 2] and ours.unfinished() == []
    for version in (1, 2):
        assert whole.store(version).ids() == list('abcde')
        for image_id in 'abcde':
            files = [ours.folder(version) / 'maps' / f'{image_id}.png' for ours in (whole, shared)]
            assert files[0].read_bytes() == files[1].read_bytes()
    # not visited: as before; visited: new where the crop was, as before elsewhere
    for name, changed in (('c', False), ('a', True)):
        before, after = (whole.store(v).read_stored(name) for v in (1, 2))
        assert (before[0] != after[0] or not torch.equal(before[1], after[1])) is changed
    assert torch.equal(after[1][0], before[1][0])  # of another class: not touched


def test_a_version_equals_pasting_every_visit_in_the_order_of_the_stream(tmp_path):
    """Byte for byte, with the visits as they were made and not as they are read back."""
    ours, plain = memory(tmp_path / 'ours'), ActivationStore(tmp_path / 'plain', 'xyz', stride=4)
    names, canvas = 'babcabcaab', {}
    made = [visit(i, image_id=name, classes=[(1, ), (0, 2), (), (0, 1, 2)][i % 4],
                  offset=(0, [0, -4, 5][i % 3]), flipped=bool(i % 2))
            for i, name in enumerate(names)]
    for step in ((0, 1, 2), (5, 4, 3), (8, 9), (6, 7)):  # of several processes, in any order
        ours.record([made[i] for i in step])
    for version, since, until in ((1, 0, 6), (2, 6, 10)):
        for v in made[since:until]:
            maps = (v.maps * 255).round() / 255  # as kept in a byte
            maps, covered = v.geometry.maps_to_image(maps, v.cell, 4)
            kept = canvas.setdefault(v.image_id, {})
            for c, map_hw in zip(v.classes, maps):
                kept.setdefault(c, torch.zeros(4, 6))[covered] = map_hw[covered]
        for image_id, kept in canvas.items():
            stacked = [kept[c] for c in sorted(kept)]
            plain.write(image_id, torch.stack(stacked), sorted(kept), SIZE)
            # what the next version begins with is what this one stored
            kept.update(zip(*plain.read_stored(image_id)[:2]))
        ours.merge(version, version - 1, since, until)
        assert ours.store(version).ids() == plain.ids() == list('abc')
        for image_id in 'abc':
            files = [store / 'maps' / f'{image_id}.png' for store in (
                ours.folder(version), tmp_path / 'plain')]
            assert files[0].read_bytes() == files[1].read_bytes(), (version, image_id)


def test_a_process_reads_the_maps_of_its_own_images_once_and_one_image_at_a_time(
        tmp_path, monkeypatch):
    ours = memory(tmp_path)
    for step in range(4):
        ours.record([visit(3 * step + i, image_id='abcdef'[(step + i) % 6]) for i in range(3)])
    events = []
    read, write = attention_memory._read, attention_memory.ActivationStore.write
    monkeypatch.setattr(attention_memory, '_read', lambda place: (
        events.append(place.image_id), read(place))[1])
    monkeypatch.setattr(attention_memory.ActivationStore, 'write', lambda store, name, *maps: (
        events.append(f'write {name}'), write(store, name, *maps))[1])
    ours.merge(1, 0, 0, 12, rank=1, world_size=2)
    assert events == ['b', 'b', 'write b', 'd', 'd', 'd', 'write d', 'f', 'write f']


def test_a_version_begun_is_not_complete_and_goes(tmp_path):
    ours = memory(tmp_path)
    ours.record([visit(0)])
    ours.merge(1, 0, 0, 1)
    assert ours.versions() == [] and ours.unfinished() == [1]
    ours.drop_versions([1])
    assert ours.unfinished() == [] and not ours.folder(1).exists()


def test_values_are_kept_to_the_step_of_8_bits(tmp_path):
    ours, made = memory(tmp_path), visit(0, classes=(0, 1))
    ours.record([made])
    back, = ours.visits(0, 1)
    np.testing.assert_allclose(back.maps, made.maps, atol=0.51 / 255)
