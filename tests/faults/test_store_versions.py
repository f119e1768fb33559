"""Stores that an older or a newer version wrote."""

import json

import pytest

pytestmark = pytest.mark.faults


def test_results_of_an_older_version_are_read_and_of_a_newer_one_computed_again(finished, undisturbed):
    store = finished.root / "build/store"
    for number, path in enumerate(sorted(store.glob("*/*/manifest.json"))):
        manifest = json.loads(path.read_text())
        assert manifest.pop("format") == 1
        if number == 0:  # no more than a result needs to be read
            manifest = {name: manifest[name] for name in ("key", "function", "result_sha256")}
        path.write_text(json.dumps(manifest))
    newer = finished.result("tiny_study.summary")
    manifest = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(
        json.dumps(manifest | {"format": 2, "result_sha256": {"of": "parts"}})
    )
    for command in ("ls", "verify", "prune"):
        said = finished.run("store", command)
        assert said.code in (0, 1) and "Traceback" not in said.said
    assert finished.run("--dry-run").said == "tiny: nothing to do\n"
    (finished.root / "build/runs/laptop/tiny.record.json").write_text('{"of": "another time"}')
    ended = finished.run()
    assert ended.code == 0, ended.said
    assert f"{newer}: written by another version, in form 2; this one reads 1; moved to" in ended.said
    computed = [line for line in finished.past_events() if '"computed"' in line]
    assert len(computed) == 1 and "tiny_study.summary" in computed[0]
    assert json.loads((newer / "manifest.json").read_text())["format"] == 1
    assert finished.lasting() == undisturbed.lasting
