"""The gallery while a long run goes on: built again, in a process of its own, as notebooks end.

Verdicts are merged before, so that a new picture never stands beside an old one.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from companion.run import verdicts
from companion.run.execute import Audience
from companion.run.outcome import Outcome
from companion.session.root import project_root

#: Seconds between two builds, and before the first: short runs build once, at their end.
SPACING = 60.0
_PATIENCE = 10.0


class GrowingGallery:
    """Passes on what happens to ``audience``; what has ended can be looked at while the rest is computed.

    A build that fails says nothing: the run builds the gallery at its end, and tells what is wrong with it.
    """

    def __init__(self, audience: Audience, profile: str, spacing: float = SPACING) -> None:
        self._audience = audience
        self._profile = profile
        self._ended: list[Outcome] = []
        self._spacing = spacing
        self._last = time.monotonic()
        self._building: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End a build that is going on: the run builds the gallery itself when all has ended."""
        if self._building is None:
            return
        self._building.send_signal(signal.SIGINT)
        try:
            self._building.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._building.kill()
            self._building.wait()

    def started(self, name: str) -> None:
        """A notebook starts."""
        self._audience.started(name)

    def show(self, news: Sequence[Mapping[str, Any]]) -> None:
        """The latest events."""
        self._audience.show(news)

    def ended(self, outcome: Outcome) -> None:
        """A notebook ended; build the gallery if none is being built and the last one is some time ago."""
        self._audience.ended(outcome)
        self._ended.append(outcome)
        now = time.monotonic()
        building = self._building is not None and self._building.poll() is None
        if outcome.status != "done" or building or now - self._last < self._spacing:
            return
        self._last = now
        with contextlib.suppress(
            ValueError, OSError
        ):  # told when the run ends, as what is wrong with the gallery is
            verdicts.merge(self._profile, self._ended)
        self._building = subprocess.Popen(
            [sys.executable, "-m", "companion.run.growing"],
            cwd=project_root(),
            env=os.environ | {"COMPANION_ROOT": str(project_root())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == "__main__":
    from companion.run.gallery import refresh

    os.nice(10)  # the notebooks come first
    refresh()
