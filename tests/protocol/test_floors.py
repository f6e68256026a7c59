"""The floors protocol <- broker <- agents, read from the imports: who may know what."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {"protocol": {"protocol"}, "broker": {"protocol", "broker"}, "agents": {"protocol", "broker", "agents"}}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for floor in FLOORS
    for path in sorted((ROOT / floor).rglob("*.py"))
}
IMPURE = {
    "aiomqtt", "asyncio", "concurrent", "gmqtt", "http", "logging", "multiprocessing", "os", "paho", "pathlib", "random",
    "secrets", "select", "signal", "socket", "sqlite3", "ssl", "prometheus_client", "structlog", "subprocess", "tempfile", "threading",
    "time", "urllib", "uuid",
}  # fmt: skip
SHELL = {
    "agents.shell", "agents.daemon", "agents.control", "agents.up", "agents.notify", "agents.cli", "agents.exits",
    "agents.config", "agents.scenario", "agents.from_csv", "agents.toml_out", "agents.board", "agents.view",
    "agents.simulate", "agents.ours", "agents.members_file", "agents.forecast", "agents.behaviour", "agents.included",
    "agents.narrate", "agents.drivers", "agents.reading", "agents.journal", "agents.journal_schema", "agents.journal_writer", "agents.journal_archive", "agents.journal_file", "agents.built", "agents.signals", "agents.snapshot", "agents.record", "agents.anonymise", "agents.journal_export", "agents.lease", "agents.memory", "agents.metrics", "agents.doctor",
    "agents.replay", "agents.pytest_plugin", "agents.outgoing", "agents.intercepted", "agents.alerts", "agents.skew", "agents.study",
    "agents.fleet.compiled",
    "agents.watch.live", "agents.watch.shows", "agents.watch.panels", "agents.watch.keys",
    "agents.explain.sources", "agents.explain.text", "agents.explain.page",
    "agents.fleet.homes", "agents.fleet.gateway", "agents.fleet.keeping", "agents.fleet.process", "agents.fleet.sources",
}  # fmt: skip
"""What carries the actors into the world. All else in agents/ is an actor or a part of one."""


def imports(module: str, path: Path, *, at_import_time: bool = False) -> Iterator[str]:
    """The modules that a file imports, as full names (a name imported from a package counts as a module if it is one).

    `at_import_time` leaves out what stands in functions and under TYPE_CHECKING.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_import_time else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (full if (full := f"{source}.{alias.name}") in FILES else source for alias in node.names)


def is_pure(module: str) -> bool:
    return not module.startswith("broker") and not any(
        module == shell or module.startswith(f"{shell}.") for shell in SHELL
    )


@pytest.mark.parametrize("module", FILES)
def test_a_floor_imports_only_itself_and_what_lies_below(module: str) -> None:
    allowed = FLOORS[module.split(".")[0]]
    ours = {name.split(".")[0] for name in imports(module, FILES[module])} & set(FLOORS)
    assert ours <= allowed


@pytest.mark.parametrize("module", [module for module in FILES if is_pure(module)])
def test_actors_and_language_have_no_io_no_clock_no_chance(module: str) -> None:
    found = {name for name in imports(module, FILES[module]) if name.split(".")[0] in IMPURE}
    assert found == set()


@pytest.mark.parametrize("module", [module for module in FILES if is_pure(module) and module.startswith("agents")])
def test_actors_know_neither_the_carriers_nor_the_shell(module: str) -> None:
    found = {name for name in imports(module, FILES[module]) if name.startswith(("broker", "agents"))}
    assert {name for name in found if not is_pure(name)} == set()


def test_only_the_links_and_the_probe_know_an_mqtt_library() -> None:
    users = {
        m
        for m, path in FILES.items()
        for name in imports(m, path)
        if name.split(".")[0] in ("aiomqtt", "gmqtt", "paho")
    }
    assert users == {"broker.aiomqtt_link", "broker.gmqtt_link", "broker.probe"}


def test_no_imports_run_in_a_circle() -> None:
    graph = {
        m: {name for name in imports(m, path, at_import_time=True) if name in FILES} - {m} for m, path in FILES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imports run in a circle: {error.args[1]}")


def test_the_reader_of_imports_sees_what_it_should() -> None:
    assert "protocol.messages" in set(imports("protocol.codec", FILES["protocol.codec"]))
    assert "asyncio" in set(imports("broker.mqtt", FILES["broker.mqtt"]))
    assert {"agents.der.actor", "agents.coordinator", "agents.utility"} <= {m for m in FILES if is_pure(m)}
