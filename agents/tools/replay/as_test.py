"""A recording kept as a test: its steps in one compressed file, and beside it the transcript that a person reads."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from agents.settings.checked import ConfigError
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.bus import Post
from broker.recording import Recording, transcript
from broker.recording_file import Header, RecordingWriter, Step
from protocol.actor import Send
from protocol.codec import encode
from protocol.edges import topic
from protocol.entries import decode_effects

ENDING = ".jsonl.gz"


def golden_text(steps: Iterable[Step]) -> str:
    """The transcript of what the parties of a recording sent."""
    posts: list[tuple[datetime, str, Post]] = []
    for step in steps:
        for effect in decode_effects(step.effects):
            if isinstance(effect, Send):
                post = Post(topic(effect.message.kind, effect.edge), encode(effect.message))
                posts.append((step.at, step.actor, post))
    return transcript(Recording.of(posts))


def keep(source: RecordingSource, out: Path, software: str) -> tuple[Path, Path]:
    """Write a recording that can be verified, and its transcript, beside each other; both files. Raises ConfigError
    when it has no steps or differs from what this software decides, RecordingError when it is there already."""
    if not out.name:
        raise ConfigError(f"--out: {out}: is no name of files, such as tests/recordings/evening")
    result = verify(source)
    if result.divergence is not None:
        raise ConfigError(f"{source.path}: is not what this gridpact decides: see 'gridpact replay verify'")
    if result.first_at is None:
        raise ConfigError(f"{source.path}: has no steps that could be verified")
    recording, golden = out.with_name(out.name + ENDING), out.with_name(out.name + ".txt")
    given = tuple(one.model_dump(mode="json", exclude_none=True) for one in source.configurations)
    steps = [line for line in source.lines() if isinstance(line, Step)]
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = RecordingWriter(recording, Header("journal", software, result.first_at, given))
    for step in steps:
        writer.write(step)
    writer.close()
    golden.write_text(golden_text(steps), encoding="utf-8")
    return recording, golden
