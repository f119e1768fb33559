"""Many short tasks over one connection: sent together, and their outcomes fetched together."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client, Future

# Tasks in one message to the scheduler: their arguments travel with them.
_SENT_AT_ONCE = 50


def submit(
    client: "Client", task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], **options: Any
) -> dict["Future", int]:
    """Send ``task(*arguments[index])`` for each index; the futures with their indices.

    ``options`` are those of `distributed.Client.map`, such as ``resources``.
    """
    columns = [list(column) for column in zip(*arguments, strict=True)]
    if not columns:
        return {}
    sent = client.map(task, *columns, pure=False, batch_size=_SENT_AT_ONCE, **options)
    return dict(zip(sent, count(), strict=False))


def fetch_together(client: "Client", ended: Iterable["Future"]) -> list[tuple["Future", Any]]:
    """Those of ``ended`` that ended well with their outcomes, which come in one message."""
    whole = [future for future in ended if future.status == "finished"]
    outcomes: Any = client.gather(whole)
    return list(zip(whole, outcomes, strict=True))
