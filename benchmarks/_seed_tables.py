"""Means, deviations and paired differences over seeds, as cells of a table."""
import math
import re
from statistics import mean, stdev
from typing import List

RUN_NAME = re.compile(r'^(?P<name>.+)_s(?P<seed>\d+)$')


def spread(values: List[float]) -> str:
    """Mean ± standard deviation over seeds; '-' where a value is missing (NaN)."""
    if any(math.isnan(value) for value in values):
        return '-'
    return f'{mean(values):.2f}' + (f' ± {stdev(values):.2f}' if len(values) > 1 else '')


def difference(values: List[float]) -> str:
    """Mean ± standard error of differences between runs of the same seed, and each of them."""
    if not values:
        return 'no common seed'
    error = f' ± {stdev(values) / math.sqrt(len(values)):.2f}' if len(values) > 1 else ''
    return f'{mean(values):+.2f}{error} ({", ".join(f"{value:+.2f}" for value in values)})'


def numbers(values: List[float]) -> dict:
    """``n``, ``mean``, ``std`` (of a sample) and ``error`` (standard error of the mean); None
    where there are too few values or one is missing (NaN)."""
    if any(math.isnan(value) for value in values):
        return dict(n=len(values), mean=None, std=None, error=None)
    several = len(values) > 1
    deviation = stdev(values) if several else None
    return dict(n=len(values), mean=mean(values) if values else None, std=deviation,
                error=deviation / math.sqrt(len(values)) if several else None)
