"""Random generators that belong to names, never to workers or to call order."""

import hashlib

import numpy as np

#: Root seed of every confirmatory run. Exploration never uses it: ``settings.types.Seed`` refuses it.
CONFIRMATORY_ROOT = 2604_09412


def seed_sequence(root: int, *name: str | int) -> np.random.SeedSequence:
    """Seed sequence of the task called ``name`` under the root seed ``root``.

    The name is hashed into the spawn key, so the same task draws the same numbers whichever
    worker runs it, in whatever order, and however many tasks stand beside it.

    >>> int(seed_sequence(0, "census", 3).generate_state(1)[0]) == int(
    ...     seed_sequence(0, "census", 3).generate_state(1)[0])
    True
    """
    # NumPy's integers name the same task as Python's.
    text = "\x1f".join(f"str:{part}" if isinstance(part, str) else f"int:{int(part)}" for part in name)
    digest = hashlib.sha256(text.encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    return np.random.SeedSequence(entropy=root, spawn_key=tuple(int(word) for word in words))


def generator(root: int, *name: str | int) -> np.random.Generator:
    """NumPy generator (PCG64) of the task called ``name`` under the root seed ``root``."""
    return np.random.Generator(np.random.PCG64(seed_sequence(root, *name)))
