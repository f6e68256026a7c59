"""What was found in a device before it followed us, in a file that outlives us."""

import json
from collections.abc import Mapping
from pathlib import Path

from agents.drivers.contract import DeviceTrouble
from broker.private import put_whole


class FoundValues:
    """Properties by their codes; there while the device is ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def is_kept(self) -> bool:
        """Whether something is to be given back, also where it cannot be read."""
        return self._path.exists()

    def load(self) -> dict[int, bytes] | None:
        """None: the device is its own. Raises DeviceTrouble."""
        try:
            found = json.loads(self._path.read_text())
            return {int(code, 16): bytes.fromhex(value) for code, value in found.items()}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError, TypeError):
            raise DeviceTrouble(
                f"{self._path} cannot be read: set the device by hand to what it did before, and delete the file"
            ) from None

    def keep(self, found: Mapping[int, bytes]) -> None:
        """Raises DeviceTrouble: what cannot be given back is not taken."""
        try:
            put_whole(self._path, json.dumps({f"{code:02X}": value.hex() for code, value in found.items()}).encode())
        except OSError as error:
            raise DeviceTrouble(f"{self._path} cannot be written: {error.strerror}") from None

    def drop(self) -> None:
        """It was given back."""
        self._path.unlink(missing_ok=True)
