"""The contract of docs/protocol read by others than ourselves: the AsyncAPI parser and Ajv take the documents, and every
message of a shipped evening."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import node
import paths

from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from protocol.edges import BESIDE, ROUTES, Way, parse_topic

WARNING = 1
"""Of the parser's severities: an error is 0, a hint 2 or more."""


def messages() -> list[dict[str, Any]]:
    """Those of the golden transcripts of two evenings, and the examples of the pages."""
    found = []
    for scenario in ("evening_peak", "midday_surplus"):
        simulation = build_simulation(load_scenario(Path(scenario)), seed=1)
        simulation.run()
        for _, _, post in simulation.posts:
            if post.payload:
                found.append({"kind": parse_topic(post.topic)[0], "body": json.loads(post.payload)})
    page = (paths.DOCS / "messages.md").read_text()
    for topic, body in re.findall(r"^`dr/(\w+)/.*?`\n\n```json\n(.*?)```", page, re.MULTILINE | re.DOTALL):
        found.append({"kind": topic, "body": json.loads(body)})
    return found


@cache
def validated() -> dict[str, Any]:
    wrong = {"kind": "confirm", "body": {"message_id": "wrong", "accepted": "yes"}}
    lines = "\n".join(json.dumps(one) for one in [*messages(), wrong])
    command = (node.node(), str(node.FOLDER / "validate.cjs"), str(paths.DOCS / "protocol"))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_asyncapi_parser_takes_the_document() -> None:
    assert [one for one in validated()["diagnostics"] if one["severity"] <= WARNING] == []


def test_document_has_what_a_device_sends_and_hears() -> None:
    actions = {Way.DOWN: {"receive"}, Way.UP: {"send"}, Way.EITHER: {"send", "receive"}}
    wanted = {f"{act} dr/{kind}/{{parent}}/{{child}}" for kind, route in ROUTES.items() for act in actions[route.way]}
    beside = {f"receive dr/{kind}/{{party}}/{{event}}" for kind in BESIDE}
    assert set(validated()["operations"]) == wanted | beside


def test_every_message_of_the_golden_transcripts_is_taken_and_a_wrong_one_is_not() -> None:
    told = validated()
    assert set(told["counts"]) == {*ROUTES, *BESIDE}
    assert sum(told["counts"].values()) > 500
    assert [(one["by"], one["body"]["message_id"]) for one in told["faults"]] == [
        ("schema", "wrong"),
        ("asyncapi", "wrong"),
    ]
