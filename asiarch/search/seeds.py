"""Seeds from a counter: every random number of a search is a function of who asks for it.

seed = H(master, run, candidate, role, k). Nothing is drawn from a shared stream, so neither the
order of jobs, nor the number of workers, nor what was resumed changes a seed. The role is part of
what is hashed and stands in two bits of the seed besides: what was used to train or to select can
never turn up in a confirmation, not even by a collision of the hash.
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

Role = Literal["train", "select", "confirm", "test"]
ROLES: tuple[Role, ...] = get_args(Role)
BITS = 63


def seed(master: int, run: str, candidate: str, role: Role, k: int) -> int:
    """The k-th seed of a role: an integer in [0, 2^63), uniform but for the role's two bits.

    For seeds that candidates are compared on, `candidate` is the same string for all of them
    (paired seeds); `candidate` is a candidate's own id where they must differ.

    Raises ValueError for an unknown role or a negative k.
    """
    if role not in ROLES:
        raise ValueError(f"a seed's role is one of {', '.join(ROLES)}, not {role!r}")
    if k < 0:
        raise ValueError(f"seeds are counted from 0, not {k}")
    fields = (str(master), run, candidate, role, str(k))
    # Each field with its length before it: ("a", "bc") and ("ab", "c") must differ.
    text = b"".join(
        len(part).to_bytes(8, "big") + part
        for part in (field.encode("utf-8", "surrogatepass") for field in fields)
    )
    number = int.from_bytes(hashlib.sha256(b"asiarch seed 1\0" + text).digest()[:8], "big")
    return ((number >> 1) & ~0b11) | ROLES.index(role)


def role_of(number: int) -> Role:
    """The role that a seed was made for."""
    if not 0 <= number < 1 << BITS:
        raise ValueError(f"{number} is no seed: seeds are integers in [0, 2^{BITS})")
    return ROLES[number & 0b11]
