"""Which task a worker ran when it ended: Dask blames every task that the worker had, also those that only waited."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from distributed import Client

_METADATA_KEY = "companion-begun"

#: How often a task is tried again that Dask gave up and that seems to be innocent.
_MOST_TRIES = 20


class Witness:
    """Learns from the workers of one sweep which of its tasks they begin, before they do.

    The scheduler keeps what they say, because a worker that is killed can be asked nothing.
    """

    def __init__(self, client: "Client"):
        self._client = client
        self._sweep = uuid4().hex
        self._tries = Counter[int]()

    def watching(self, task: Callable[..., Any]) -> Callable[..., Any]:
        """``task`` for a worker, with its index in the sweep as another first argument."""
        return partial(_run_witnessed, task, self._sweep)

    def guilty(self, given_up: Mapping[int, int]) -> dict[int, int]:
        """Those of the tasks that Dask gave up which did end workers, with their number.

        ``given_up`` has the tasks' indices, each with the ends of workers that Dask allows it. One that ended no
        more than these was waiting behind others, and is to be tried again; yet not for ever, as workers may end
        on loading it.
        """
        if not given_up:
            return {}
        said: Any = self._client.get_metadata([_METADATA_KEY, self._sweep], default={})
        self._tries.update(given_up.keys())
        ended = {index: sum(said.get(str(index), {}).values()) for index in given_up}
        return {
            index: ended[index] or self._tries[index]
            for index, allowed in given_up.items()
            if ended[index] > allowed or self._tries[index] > _MOST_TRIES
        }

    def forget(self) -> None:
        """Have the scheduler drop what was said."""
        with contextlib.suppress(OSError):
            self._client.set_metadata([_METADATA_KEY, self._sweep], None)


def _run_witnessed(task: Callable[..., Any], sweep: str, index: int, *given: Any) -> Any:
    from distributed import Reschedule

    _say(sweep, index, 1)
    try:
        return task(*given)
    except Reschedule:
        _say(sweep, index, 0)  # handed on in good order
        raise


def _say(sweep: str, index: int, begun: int) -> None:
    """Tell the scheduler, and wait until it knows: a message on its way would die with the worker."""
    from distributed import get_worker
    from distributed.utils import sync

    worker = get_worker()
    keys = [_METADATA_KEY, sweep, str(index), worker.id]
    with contextlib.suppress(OSError):  # unsaid, its death is not held against the task
        sync(worker.loop, worker.scheduler.set_metadata, keys=keys, value=begun)
