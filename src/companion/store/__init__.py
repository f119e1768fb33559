"""Content-addressed results: whole or absent, never recomputed while nothing changed."""


def __getattr__(name: str) -> object:
    # Resolved on first use, so that importing the package costs nothing and ties nothing to it.
    if name in ("stored", "workspace"):
        from companion.store import durable

        return getattr(durable, name)
    if name == "load":
        from companion.store.loading import load

        return load
    raise AttributeError(f"companion.store has no {name!r}")
