from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Misconfigured
from jurymast.settings import Secret, Settings
from jurymast.watchlist import Chain, parse


class HealthMonitorSettings(Settings, frozen=True, kw_only=True):
    chains_file: str = ""
    """The chains to watch, as `jurymast.watchlist` describes them; none when empty."""
    observer_key: Secret = Secret("")
    """32 bytes in hexadecimal. Without one, this monitor watches and signs nothing."""
    max_body_kib: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 512
    """Larger answers of providers are not read."""

    def chains(self) -> tuple[Chain, ...]:
        if not self.chains_file:
            return ()
        try:
            return parse(Path(self.chains_file).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: {self.chains_file} is not a text file") from None
        except OSError as error:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: cannot read {self.chains_file}: {error.strerror}") from None
        except Misconfigured as error:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: {self.chains_file}: {error}") from None

    def signing_key(self) -> SigningKey | None:
        if not self.observer_key:
            return None
        try:
            return SigningKey(bytes.fromhex(self.observer_key.removeprefix("0x")))
        except ValueError:  # Its text could hold part of the key.
            raise Misconfigured("JURYMAST_OBSERVER_KEY: a secp256k1 key is 32 bytes in hexadecimal") from None
