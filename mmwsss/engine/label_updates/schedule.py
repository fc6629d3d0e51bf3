"""When labels are updated, and which version an iteration trains on. Pure counting."""
import bisect
from collections.abc import Sequence


class UpdateSchedule:
    """Updates come after every ``interval`` units of training; a unit is an epoch or iteration.

    An epoch of an iteration-based loop is ceil(images / global batch) iterations: as many as it
    takes to draw as many samples as there are images.

    Args:
        unit: iterations a unit, ≥ 1.
        interval: units between updates, ≥ 1.
        begin: no update before this many units are done.
        end: none after this many; default no limit.
        stop: iterations of the whole run. No update comes after the last one: nothing would
            train on it.
        history: ``(iteration, version)`` pairs of a run that goes on: the version was trained on
            from that iteration on. Default: version 1 from the start.
    """

    def __init__(self, unit: int, interval: int = 1, begin: int = 0, end: int | None = None,
                 stop: int | None = None, history: Sequence[tuple[int, int]] = ((0, 1), )):
        self.unit = unit
        self.interval = interval
        self.begin = begin
        self.end = end
        self.stop = stop
        self.history = [tuple(pair) for pair in history]

    def is_due(self, done: int) -> bool:
        """Whether labels are updated when ``done`` iterations are done."""
        units, rest = divmod(done, self.unit)
        return (rest == 0 and units > 0 and units % self.interval == 0 and units >= self.begin
                and (self.end is None or units <= self.end)
                and (self.stop is None or done < self.stop))

    def next_update(self, done: int) -> int | None:
        """The first update after ``done`` iterations, in iterations; None if there is none."""
        step = self.unit * self.interval
        first = max(done // step + 1, -(-self.begin // self.interval))
        return first * step if self.is_due(first * step) else None

    def version_at(self, iteration: int) -> int:
        """Version of the labels that iteration ``iteration`` (from 0) trains on.

        Iterations that history reaches are looked up; each update due after it adds one.
        """
        start, version = self.history[-1]
        if iteration < start:
            place = bisect.bisect_right(self.history, (iteration, float('inf'))) - 1
            return self.history[max(place, 0)][1]
        return version + self._count(iteration) - self._count(start)

    def note(self, iteration: int, version: int) -> None:
        """Add to the history: from ``iteration`` on, ``version`` is trained on."""
        self.history.append((iteration, version))

    def _count(self, done: int) -> int:
        """Updates due after at most ``done`` iterations."""
        last = done if self.stop is None else min(done, self.stop - 1)
        units = last // self.unit
        if self.end is not None:
            units = min(units, self.end)
        before = max(self.begin - 1, 0) // self.interval
        return max(units // self.interval - before, 0)
