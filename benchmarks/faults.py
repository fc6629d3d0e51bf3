"""What crashes, full disks, damaged and malicious files do to a run, tried out.

    python benchmarks/faults.py                           all of it, about half an hour on a core
    python benchmarks/faults.py --quick                   one of each fault
    python benchmarks/faults.py --write docs/reliability.md

Each fault meets a small training run whose labels are updated as it trains (or an extraction of
activation maps). Then all that is on disk is read, the job is started again, and what it ends with
is compared, bit for bit, with an undisturbed run of the same seed. CPU only. Exit status 1 if
anything was lost or came out otherwise.
"""
import argparse
import os
import random
import re
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import _fault_jobs as jobs  # noqa: E402
from benchmarks._fault_files import malicious_files  # noqa: E402
from benchmarks._measure import machine_report, print_table  # noqa: E402
from mmwsss.engine.resume import step_files  # noqa: E402
from mmwsss.labels import LabelStore  # noqa: E402
from mmwsss.toy import ToySpec, write_toy_dataset  # noqa: E402

HEADER = ['fault', 'tried', 'lost', 'the next start', 'same end']
SOURCES = ('inference', 'online')


class Bench:
    """The jobs of one session, their folder, and what undisturbed ones end with."""

    def __init__(self, folder: Path, seed: int):
        self.folder = folder
        self.random = random.Random(seed)
        self.count = 0
        self.data = folder / 'toy'
        write_toy_dataset(self.data, ToySpec(train=6, val=1, height=48, width=48))
        self.expected, self.seconds = {}, {}

    def place(self) -> Path:
        """A new work directory."""
        self.count += 1
        return self.folder / f'run_{self.count:03d}'

    def train(self, work_dir: Path, source: str = 'inference', options: dict | None = None,
              **more) -> jobs.Job:
        return jobs.Job(jobs.train, self.data, work_dir, source, dict(options or {}),
                        *more.values(), log=self.log(work_dir))

    def extract(self, work_dir: Path) -> jobs.Job:
        return jobs.Job(jobs.extract, self.data, work_dir, log=self.log(work_dir))

    @staticmethod
    def log(work_dir: Path) -> Path:
        return work_dir.with_suffix('.txt')

    def pair(self, work_dir: Path, source: str, options: dict | None = None) -> list:
        """Two ranks."""
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        return [self.train(work_dir, source, options, rank=rank, port=port) for rank in (0, 1)]

    def end(self, name: str, work_dir: Path) -> tuple:
        if name == 'maps':
            return (jobs.maps_digest(work_dir), )
        return jobs.labels_digest(work_dir), jobs.weights_digest(work_dir)

    def undisturbed(self, name: str) -> tuple:
        """What an undisturbed job ends with; run once."""
        if name not in self.expected:
            work_dir, start = self.place(), time.perf_counter()
            running = ([self.extract(work_dir)] if name == 'maps' else
                       self.pair(work_dir, 'online') if name == 'pair' else
                       [self.train(work_dir, name)])
            for job in running:
                problem = job.wait()
                if problem:
                    raise RuntimeError(f'the undisturbed job {name!r} failed: {problem}; see '
                                       f'{self.log(work_dir)}')
            self.seconds[name] = time.perf_counter() - start
            self.expected[name] = self.end(name, work_dir)
        return self.expected[name]

    def judge(self, name: str, work_dir: Path) -> tuple[list, str, bool]:
        """After a fault: what is unreadable, how the next start ended, whether the end is the
        same."""
        expected, lost = self.undisturbed(name), jobs.unreadable(work_dir)
        resume = dict(resume=True)
        again = ([self.extract(work_dir)] if name == 'maps' else
                 self.pair(work_dir, 'online', resume) if name == 'pair' else
                 [self.train(work_dir, name, resume)])
        problem = '; '.join(filter(None, [job.wait() for job in again]))
        return lost, problem, not problem and self.end(name, work_dir) == expected


class Row:
    """One line of the table."""

    def __init__(self, fault: str):
        self.fault, self.tried, self.lost, self.problems = fault, 0, [], []
        self.same, self.started = 0, set()

    def add(self, lost: list, problem: str, same: bool, started: str = 'went on by itself'):
        self.tried += 1
        self.lost += lost
        self.problems += [problem] if problem else []
        self.same += same
        self.started.add(started)

    @property
    def good(self) -> bool:
        return not self.lost and not self.problems and self.same == self.tried

    def cells(self) -> list[str]:
        return [self.fault, str(self.tried),
                'nothing complete' if not self.lost else f'**{self.lost[0]}**',
                '; '.join(sorted(self.started)) if not self.problems else
                f'**{self.problems[0][:200]}**', f'{self.same} of {self.tried}']


