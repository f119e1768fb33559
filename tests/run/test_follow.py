import io
from pathlib import Path

import pytest
from rich.console import Console

from companion.run import follow
from companion.run.follow import EventFile, LiveBars, PlainLines, audience
from companion.run.outcome import Outcome
from companion.run.plan import Request, Step


def plain() -> Console:
    return Console(file=io.StringIO(), width=200)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def progress(done: int, label: str = "census") -> dict[str, object]:
    return {
        "kind": "progress", "notebook": "tiny", "label": label,
        "done": done, "total": 10, "unit": "runs", "eta_seconds": 7.0,
    }  # fmt: skip


def waiting(key: str) -> dict[str, object]:
    return {"kind": "waiting", "notebook": "tiny", "text": f"{key} is being computed by another process"}


def test_events_come_once_and_whole(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    news = EventFile(path)
    assert news.read() == []
    path.write_text('{"kind": "a"}\n{"kind": ')
    assert news.read() == [{"kind": "a"}]
    assert news.read() == []
    with path.open("a") as handle:
        handle.write('"b"}\n')
    assert news.read() == [{"kind": "b"}]


def test_a_line_that_a_kill_cut_is_passed_over(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"kind": "a"}\n{"ki{"kind": "b"}\n[1]\n{"other": 1}\n\xff\n{"kind": "c"}\n', encoding="latin-1"
    )
    assert [event["kind"] for event in EventFile(path).read()] == ["a", "c"]


def test_plain_lines_are_two_seconds_apart_for_each_label(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(follow.time, "monotonic", lambda: clock[0])
    console = plain()
    lines = PlainLines(console)
    for second, done in enumerate(range(0, 10, 2)):
        clock[0] = 100.0 + second
        lines.show([progress(done), progress(done, "other")])
    assert written(console).splitlines() == [
        "tiny: census 4/10 runs, 7.0 s left",
        "tiny: other 4/10 runs, 7.0 s left",
        "tiny: census 8/10 runs, 7.0 s left",
        "tiny: other 8/10 runs, 7.0 s left",
    ]


@pytest.mark.parametrize("listener", [PlainLines, LiveBars])
def test_messages_are_said_and_once_for_each_key_that_it_is_waited_for(listener):
    console = plain()
    with listener(console) as lines:
        lines.started("tiny")
        lines.show(
            [
                {"kind": "message", "notebook": "tiny", "text": "tiny: device auto is cpu"},
                {"kind": "message", "notebook": None, "text": "from the [bold]run"},
                {"kind": "message", "notebook": None, "text": "from the [bold]run"},
                waiting("k1"),
                waiting("k2"),
                {"kind": "result", "notebook": "tiny", "key": "k1", "function": "f", "status": "hit"},
                {"kind": "cell", "notebook": "tiny", "done": 1, "total": 3},
                progress(1),
            ]
        )
        lines.show([waiting("k1")])
    said = written(console)
    assert "tiny: device auto is cpu\n" in said
    assert "run: from the [bold]run\n" in said
    assert said.count("tiny: k1 is being computed by another process\n") == 1
    assert said.count("tiny: k2 is being computed by another process\n") == 1


@pytest.mark.parametrize("listener", [PlainLines, LiveBars])
def test_an_end_is_said_with_what_must_be_known(listener, ran_step: Step):
    console = plain()
    with listener(console) as lines:
        lines.started("tiny")
        lines.ended(Outcome(ran_step, "failed", 61.2, remarks=["code changed while it ran"]))
    assert "tiny: FAILED after 1 min 01 s; code changed while it ran\n" in written(console)


@pytest.fixture
def ran_step(tiny: Path) -> Step:
    from companion.run.choose import Wishes, choose
    from companion.run.plan import make_plan

    (request,) = choose(Wishes(["tiny"])).requests
    assert isinstance(request, Request)
    (step,) = make_plan([request])
    return step


def test_a_pipe_gets_lines_and_a_terminal_bars():
    assert isinstance(audience(plain()), PlainLines)
    assert isinstance(audience(Console(file=io.StringIO(), force_terminal=True)), LiveBars)
