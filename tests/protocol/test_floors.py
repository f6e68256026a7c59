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
ROOMS = ("settings", "devices", "negotiation", "parties", "drivers", "history", "runtime", "tools", "pages", "cli")
"""The rooms of agents/, in the order of their imports: a room imports itself and those before it."""
PURE = ("settings", "devices", "negotiation", "parties", "history")
"""Rooms without input, output, clock or chance."""
ALLOWED = {
    "agents.devices.rows.compiled": {"concurrent.futures", "os"},
    "agents.settings.daemon": {"pathlib"},
    "agents.settings.forecast": {"pathlib"},
}
"""The exceptions: pure arithmetic on as many threads as there are processors; a path as a value."""
OUTSIDE = {"agents", "agents.pytest_plugin"}
"""What stands directly in agents/."""


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


def room(module: str) -> str:
    """The room of a module of agents/; empty outside of the rooms."""
    return module.split(".")[1] if module.startswith("agents.") and module not in OUTSIDE else ""


def is_pure(module: str) -> bool:
    return module.startswith("protocol") or room(module) in PURE


@pytest.mark.parametrize("module", FILES)
def test_a_floor_imports_only_itself_and_what_lies_below(module: str) -> None:
    allowed = FLOORS[module.split(".")[0]]
    ours = {name.split(".")[0] for name in imports(module, FILES[module])} & set(FLOORS)
    assert ours <= allowed


@pytest.mark.parametrize("module", [module for module in FILES if is_pure(module)])
def test_actors_and_language_have_no_io_no_clock_no_chance(module: str) -> None:
    found = {name for name in imports(module, FILES[module]) if name.split(".")[0] in IMPURE}
    assert found == set(ALLOWED.get(module, ()))


@pytest.mark.parametrize("module", [module for module in FILES if is_pure(module)])
def test_actors_know_no_carrier(module: str) -> None:
    found = {name for name in imports(module, FILES[module]) if name.startswith("broker")}
    assert found == set()


@pytest.mark.parametrize("module", [module for module in FILES if room(module)])
def test_a_room_imports_only_itself_and_those_before_it(module: str) -> None:
    allowed = ROOMS[: ROOMS.index(room(module)) + 1]
    assert {room(name) for name in imports(module, FILES[module])} - {""} <= set(allowed)


def test_agents_has_at_most_ten_rooms_and_no_loose_module() -> None:
    folders = {path.name for path in (ROOT / "agents").iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= set(ROOMS)
    assert len(ROOMS) <= 10
    assert {path.stem for path in (ROOT / "agents").glob("*.py")} == {"__init__", "pytest_plugin"}


@pytest.mark.parametrize("name", [name for name in ROOMS if (ROOT / "agents" / name).is_dir()])
def test_a_room_says_what_lives_in_it_what_it_may_import_and_where_to_begin(name: str) -> None:
    lines = (ast.get_docstring(ast.parse(FILES[f"agents.{name}"].read_text())) or "").splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("May import ")
    begin = lines[2].removeprefix("Begin with ").removesuffix(".").split(", then ")
    assert all((ROOT / "agents" / name / file).is_file() for file in begin)


def test_only_the_links_and_the_probe_know_an_mqtt_library() -> None:
    users = {
        m
        for m, path in FILES.items()
        for name in imports(m, path)
        if name.split(".")[0] in ("aiomqtt", "gmqtt", "paho")
    }
    assert users == {"broker.aiomqtt_link", "broker.gmqtt_link", "broker.gmqtt_names", "broker.probe"}


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
    assert {"agents.parties.der.actor", "agents.parties.coordinator.actor", "agents.parties.utility.actor"} <= {
        m for m in FILES if is_pure(m)
    }


def test_no_class_name_stands_for_two_things() -> None:
    places: dict[str, list[str]] = {}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
