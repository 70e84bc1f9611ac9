"""A report as one screen of text."""

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from sim2sky.inspect.fit import Check, verdict
from sim2sky.inspect.report import Report

_COLOURS = {"fits": "green", "differs": "red", "not told": "yellow"}


def show(reports: list[Report], checks: list[Check] | None, console: Console) -> None:
    """Print reports, and below them how they go together.

    Parameters
    ----------
    reports : list of Report
        One or two.
    checks : list of Check or None
        Of the two.
    console : rich.console.Console
        Where to.
    """
    for report in reports:
        console.print(_laid_out(report))
    if checks is not None:
        table = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
        for check in checks:
            told = Text(check.verdict, _COLOURS[check.verdict])
            table.add_row(check.what, told, Text(check.says))
        console.print(Text("together", "bold"))
        console.print(Padding(table, (0, 0, 0, 2)))
        console.print(Padding(Text(verdict(checks)), (0, 0, 0, 2)))


def _laid_out(report: Report) -> Group:
    heading = Text.assemble((report.kind, "bold"), "  ", report.path)
    facts = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="cyan", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in report.facts.items():
        facts.add_row(Text(name), Text(value))
    parts = [heading, Padding(facts, (0, 0, 0, 2))]
    for table in report.tables:
        laid = RichTable(box=None, padding=(0, 2, 0, 0), header_style="cyan")
        for column in table.columns:
            laid.add_column(Text(column), overflow="fold")
        for row in table.rows:
            laid.add_row(*(Text(cell) for cell in row))
        parts += [Padding(Text(table.title, "bold"), (1, 0, 0, 2)), Padding(laid, (0, 0, 0, 2))]
    if report.notes:
        parts.append(Padding(Text("\n".join(report.notes)), (1, 0, 1, 2)))
    return Group(*parts)
