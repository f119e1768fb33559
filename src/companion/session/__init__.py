"""What the running notebook is: profile, device, cluster, folders, events."""


def __getattr__(name: str) -> object:
    # Resolved on first use, so that importing the package costs nothing and ties nothing to it.
    if name in ("here", "current_session"):
        from companion.session import current

        return {"here": current.here, "current_session": current.current}[name]
    raise AttributeError(f"companion.session has no {name!r}")
