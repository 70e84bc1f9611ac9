"""What is told about a file, before it is laid out on a screen."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Images:
    """What must agree for images to go together, or through a model.

    Attributes
    ----------
    bands : list of str or None
        Names in order; None if the files do not say.
    n_bands : int or None
        How many channels.
    height, width : int or None
        Pixels.
    pixel_scale_arcsec : float or None
        Side of a pixel.
    units : str or None
        ``"nJy"`` per pixel, ``"8bit"`` or others.
    classes : list of str or None
        Of the labels, or those that a model tells apart.
    """

    bands: list[str] | None = None
    n_bands: int | None = None
    height: int | None = None
    width: int | None = None
    pixel_scale_arcsec: float | None = None
    units: str | None = None
    classes: list[str] | None = None


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes
    ----------
    title : str
        What the rows are.
    columns : list of str
        Their names.
    rows : list of list of str
        One text for each column.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass
class Report:
    """What a path holds.

    Attributes
    ----------
    path : str
        As it was given.
    kind : str
        One or two words.
    facts : dict of str
        Name and value, in the order in which they are shown.
    tables : list of Table
        More of them.
    notes : list of str
        Sentences: what it is good for, what is wrong with it.
    images : Images or None
        Set where there are images, or a model of them.
    """

    path: str
    kind: str
    facts: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    images: Images | None = None

    def as_dict(self) -> dict:
        """Return plain types for JSON."""
        return asdict(self)
