"""UpdateSchedule against counting one by one."""
import itertools

import pytest

from mmwsss.engine.label_updates import UpdateSchedule

CASES = list(itertools.product((1, 3), (1, 2), (0, 1, 3, 4), (None, 4), (None, 20)))


@pytest.mark.parametrize('unit, interval, begin, end, stop', CASES)
def test_counts_as_said(unit, interval, begin, end, stop):
    schedule = UpdateSchedule(unit, interval, begin, end, stop)
    due = [done for done in range(1, 40)
           if done % (unit * interval) == 0 and done >= begin * unit
           and (end is None or done <= end * unit) and (stop is None or done < stop)]
    assert [done for done in range(40) if schedule.is_due(done)] == due
    for iteration in range(39):
        assert schedule.version_at(iteration) == 1 + sum(done <= iteration for done in due)
        later = [done for done in due if done > iteration]
        assert schedule.next_update(iteration) in ([later[0]] if later else [None, *range(40, 60)])


def test_goes_on_from_a_history_whatever_the_epoch_was_before():
    schedule = UpdateSchedule(4, history=[(0, 1), (10, 2), (20, 3), (22, 3)])
    assert [schedule.version_at(i) for i in (0, 9, 10, 19, 20, 21)] == [1, 1, 2, 2, 3, 3]
    assert [schedule.version_at(i) for i in (22, 23, 24, 27, 28)] == [3, 3, 4, 4, 5]
    schedule.note(24, 4)
    assert [schedule.version_at(i) for i in (20, 23, 24, 27, 28)] == [3, 3, 4, 4, 5]
