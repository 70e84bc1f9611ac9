"""Times of rules are read from Snakemake's benchmark files."""

import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.figures.costs import duration_text, rule_costs

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(path, *jobs):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{s}\t0:00:01\t{rss}\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n" for s, rss in jobs]
    path.write_text(HEADER + "".join(lines))


def test_jobs_are_summed_by_rule_the_dearest_first(tmp_path):
    write(tmp_path / "train_model/noise/mmd/deepmerge/0.tsv", (100, 512.5))
    write(tmp_path / "train_model/survey/mmd/deepmerge/0.tsv", (50, 800), (60, 700))
    write(tmp_path / "plot_roc/noise.tsv", (0.8, "NA"))
    write(tmp_path / "assemble_all.tsv", (400, 90))
    costs = rule_costs(tmp_path)
    assert costs["rule"].tolist() == ["assemble_all", "train_model", "plot_roc"]
    assert costs["jobs"].tolist() == [1, 3, 1]
    assert costs["seconds"].tolist() == [400, 210, 0.8]


def test_no_folder_and_no_files_give_no_rows(tmp_path):
    assert rule_costs(tmp_path / "absent").empty
    assert rule_costs(tmp_path).empty


def test_other_tables_are_refused(tmp_path):
    (tmp_path / "table.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(Sim2SkyError, match=r"table\.tsv: not a benchmark file; got a, b"):
        rule_costs(tmp_path)
    (tmp_path / "table.tsv").write_text("")
    with pytest.raises(Sim2SkyError, match="not a benchmark file"):
        rule_costs(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.14, "2.1 s"),
        (42, "42 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_read_as_spoken(seconds, text):
    assert duration_text(seconds) == text
