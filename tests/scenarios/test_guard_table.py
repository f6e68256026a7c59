"""The table of guards fits the code, and each has a test that is there."""

import json

from guards import NOTICED, ROOT, all_guards, without


def test_every_guard_of_the_table_stands_in_its_file_and_has_a_test_that_notices() -> None:
    noted = json.loads(NOTICED.read_text())
    guards = list(all_guards())
    assert len(guards) >= 60
    assert {guard.name for _, guard in guards} == set(noted)
    for file, guard in guards:
        compile(without((ROOT / file).read_text(), guard), file, "exec")
    for test in noted.values():
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()
