# sim2sky: from simulation snapshots to figures.
#
#   snakemake results/figures                      the quickstart of config/config.yaml
#   snakemake --profile slurm                      the same on a Slurm cluster
#   snakemake --configfile config/full.yaml        another configuration, whole
#
# The stages stand in the order in which the data flows; each rule calls the
# command of the same name: `sim2sky <stage> --help`.
from snakemake.utils import min_version

min_version("9.15")


# A configuration given on the command line replaces the quickstart, it is not merged into it.
if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/head.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/retrieve.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/project.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/observe.smk"
include: "workflow/rules/build.smk"
include: "workflow/rules/published.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/realism.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/baseline.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/ladder.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/fraction.smk"
include: "workflow/rules/reliability.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/check.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,


rule all:
    default_target: True
    input:
        "results/figures",
        catalogue_files,
