"""A Mosquitto with passwords and an access list, as the documentation makes it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from broker.mosquitto import free_port, program

USERS = ("recorder", "watcher", "device")
ACCESS = """
user recorder
topic read dr/#

user watcher
topic read dr/#

user device
topic readwrite dr/#
"""
"""As docs/recordings.md and docs/watch.md tell it."""


@asynccontextmanager
async def guarded_broker(folder: Path) -> AsyncIterator[int]:
    """Its port. The password of each user is `of-` and its name."""
    passwords, access, conf, port = folder / "passwords", folder / "access", folder / "guarded.conf", free_port()
    passwords.touch(0o600)
    for user in USERS:
        making = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(passwords), user, f"of-{user}")
        assert await making.wait() == 0
    access.write_text(ACCESS)
    access.chmod(0o600)
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nacl_file {access}\n"
        + ("user root\n" if os.geteuid() == 0 else "")
    )
    process = await asyncio.create_subprocess_exec(program(), "-c", str(conf), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(10):
            while not (await process.stderr.readline()).rstrip().endswith(b"running"):
                pass
        yield port
    finally:
        process.terminate()
        await process.communicate()
