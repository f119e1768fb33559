"""Being asked to end soon: by real signals to this process, put back as they were."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from companion.session import interruption

_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    interruption.forget()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_signal_asks_and_work_stops_where_it_chooses():
    interruption.install()
    interruption.stop_if_asked()
    assert not interruption.asked()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert interruption.asked()
    with pytest.raises(interruption.Resumable, match="goes on from there"):
        interruption.stop_if_asked()
    interruption.forget()
    interruption.stop_if_asked()


def test_termination_asks_only_where_that_is_wanted():
    before = signal.getsignal(signal.SIGTERM)
    interruption.install()
    assert signal.getsignal(signal.SIGTERM) is before
    interruption.install(terminate=True)
    os.kill(os.getpid(), signal.SIGTERM)
    assert interruption.asked()


def test_a_signal_that_came_too_early_is_heard_once_somebody_listens():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.pthread_kill(
        threading.get_ident(), signal.SIGUSR1
    )  # other threads of the tests do not hold it back
    assert not interruption.asked()
    interruption.install()
    assert interruption.asked()


def test_other_threads_change_nothing():
    before = signal.getsignal(signal.SIGUSR1)
    thread = threading.Thread(target=interruption.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR1) is before
