"""Work that all ranks do together: done by all, or failed with one reason on all."""
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, is_main_process


def on_all_ranks(work: Callable[[], Any], what: str) -> Any:
    """Result of ``work()`` on this rank, after all ranks have done theirs.

    An error on one rank would leave the others waiting for it until they time out; here each
    learns of it at once.

    Args:
        work: done by every rank.
        what: what it is, for the message on the ranks that did not fail.

    Raises:
        Exception: that of this rank, or ``RuntimeError`` with the reason of another.
    """
    result, error = None, None
    try:
        result = work()
    except Exception as failure:
        error = failure
    reasons = all_gather_object(
        None if error is None else f'rank {get_rank()}: {type(error).__name__}: {error}')
    if error is not None:
        raise error
    failed = [reason for reason in reasons if reason]
    if failed:
        raise RuntimeError(f'{what} failed on another process: {failed[0]}')
    return result


def on_main(work: Callable[[], Any], what: str) -> None:
    """Let the main process alone do ``work()``; all ranks go on when it is done.

    Raises:
        Exception: as :func:`on_all_ranks`.
    """
    on_all_ranks(lambda: work() if is_main_process() else None, what)


def sum_over_ranks(arrays: list[np.ndarray]) -> None:
    """Replace each array (int64) by its sum over all ranks, in place."""
    for array in arrays:
        total = torch.from_numpy(array.copy())
        all_reduce(total)
        array[...] = total.numpy()
