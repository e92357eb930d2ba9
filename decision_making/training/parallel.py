"""Work on several processes or machines, all of it through `in_parallel`, and rollouts done so.

Tasks go through `joblib.Parallel`, so joblib's configuration decides where they run: processes of this machine, a Dask
cluster (`scheduler=`, or `parallel_config("dask")` around the call), Ray by joblib's own backend for it. Three rules
make the result the same bit for bit wherever that is: a task is a function of its arguments alone, how the work is cut
into tasks does not depend on the number of workers, and a worker computes with one thread.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from decision_making.checks import Array, Named, count, function, refuse
from decision_making.problem import RNG, Actor, Collects, Problem, StartDistribution, offers
from decision_making.sampling import default_rng
from decision_making.simulation import rollouts
from decision_making.trajectories import Trajectories

if TYPE_CHECKING:
    from distributed import Client
    from joblib.parallel import ParallelBackendBase

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 3  # times in a row that workers may be lost before any task has finished
WAIT = 10  # seconds to reach a scheduler

# held by the task of this process; a nested call in the same thread may take it again
_BUSY = threading.RLock()
_PARENT: list[int] = []  # the process that started this one to work for it


class WorkerLostError(RuntimeError):
    """A task's worker was lost again and again; `index` says which task."""

    def __init__(self, index: int):
        super().__init__(f"the worker of task {index} was lost {RETRIES + 1} times: is there memory enough for it?")
        self.index = index