# ---------------------------------------------------------------- faults

def kills_at_any_time(bench: Bench, name: str, what: str, times: int) -> Row:
    row = Row(f'kill -9, any moment of {what}')
    bench.undisturbed(name)
    for _ in range(times):
        work_dir = bench.place()
        job = bench.extract(work_dir) if name == 'maps' else bench.train(work_dir, name)
        time.sleep(bench.random.uniform(0, bench.seconds[name]))
        job.kill()
        row.add(*bench.judge(name, work_dir))
    return row


def kills_while(bench: Bench, what: str, pattern: str, times: int) -> Row:
    """Kills when a file of ``pattern`` has appeared for the n-th time, n random."""
    row = Row(f'kill -9 while {what}')
    while row.tried < times:
        source = SOURCES[row.tried % 2]
        work_dir, occasion = bench.place(), bench.random.randint(1, 3)
        job, seen, before = bench.train(work_dir, source), 0, set()
        while job.process.is_alive() and seen < occasion:
            found = {str(path) for path in work_dir.glob(pattern)}
            seen += bool(found - before)
            before |= found
        time.sleep(bench.random.uniform(0, 0.004))
        alive = job.process.is_alive()
        job.kill()
        if alive:
            row.add(*bench.judge(source, work_dir))
    return row


def full_disk(bench: Bench, what: str, iteration: int, limit: int) -> Row:
    row = Row(f'disk full while {what}')
    for source in SOURCES:
        work_dir = bench.place()
        hook = dict(type='FillDisk', iteration=iteration, limit=limit)
        problem = bench.train(work_dir, source, dict(hooks=[hook])).wait()
        full = re.search('too large|space|rite', problem)
        lost, again, same = bench.judge(source, work_dir)
        row.add(lost if full else [f'no error about the disk: {problem}'], again, same,
                'the run stops with the error; with space it goes on')
    return row


def cut_checkpoints(bench: Bench, places: int) -> Row:
    row = Row('newest checkpoint cut short')
    for place in range(places):
        source, work_dir = SOURCES[place % 2], bench.place()
        bench.train(work_dir, source).wait()
        newest = max(step_files(str(work_dir)))[1]
        os.truncate(newest, os.path.getsize(newest) * place // places)
        resumed = bench.train(work_dir, source, dict(resume=True))
        problem, said = resumed.wait(), f'skipped {newest}' in bench.log(work_dir).read_text()
        same = not problem and bench.end(source, work_dir) == bench.undisturbed(source)
        row.add([] if said else ['it was not said which checkpoint was skipped'], problem, same,
                'says which it skips, goes on from the one before')
    return row


def cut_label(bench: Bench) -> Row:
    row = Row('label PNG of the current version cut short')
    work_dir = bench.place()
    first = bench.train(work_dir, 'inference', {'train_cfg.max_iters': 7})
    first.wait()
    store = LabelStore(work_dir / 'labels')
    path = sorted(store.labels_folder().glob('*.png'))[0]
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])
    message = bench.train(work_dir, 'inference', dict(resume=True)).wait()
    path.write_bytes(data)
    lost, problem, same = bench.judge('inference', work_dir)
    row.add(lost if path.name in message else [f'no clear message: {message}'], problem, same,
            'one message that names file and remedy; goes on once the file is back')
    return row


def dead_worker(bench: Bench) -> Row:
    row = Row('loader worker killed')
    workers = {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True}
    for source in SOURCES:
        work_dir = bench.place()
        job = bench.train(work_dir, source, workers)
        while job.process.is_alive() and not (work_dir / 'iter_4.pth').exists():
            time.sleep(0.005)
        children = Path(f'/proc/{job.process.pid}/task/{job.process.pid}/children').read_text()
        os.kill(int(children.split()[0]), signal.SIGKILL)
        problem = job.wait()
        lost, again, same = bench.judge(source, work_dir)
        # torch names the worker, or the connection to it that broke while a batch came through
        told = re.search('worker|Connection|EOF', problem)
        row.add(lost if told else [f'no error about the worker: {problem}'], again, same,
                'the run stops with an error; the next goes on by itself')
    return row


