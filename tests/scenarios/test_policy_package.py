"""The example package of a policy, built and installed as a stranger does it: named in a scenario, used, replayed."""

from pathlib import Path

import pytest
from packages import install, program
from paths import EXAMPLES, TINY

from agents.tools.replay.source import RecordingSource
from agents.tools.replay.wire import on_the_wire
from protocol import messages as m


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install("policy_package", tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One aggregator names the policy; its members' capacities differ."""
    file = tmp_path_factory.mktemp("scenario") / "tiny.toml"
    text = TINY.read_text().replace("[20000, 20000]", "[12000, 12000]")
    file.write_text(text.replace('name = "ra-2"\n', 'name = "ra-2"\nrequest_values = "evenly"\n'))
    return file


@pytest.fixture(scope="module")
def journals(site: Path, scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journals") / "tiny"
    done = program("agents.cli", "simulate", scenario, "--journals", folder, site=site)
    assert done.returncode == 0, done.stderr
    return folder


def test_members_are_asked_for_what_the_installed_policy_says(journals: Path) -> None:
    said = [one for one in on_the_wire(RecordingSource(journals).lines()) if one.sender == "ra-2"]
    asked: dict[str, tuple[int, ...]] = {}
    for one in said:  # what is asked first; the rung `surplus` asks for more
        if isinstance(one.message, m.Request):
            asked.setdefault(one.edge.child, one.message.power_w)
    assert asked == {"hems-b": (2073, 2073), "hems-c": (2072, 2072)}  # by capacity it would be 3015 and 1130


def test_journal_is_verified_where_its_policy_is_installed(site: Path, journals: Path) -> None:
    done = program("agents.cli", "replay", "verify", journals, site=site)
    assert done.returncode == 0, done.stderr
    assert "every decision is made again, byte for byte" in done.stdout


def test_journal_whose_policy_is_not_installed_is_refused_in_one_sentence(journals: Path) -> None:
    expected = "ra-2: request_values: no policy evenly is installed; there are fair, merit_order\n"
    done = program("agents.cli", "replay", "verify", journals)
    assert (done.returncode, done.stderr) == (2, f"gridpact: ra-2.journal: {expected}")
    done = program("agents.cli", "replay", "what-if", journals, "--no-relax")
    assert (done.returncode, done.stderr) == (2, f"gridpact: {journals}: {expected}")


def test_deal_is_explained_without_its_policy(journals: Path) -> None:
    done = program("agents.cli", "explain", "e1", "--journals", journals)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ra-2" in done.stdout


def test_what_if_leaves_a_policy_that_is_not_installed(journals: Path) -> None:
    done = program("agents.cli", "replay", "what-if", journals, "--set", "ra-2.request_values=fair")
    assert (done.returncode, done.stderr) == (0, "")


def test_scenario_whose_policy_is_not_installed_is_refused_in_one_sentence(scenario: Path) -> None:
    done = program("agents.cli", "simulate", scenario)
    text = f"{scenario}: aggregators[1]: request_values: no policy evenly is installed; there are fair, merit_order\n"
    assert (done.returncode, done.stderr) == (2, f"gridpact: {text}")


def test_tests_of_the_package_pass_with_the_plugin(site: Path) -> None:
    done = program("pytest", "-q", "-p", "no:cacheprovider", site=site, cwd=EXAMPLES / "policy_package")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
