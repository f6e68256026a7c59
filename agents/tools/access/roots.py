"""Another root for the authority, exchanged without a gap, in three steps with time between them.

`begin`: there is a new root beside the old one. Both are trusted, the old one signs; parties that renew their
certificates by themselves learn of the new one over the broker, and believe it because the old one has signed it.
`switch`: the new one signs, the broker's certificate included; parties ask for new certificates by themselves.
`finish`: the old one is not trusted any more.
"""

import shutil
from datetime import datetime
from pathlib import Path

from agents.runtime.files.private import PRIVATE, put
from agents.settings.checked import ConfigError
from agents.tools.access import certificates as made
from agents.tools.access.authority import LAST, NEXT, Authority
from agents.tools.access.certificates import common_name, pem

FILES = ("ca.crt", "ca.key", "crl.pem")


def begin(folder: Path, now: datetime) -> str:
    """Make the new root; its name. Raises ConfigError."""
    authority = Authority(folder)
    if authority.others:
        raise ConfigError(f"{folder}: a root is being exchanged already: {_stage(folder)}")
    base, _, number = common_name(authority.root.certificate).rpartition(" root ")
    name = f"{base or number} root {int(number) + 1 if base and number.isdecimal() else 2}"[-64:]
    root, fresh = made.authority(name, now), folder / ".next"
    fresh.mkdir(mode=0o700, exist_ok=True)
    put(fresh / "ca.key", root.key_pem, PRIVATE)
    put(fresh / "ca.crt", root.certificate_pem)
    put(fresh / "crl.pem", pem(made.revocation_list(root, authority.revoked(), now)))
    fresh.rename(folder / NEXT)
    return name


def switch(folder: Path) -> None:
    """Let the new root sign. Raises ConfigError."""
    if not (folder / NEXT).exists():
        raise ConfigError(f"{folder}: there is no new root yet: begin with 'gridpact ca roll {folder} begin'")
    (folder / LAST).mkdir(mode=0o700, exist_ok=True)
    for name in FILES:  # one that was cut off goes on where it was
        if not (folder / LAST / name).exists():
            (folder / name).rename(folder / LAST / name)
        if (folder / NEXT / name).exists():
            (folder / NEXT / name).rename(folder / name)
    (folder / NEXT).rmdir()


def finish(folder: Path, now: datetime, *, anyway: bool = False) -> None:
    """Trust the old root no longer. Raises ConfigError while parties have no other certificate than one of it."""
    if not (folder / LAST).exists():
        raise ConfigError(f"{folder}: there is no old root: {_stage(folder)}")
    left = waiting(folder, now)
    if left and not anyway:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise ConfigError(
            f"{', '.join(left[:3])}{more}: have no certificate of the new root yet: wait, or enrol them again"
        )
    shutil.rmtree(folder / LAST)


def waiting(folder: Path, now: datetime) -> list[str]:
    """Parties whose newest certificate is not one of the root that signs."""
    authority = Authority(folder)
    revoked, subject = authority.revoked(), authority.root.certificate.subject
    good = [one for one in authority.clients() if one.serial_number not in revoked and one.not_valid_after_utc > now]
    renewed = {common_name(one) for one in good if one.issuer == subject}
    return sorted({common_name(one) for one in good} - renewed)


def announcement(authority: Authority, now: datetime) -> bytes:
    """What parties are told: the roots that are trusted, the one that signs first, each signed by each of the others."""
    roots = [authority.root, *authority.others]
    crosses = [made.crossed(one.certificate, other, now) for one in roots for other in roots if one is not other]
    return authority.certificate_pem + b"".join(map(pem, crosses))


def _stage(folder: Path) -> str:
    if (folder / NEXT).exists():
        return f"go on with 'gridpact ca roll {folder} switch'"
    return f"go on with 'gridpact ca roll {folder} finish'" if (folder / LAST).exists() else "nothing is under way"
