"""Reading what lies on disk: nothing there, something damaged, everything in order."""

from companion.site.inventory import parse_claims, take_inventory


def test_an_empty_project_has_nothing_and_no_problem(tmp_path):
    inventory = take_inventory(tmp_path)
    assert not inventory.figures
    assert not inventory.problems


def test_figures_come_by_profile_and_count_like_people(small_project):
    for profile, identifier in [
        ("smoke", "p1_f1_a"),
        ("laptop", "p1_f10_b"),
        ("laptop", "p1_f2_c"),
        ("mine", "p1_f1_a"),
    ]:
        small_project.figure(identifier, profile)
    inventory = take_inventory(small_project.root)
    found = [(figure.profile, figure.id) for figure in inventory.figures]
    assert found == [("laptop", "p1_f2_c"), ("laptop", "p1_f10_b"), ("smoke", "p1_f1_a"), ("mine", "p1_f1_a")]
    assert inventory.figures[0].image_size == (60, 40)
    assert set(inventory.figures[0].files) == {".png", ".pdf", ".csv", ".json"}


def test_the_folder_for_comparisons_is_no_profile(small_project):
    small_project.figure(profile="check")
    assert not take_inventory(small_project.root).figures


def test_damaged_files_are_named_and_the_rest_is_read(small_project):
    small_project.figure("p1_f2_fine")
    small_project.write("figures/laptop/p1_f3_cut.json", '{"id": "p1_f3')
    small_project.write("figures/laptop/p1_f4_odd.json", {"id": "p1_f4_odd", "claims": 3})
    small_project.write("figures/laptop/p1_f5_moved.json", {"id": "p1_f9_other"})
    small_project.figure("p1_f6_no_image")
    small_project.write("figures/laptop/p1_f6_no_image.png", b"not a PNG")
    small_project.write("build/runs/laptop/a.record.json", [1])
    small_project.write("build/runs/laptop/summary.json", "")
    inventory = take_inventory(small_project.root)
    assert [figure.id for figure in inventory.figures] == ["p1_f2_fine", "p1_f6_no_image"]
    assert inventory.figures[1].image_size is None
    assert ".png" not in inventory.figures[1].files
    names = [problem.split(":")[0] for problem in inventory.problems]
    assert names == [
        "figures/laptop/p1_f3_cut.json",
        "figures/laptop/p1_f4_odd.json",
        "figures/laptop/p1_f5_moved.json",
        "figures/laptop/p1_f6_no_image.png",
        "build/runs/laptop/a.record.json",
        "build/runs/laptop/summary.json",
    ]


def test_one_damaged_claim_costs_only_itself(small_project):
    content = {"p1_c1_a": small_project.claim("p1_c1_a"), "p1_c2_b": {"verdict": "perhaps"}, "p1_c3_c": 4}
    entries, problems = parse_claims(content)
    assert list(entries) == ["p1_c1_a"]
    assert [problem.split(":")[0] for problem in problems] == ["p1_c2_b", "p1_c3_c"]


def test_claims_that_are_no_mapping_are_refused():
    assert parse_claims([1])[1] == ["a mapping of claim ids to entries is needed"]


def test_infinite_values_are_numbers(small_project):
    entries, problems = parse_claims({"p1_c1_a": small_project.claim(value="inf", interval=[1.0, "inf"])})
    assert not problems
    assert entries["p1_c1_a"].value == float("inf")


def test_runs_summaries_and_notebooks_are_found(small_project):
    small_project.run()
    small_project.notebook(small_project.text("# A"))
    small_project.notebook(small_project.text("# B"), name="p3_other.failed")
    small_project.write("build/runs/smoke/summary.json", {"notebooks": [{"name": "p3_other"}]})
    inventory = take_inventory(small_project.root)
    assert inventory.runs["laptop", "p1_relu_landscape"].seconds == 83.2
    assert set(inventory.executed) == {("laptop", "p1_relu_landscape"), ("laptop", "p3_other.failed")}
    assert inventory.summaries["smoke"].notebooks[0].name == "p3_other"