def dead_rank(bench: Bench, times: int) -> Row:
    row = Row('one of two ranks killed (DDP, gloo)')
    bench.undisturbed('pair')
    for turn in range(times):
        work_dir = bench.place()
        ranks = bench.pair(work_dir, 'online')
        time.sleep(bench.random.uniform(0.2, 1) * bench.seconds['pair'])
        ranks[turn % 2].kill()
        other = ranks[1 - turn % 2].wait(120)
        lost, problem, same = bench.judge('pair', work_dir)
        row.add(lost + ([other] if 'still running' in other else []), problem, same,
                'the other rank ends with an error; the next start goes on by itself')
    return row


def two_runs(bench: Bench) -> Row:
    row = Row('two runs on one work directory')
    work_dir = bench.place()
    first = bench.train(work_dir)
    while first.process.is_alive() and not (work_dir / 'iter_2.pth').exists():
        time.sleep(0.005)
    message = bench.train(work_dir).wait()
    problem = first.wait()
    same = not problem and bench.end('inference', work_dir) == bench.undisturbed('inference')
    row.add([] if 'is in use by' in message else [f'not refused: {message}'], problem, same,
            'the second is refused and says who works there; the first ends undisturbed')
    return row


def all_faults(bench: Bench, kills: int, places: int, pairs: int):
    """Rows, one by one; ``kills`` over four kinds of moments."""
    share = max(kills // 5, 1)
    yield lambda: kills_at_any_time(bench, 'inference', "training (source='inference')", share)
    yield lambda: kills_at_any_time(bench, 'online', "training (source='online')", share)
    yield lambda: kills_while(bench, 'labels are written', 'labels/versions/*.part', share)
    yield lambda: kills_while(bench, 'a checkpoint is written', '.tmp-*', share)
    yield lambda: kills_at_any_time(bench, 'maps', 'an extraction of activation maps',
                                    max(kills - 4 * share, 1))
    yield lambda: full_disk(bench, 'a checkpoint is written', 5, 20_000)
    yield lambda: full_disk(bench, 'labels are written', 5, 40)
    yield lambda: cut_checkpoints(bench, places)
    yield lambda: cut_label(bench)
    yield lambda: dead_worker(bench)
    yield lambda: dead_rank(bench, pairs)
    yield lambda: two_runs(bench)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=60, help='kill -9, over all kinds of moments')
    parser.add_argument('--quick', action='store_true', help='one of each fault')
    parser.add_argument('--only', default='', help='faults whose name has this in it')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments')
    parser.add_argument('--folder', help='where to work; default: a temporary folder')
    parser.add_argument('--write', metavar='PAGE', help='put the table into this page, between '
                        '<!-- faults --> and <!-- end -->')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        rows = run(Path(folder), args)
    bad = [row.fault for row in rows if not row.good]
    print(f'bad: {", ".join(bad)}' if bad else 'all as it should be')
    return int(bool(bad))


def run(folder: Path, args) -> list[Row]:
    bench = Bench(folder, args.seed)
    numbers = (5, 1, 1) if args.quick else (args.kills, 10, 4)
    rows = []

    def done():
        print(f'{rows[-1].cells()}', file=sys.stderr, flush=True)
        if args.write:
            write_table(Path(args.write), rows)

    for fault in all_faults(bench, *numbers):
        name = fault.__code__.co_names[0] + str(fault.__code__.co_consts)
        if args.only in name:
            rows.append(fault())
            done()
    if args.only in 'malicious files':
        for fault, problem in malicious_files(folder):
            rows.append(Row(fault))
            rows[-1].add([problem] if problem else [], '', True,
                         'refused with a message; no code ran, nothing was written outside')
            done()
    print(machine_report('cpu'))
    print_table('Faults', HEADER, [row.cells() for row in rows])
    return rows


def write_table(page: Path, rows: list[Row]) -> None:
    """Replace what stands between the marks of a page."""
    text = page.read_text()
    table = '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in (
        HEADER, ['---'] * len(HEADER), *[row.cells() for row in rows]))
    page.write_text(re.sub('(?<=<!-- faults -->\n).*?(?=<!-- end -->)', lambda _: table + '\n',
                           text, flags=re.DOTALL))


if __name__ == '__main__':
    sys.exit(main())
