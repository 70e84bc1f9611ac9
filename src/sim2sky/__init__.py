"""Simulated galaxies to the sky: mocks, datasets, domain adaptation and figures."""


def __getattr__(name: str) -> str:
    # most commands need no version, and looking it up takes as long as importing NumPy
    if name == "__version__":
        from importlib.metadata import version

        return version("sim2sky")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
