import os
import signal
import subprocess
import sys

import pytest

from companion.run.interrupts import GRACE_VARIABLE, SIGNALS, listening, shielded
from companion.session import interruption


def test_interrupts_are_counted_and_then_as_before(capfd):
    before = [signal.getsignal(number) for number in SIGNALS]
    with listening() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked and not stop.at_once
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.at_once
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert "SIGINT: stopping" in capfd.readouterr().err


@pytest.mark.parametrize(("number", "grace"), [(signal.SIGUSR1, 90.0), (signal.SIGTERM, 20.0)])
def test_a_warning_gives_time_to_save_and_a_second_signal_ends(
    number: signal.Signals, grace: float, monkeypatch: pytest.MonkeyPatch, capfd
):
    monkeypatch.setenv(GRACE_VARIABLE, "90")
    with listening() as stop:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGUSR1)  # said twice is said once
        assert stop.ending and not stop.asked and stop.grace == grace
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked and not stop.at_once
    assert f"{number.name}: saving and ending within {grace:.0f} s" in capfd.readouterr().err


def test_a_warning_from_before_the_run_began_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interruption, "_asked", True)
    with listening() as stop:
        assert stop.ending and not stop.asked


def test_a_hang_up_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_started_under_the_shield_does_not_see_ctrl_c():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    with shielded():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "alive\n"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
