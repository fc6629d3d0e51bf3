"""Time and memory of things beside each other, in one run.

Time: the cases take turns (A B C, B C A, ...), so that a machine that slows down meets all of them
alike. What counts is the ratio of two cases in the same turn; its median over the turns is
reported. On the CPU with one thread the clock is the CPU time of this process, in which the turns
of other processes do not count (their pressure on caches and memory still does); elsewhere it is
wall time, after a synchronisation on a GPU.

Memory: the highest number of bytes that live at once among those allocated during a run, on top
of what was there before it (weights, inputs). On the CPU it is summed up from the events of
torch's CPU allocator, which ``torch.profiler`` records: all tensors, those kept for backward and
the scratch tensors inside operators; exact and the same in each run, unlike the resident size of
a process, in which the caches of malloc show. On a GPU it is ``max_memory_allocated``.
"""
import os

# Before torch is imported: one thread unless told otherwise, and no chatter of the profiler.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
os.environ.setdefault('KINETO_LOG_LEVEL', '99')

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import shlex  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from importlib import metadata  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median, quantiles  # noqa: E402
from typing import Callable, Dict, List, Sequence  # noqa: E402

import torch  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('torch', 'mmengine', 'onedl-mmengine', 'mmcv', 'onedl-mmcv', 'mmcv-lite',
            'mmsegmentation', 'onedl-mmsegmentation')

Run = Callable[[], object]


def parse_args(description: str, add_options: Callable = None) -> argparse.Namespace:
    """The options that all benchmarks share; sets the number of threads."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of torch')
    parser.add_argument('--repeats', type=int, help='turns; more where the machine is busy')
    parser.add_argument('--quick', action='store_true',
                        help='tiny shapes, one turn: shows that it runs, not how fast')
    if add_options:
        add_options(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    return args


def machine_report(device: str) -> str:
    """Processor, threads, versions, commit and command, one a line."""
    return '\n'.join([
        f'command: {shlex.join(["python", *sys.argv])}',
        f'commit:  {_commit()}',
        f'machine: {_processor(device)}, {torch.get_num_threads()} of {os.cpu_count()} CPU '
        f'threads used, load {os.getloadavg()[0]:.1f}',
        f'python {platform.python_version()}, ' + ', '.join(_versions()),
    ])


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(['git', '-C', str(ROOT), *words], capture_output=True, text=True,
                              check=True).stdout.strip()
    try:
        changed = git('status', '--porcelain', '--', 'mmwsss', 'benchmarks')
        return git('rev-parse', '--short', 'HEAD') + (' with local changes' if changed else '')
    except (OSError, subprocess.CalledProcessError):
        return 'unknown (not a git checkout)'


def _processor(device: str) -> str:
    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> List[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f'{name} {metadata.version(name)}')
        except metadata.PackageNotFoundError:
            continue
    return found


def _clock(device: str) -> Callable[[], float]:
    if device.startswith('cuda'):
        return lambda: (torch.cuda.synchronize(device), time.perf_counter())[1]
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


def take_turns(cases: Dict[str, Run], repeats: int, device: str = 'cpu',
               warmup: int = 1, reset: Run = None) -> Dict[str, List[float]]:
    """Seconds of each case in each turn.

    Args:
        cases (dict[str, callable]): what to time.
        repeats (int): turns; in each, every case runs once, beginning with another one each time.
        device (str): decides the clock, see the top of this file.
        warmup (int): untimed runs of each case before.
        reset (callable, optional): untimed, before every run (dropping gradients, say).
    """
    clock, names = _clock(device), list(cases)
    seconds: Dict[str, List[float]] = {name: [] for name in names}
    for turn in range(-warmup, repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            if reset:
                reset()
            start = clock()
            cases[name]()
            taken = clock() - start
            if turn >= 0:
                seconds[name].append(taken)
    return seconds


def peak_bytes(run: Run, device: str = 'cpu') -> int:
    """Most bytes that live at once among those allocated by ``run``; see the top of this file."""
    gc.collect()
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    return _peak_of_events(_allocator_events(run))


def _allocator_events(run: Run) -> List[int]:
    """Bytes taken (> 0) from and given back (< 0) to torch's CPU allocator, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of event cycles, which one run does not have
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU],
                                    profile_memory=True) as profile:
            run()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / 'trace.json'
        profile.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())['traceEvents']
    memory = [event for event in events if event.get('name') == '[memory]']
    return [event['args']['Bytes'] for event in sorted(memory, key=lambda event: event['ts'])]


def _peak_of_events(events: Sequence[int]) -> int:
    live = peak = 0
    for change in events:
        live += change
        peak = max(peak, live)
    return peak


def state_bytes(*modules: torch.nn.Module) -> int:
    """Bytes of the parameters and buffers of modules."""
    return sum(tensor.numel() * tensor.element_size() for module in modules
               for tensor in [*module.parameters(), *module.buffers()])


def spread(seconds: Sequence[float]) -> float:
    """Distance of the quartiles over the median."""
    if len(seconds) < 2:
        return 0.
    low, middle, high = quantiles(seconds, n=4)
    return (high - low) / middle


def time_cell(seconds: Sequence[float]) -> str:
    """Median in ms, and the spread."""
    return f'{1e3 * median(seconds):.1f} ±{100 * spread(seconds) / 2:.0f} %'


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """Median over the turns of the ratio within a turn."""
    return median(above / below for above, below in zip(numerator, denominator))


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """max |a - b| over max |b|."""
    ours, theirs = ours.detach(), theirs.detach()
    scale = theirs.abs().max().clamp(min=torch.finfo(theirs.dtype).tiny)
    return float((ours - theirs).abs().max() / scale)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table that is readable as plain text."""
    table = [list(map(str, header)), *[list(map(str, row)) for row in rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |'
             for row in table]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    print(f'\n{title}\n\n' + '\n'.join(lines), flush=True)


def check(name: str, difference: float, tolerance: float) -> None:
    """Print that two results are equal within a tolerance, or stop: unequal things are no race."""
    equal = difference <= tolerance
    print(f'check: {name}: largest relative difference {difference:.1e} '
          f'({"equal" if equal else "NOT equal"} within {tolerance:.0e})', flush=True)
    if not equal:
        raise SystemExit(f'{name}: results differ, so their times cannot be compared')
