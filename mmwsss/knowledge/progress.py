"""A progress line on the terminal for files that take a while."""
import sys
import time
from typing import Optional


class Progress:
    """Shows how much of a file is read, and how many lines a second, on one line of stderr.

    Args:
        title: what is being read.
        total: bytes of the file.
        enabled: None shows it only on a terminal.
    """

    def __init__(self, title: str, total: int, enabled: Optional[bool] = None) -> None:
        self.title = title
        self.total = max(total, 1)
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self._began = self._shown = time.monotonic()

    def update(self, done: int, lines: int) -> None:
        """Show ``done`` bytes and ``lines`` lines, at most four times a second."""
        now = time.monotonic()
        if self.enabled and now - self._shown > 0.25:
            self._shown = now
            self._print(done, lines, now)

    def close(self, done: int, lines: int) -> None:
        """Show the last state and end the line."""
        if self.enabled:
            self._print(done, lines, time.monotonic())
            print(file=sys.stderr)

    def _print(self, done: int, lines: int, now: float) -> None:
        share = min(done / self.total, 1.0)
        bar = ('#' * round(30 * share)).ljust(30, '.')
        speed = lines / max(now - self._began, 1e-9)
        print(f'\r{self.title} [{bar}] {100 * share:3.0f} %  {lines:,} lines  {speed:,.0f}/s',
              end='', file=sys.stderr, flush=True)