def in_parallel(
    f: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Generator[tuple[int, Result], None, None]:
    """(i, f(tasks[i])) for every task, once each, in the order in which they finish.

    `workers` processes of this machine (-1: as many as cores; None: what joblib's configuration around the call says,
    else 1), or the workers of the Dask cluster at `scheduler`. f and the tasks are pickled. A worker that is lost, as
    by SIGKILL, takes down the tasks that run: what has not been yielded is submitted again.

    Raises RuntimeError, saying what to change, where a worker would compute with more than one thread; WorkerLostError
    where a task loses every worker; what f raises; ValueError for wrong arguments, OSError for no scheduler.
    """
    function(None, Named("f"), f)
    check_workers(workers, scheduler)
    with ExitStack() as stack:
        client = None if scheduler is None else stack.enter_context(_client(scheduler))
        left, lost = dict(enumerate(tasks)), 0
        while left:
            # the first tasks are those that ran when a worker was lost; one that runs alone is the one to blame
            alone = lost >= RETRIES
            some = list(left.items())[: 1 if alone else None]
            outputs: Iterator[tuple[int, Result]] = iter(())
            try:
                outputs = _submitted(f, some, workers, client)
                for i, result in outputs:
                    del left[i]
                    lost = 0
                    yield i, result
            except Exception as error:
                if not _is_loss(error):
                    raise
                if alone:
                    raise WorkerLostError(some[0][0]) from error
                lost += 1
            finally:
                if isinstance(outputs, Generator):
                    outputs.close()  # kills the workers of what was not waited for


def check_workers(workers: int | None, scheduler: str | None) -> None:
    """Raise ValueError where `in_parallel` would refuse them."""
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if workers is not None and not (whole and (workers >= 1 or workers == -1)):
        refuse(None, "workers", workers, "a whole number >= 1, or -1 for one a core")
    if workers is not None and scheduler is not None:
        raise ValueError(f"workers = {workers} with scheduler = {scheduler!r}: a cluster has its own number of workers")


def parallel_rollouts(
    P: Problem,
    b: StartDistribution,
    π: Actor,
    θ: Array,
    d: int,
    m: int,
    rng: RNG = None,
    *,
    blocks: int = 16,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Trajectories:
    """`rollouts` in `blocks` parts, each from a random stream of its own, concatenated in the order of the parts.

    The trajectories depend on the seed and on `blocks`, not on the number of workers (see `in_parallel`), bit for bit;
    so does any update of them: `update(M, π, θ, τs=parallel_rollouts(...))`. With one block too they are others than
    those of `rollouts` with the same seed: the stream is spawned. More blocks than trajectories are m blocks.

    Raises as `rollouts` and `in_parallel` do (a trajectory is counted within its block), TypeError for a problem with
    live environments: `ParallelProblem` is the one for them.
    """
    for name, k in (("d", d), ("m", m), ("blocks", blocks)):
        count(None, Named(name), k)
    if offers(P, Collects):
        allowed = "a problem with a sampler TR; live environments go on where they are, and are for ParallelProblem"
        refuse(None, "P", P, allowed, TypeError)
    θ, blocks = np.asarray(θ), min(int(blocks), int(m))
    edges = np.arange(blocks + 1) * m // blocks
    tasks = [
        (P, b, π, θ[i:j] if θ.ndim == 2 else θ, d, int(j - i), stream)
        for i, j, stream in zip(edges[:-1], edges[1:], default_rng(rng).spawn(blocks), strict=True)
    ]
    parts: dict[int, Trajectories] = dict(in_parallel(_rollouts, tasks, workers=workers, scheduler=scheduler))
    return _concatenated([parts[i] for i in range(blocks)])


def end_if_orphaned() -> None:
    """End this process at once if it works for one that is gone, as after SIGKILL: nobody would take the result.

    A long task calls it now and then. What it leaves is what its own SIGKILL would leave.
    """
    if _PARENT and os.getppid() != _PARENT[0]:
        os._exit(1)


def _rollouts(task: tuple[Any, ...]) -> Trajectories:
    return rollouts(*task)


def _concatenated(parts: list[Trajectories]) -> Trajectories:
    """One batch, stored step by step however the parts came: sums of it then have the same bits."""
    m, d = sum(map(len, parts)), parts[0].r.shape[1]

    def steps(name: str) -> Array:
        xs = [getattr(τs, name).swapaxes(0, 1) for τs in parts]
        whole: Array = np.empty((d, m, *xs[0].shape[2:]), xs[0].dtype)
        return np.concatenate(xs, axis=1, out=whole).swapaxes(0, 1)

    mask = None if all(τs.full for τs in parts) else steps("mask")
    ends = (np.concatenate([getattr(τs, name) for τs in parts]) for name in ("s_end", "terminated", "truncated"))
    return Trajectories(steps("s"), steps("a"), steps("r"), mask, *ends)


def _client(scheduler: str) -> Client:
    from distributed import Client

    try:
        return Client(scheduler, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise OSError(f"scheduler = {scheduler!r}: no Dask scheduler answers there ({error})") from error


def _submitted(
    f: Callable[[Task], Result], some: list[tuple[int, Task]], workers: int | None, client: Client | None
) -> Iterator[tuple[int, Result]]:
    """(i, result) of each task, unordered; the tasks have been handed to joblib."""
    from joblib import Parallel, delayed, parallel_config

    with ExitStack() as stack:
        if client is not None:
            stack.enter_context(parallel_config("dask", client=client))
        backend, n = _backend(workers)
        if type(backend).__name__ == "LokyBackend":  # the threads of libraries that a task imports later, too
            stack.enter_context(parallel_config("loky", n_jobs=n, inner_max_num_threads=1))
        # Ray's backend gives all results at the end
        kind = "generator_unordered" if backend.supports_return_generator else "list"
        work = Parallel(n_jobs=n, return_as=kind, batch_size=1)
        return iter(work(delayed(_one_at_a_time)(f, i, task, os.getpid()) for i, task in some))


class OnACluster(Protocol):
    """A backend of joblib that works on a Dask cluster."""

    @property
    def client(self) -> Client:
        """Dask's handle of the cluster."""


def _backend(workers: int | None) -> tuple[ParallelBackendBase, int]:
    """joblib's active backend and the number of jobs, if work may be done there."""
    from joblib.parallel import MultiprocessingBackend, ThreadingBackend, get_active_backend

    backend, configured = get_active_backend()
    n = workers if workers is not None else 1 if configured is None else configured
    if offers(backend, OnACluster):
        _check_cluster(backend.client)
    elif n != 1 and isinstance(backend, ThreadingBackend):
        raise RuntimeError(
            "joblib's threading backend is refused: autograd keeps one global trace, so that threads mix their "
            'derivatives; use processes: parallel_config("loky"), which is the default'
        )
    elif n != 1 and type(backend) is MultiprocessingBackend:  # Ray's is derived from it
        raise RuntimeError(
            "joblib's multiprocessing backend is refused: it waits for ever for a worker that was killed; "
            'use parallel_config("loky"), which is the default'
        )
    return backend, n


def _check_cluster(client: Client) -> None:
    threads = client.ncores()
    wide = [f"{address} has {n}" for address, n in threads.items() if n != 1]
    if wide:
        raise RuntimeError(_threads(f"{', '.join(wide[:3])}{', ...' if wide[3:] else ''}"))
    if sum(address.startswith("inproc://") for address in threads) > 1:
        raise RuntimeError(_threads("the workers are threads of one process (processes=False)"))


def _threads(found: str) -> str:
    return (
        f"a worker must have one thread, and {found}: autograd is not thread-safe; start workers with "
        "`dask worker --nthreads 1 --nworkers N`, or LocalCluster(n_workers=N, threads_per_worker=1)"
    )


def _is_loss(error: Exception) -> bool:
    """Whether the error says that a worker is gone, in loky, Dask or Ray."""
    names = ("KilledWorker", "WorkerCrashedError", "RayActorError", "ActorDiedError")
    return isinstance(error, BrokenExecutor) or any(kind.__name__ in names for kind in type(error).__mro__)


def _one_at_a_time(f: Callable[[Task], Result], i: int, task: Task, parent: int) -> tuple[int, Result]:
    """(i, f(task)), in a worker: one compute thread, one task at a time in a process."""
    import scipy.linalg  # noqa: F401  # its BLAS must be loaded to be limited
    from threadpoolctl import ThreadpoolController

    if "distributed" in sys.modules:
        _check_dask_worker()
    if os.getppid() == parent:
        _PARENT[:] = [parent]
    end_if_orphaned()
    if os.getpid() != parent and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the workers
    if not _BUSY.acquire(blocking=False):
        raise RuntimeError(_threads("this process has two tasks at a time"))
    try:
        controller = ThreadpoolController()
        with controller.limit(limits=1):
            for library in controller.lib_controllers:
                if library.get_num_threads() not in (None, 1):
                    raise RuntimeError(
                        f"{library.filepath} keeps {library.get_num_threads()} threads, so that sums depend on the "
                        "machine: start the worker with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1"
                    )
            return i, f(task)
    finally:
        _BUSY.release()


def _check_dask_worker() -> None:
    """Check the worker itself: it may have joined after `_check_cluster` has looked."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # this is no Dask worker
        return
    if worker.state.nthreads != 1:
        raise RuntimeError(_threads(f"{worker.address} has {worker.state.nthreads}"))
