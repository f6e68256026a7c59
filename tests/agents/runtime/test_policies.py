from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packages import forget, put

from agents.negotiation.policies import SHIPPED, PolicyKind
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.build import build_actor
from agents.runtime.files.config import load_config
from agents.runtime.policies import chosen, names, policy
from agents.settings.checked import ConfigError
from agents.settings.daemon import Role
from agents.settings.parties import AggregatorSettings

Install = Callable[..., Path]
BODY = """
class Nothing:
    def values(self, asked_w, members, over_request):
        return {}

nothing = Nothing()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with one policy on the path."""

    def put_one(point: str, value: str, package: str = "other", body: str = BODY) -> Path:
        return put(tmp_path / package, monkeypatch, {point: value}, body, package)

    forget()
    yield put_one
    monkeypatch.undo()
    forget()


def aggregator(**settings: str) -> AggregatorSettings:
    return AggregatorSettings(name="ra-1", parent="ac", **settings)  # type: ignore[arg-type]


def test_shipped_name_is_the_shipped_policy_itself(install: Install) -> None:
    assert policy("x", PolicyKind.SHARING, "merit_order") is SHIPPED["sharing.merit_order"]
    assert names(PolicyKind.SHARING) == ("proportional", "merit_order", "least_relay_wear")


def test_installed_policy_is_found_and_watched(install: Install) -> None:
    install("request_values.nothing", "nothing_module:nothing")
    found = chosen(aggregator(request_values="nothing"), "x")
    assert found.request_values.values((100,), [], True) == {}
    assert type(found.request_values).__name__ == "CheckedValues"
    assert names(PolicyKind.REQUEST_VALUES) == ("fair", "merit_order", "nothing")


def test_unknown_name_is_one_sentence_with_the_names_that_there_are(install: Install) -> None:
    install("request_values.nothing", "nothing_module:nothing")
    text = "ra.toml: request_values: no policy evenly is installed; there are fair, merit_order, nothing"
    with pytest.raises(ConfigError, match=f"^{text}$"):
        chosen(aggregator(request_values="evenly"), "ra.toml")


def test_policy_of_another_kind_and_another_spelling_are_unknown(install: Install) -> None:
    with pytest.raises(
        ConfigError, match="sharing: no policy Merit-Order is installed; there are proportional, merit_"
    ):
        chosen(aggregator(sharing="Merit-Order"), "x")
    with pytest.raises(ConfigError, match="sharing: no policy fair is installed"):
        chosen(aggregator(sharing="fair"), "x")


def test_daemon_file_with_an_unknown_policy_is_refused_with_its_table(install: Install, tmp_path: Path) -> None:
    file = tmp_path / "ra.toml"
    file.write_text('[aggregator]\nname = "ra-1"\nparent = "ac"\nsharing = "odd"\n')
    with pytest.raises(ConfigError, match=r"ra\.toml: aggregator: sharing: no policy odd is installed; there are prop"):
        load_config(file, Role.AGGREGATOR)


def test_actor_is_built_with_the_policy_that_its_settings_name(install: Install) -> None:
    install("request_values.nothing", "nothing_module:nothing")
    actor = build_actor(aggregator(request_values="nothing"))
    assert isinstance(actor, Aggregator)
    assert type(actor.policies.of(actor.settings).request_values).__name__ == "CheckedValues"
    with pytest.raises(ConfigError, match=r"^kept: ra-1: sharing: no policy odd"):
        build_actor(aggregator(sharing="odd"), "kept")


def test_name_of_two_packages_is_refused_where_it_is_used(install: Install) -> None:
    install("request_values.nothing", "one_module:nothing", "one")
    install("request_values.nothing", "two_module:nothing", "two")
    install("request_values.fair", "three_module:nothing", "three")
    with pytest.raises(ConfigError, match=r"one 1\.0 and two 1\.0 each have a policy nothing: uninstall all but one"):
        chosen(aggregator(request_values="nothing"), "x")
    with pytest.raises(ConfigError, match=r"gridpact and three 1\.0 each have a policy fair"):
        chosen(aggregator(), "x")


@pytest.mark.parametrize(
    ("value", "body", "text"),
    [
        (
            "broken:nothing",
            "1 / 0",
            "broken:nothing of other 1.0 cannot be loaded: ZeroDivisionError: division by zero",
        ),
        ("empty:nothing", "", "cannot be loaded: AttributeError"),
        ("kind:Nothing", BODY, "kind:Nothing of other 1.0 is no object with a method values"),
        ("text:nothing", "nothing = 'x'", "is no object with a method values"),
    ],
)
def test_package_that_cannot_be_used_is_named(install: Install, value: str, body: str, text: str) -> None:
    install("request_values.nothing", value, body=body)
    with pytest.raises(ConfigError, match=text):
        chosen(aggregator(request_values="nothing"), "x")
