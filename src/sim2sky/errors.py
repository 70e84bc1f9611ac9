"""The one error that a user is meant to read.

Every problem with a user's input (configuration, files, values) is raised as
`Sim2SkyError`; the command line prints it without a traceback and exits with
status 1. Anything else that escapes is a bug.
"""


class Sim2SkyError(ValueError):
    """Bad input, described so that the user can mend it.

    Parameters
    ----------
    what : str
        What is wrong, as a sentence without a full stop.
    where : object, optional
        File, HDF5 path, row or configuration key.
    got, expected : object, optional
        The offending value and what would have been accepted.
    fix : str, optional
        What to do about it.

    Examples
    --------
    >>> print(Sim2SkyError("unknown band", where="hst.yaml: bands", got="F999",
    ...                    expected="F814W or F160W", fix="correct the name"))
    hst.yaml: bands: unknown band; got F999; expected F814W or F160W; correct the name
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        got: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.got = got
        self.expected = expected
        self.fix = fix
        text = f"{where}: {what}" if where is not None else what
        if got is not None:
            text += f"; got {got}"
        if expected is not None:
            text += f"; expected {expected}"
        if fix is not None:
            text += f"; {fix}"
        super().__init__(text)
