"""Every command of the README, typed as it stands there, from the repository's root."""

import pytest

pytestmark = pytest.mark.workflow


def test_dry_run_of_the_quickstart_plans_every_stage(project):
    rules = project.planned_rules()
    for rule in (
        "simulate_systems", "assemble_simulation", "select_galaxies", "project_maps",
        "observe_stamps", "build_dataset", "audit_experiment", "train_model",
        "evaluate_model", "aggregate_scores", "explain_model", "embed_latents",
        "calibrate_model", "search_outliers", "judge_reliability",
        "evaluate_model", "aggregate_scores", "explain_model", "embed_latents", "explore_model",
        "plot_roc", "plot_mosaic", "figures",
    ):  # fmt: skip
        assert rule in rules


def test_single_figure_needs_no_other_figure(project):
    rules = project.planned_rules("results/experiments/noise/roc.png")
    assert "plot_roc" in rules
    assert not rules & {"figures", "plot_gradcam", "explain_model", "embed_latents"}


def test_slurm_profile_is_found_by_its_name(project):
    run = project.snakemake("--profile", "slurm", "-n")
    assert "train_model" in run.stdout + run.stderr
    assert "Using profiles slurm" in run.stdout + run.stderr


@pytest.mark.parametrize("config", ["full", "survey_images", "test/config"])
def test_other_configurations_replace_the_quickstart(project, config):
    if config == "survey_images":
        # the user's own folder: any folder will do for a dry run
        (project.folder / "images").mkdir(exist_ok=True)
        (project.folder / "labels.csv").touch()
    rules = project.planned_rules("--configfile", f"config/{config}.yaml")
    assert "train_model" in rules


def test_what_more_claims_need_is_added_to_the_quickstart(project):
    words = ("--configfile", "config/config.yaml", "config/claims.yaml")
    rules = project.planned_rules("results/figures", *words)
    assert {"measure_shapes", "predict_baseline", "plot_ladder"} <= rules


def test_realism_is_planned_where_it_is_asked_for(project):
    assert not {"compare_realism", "plot_realism"} & project.planned_rules()
    rules = project.planned_rules("results/experiments/noise/realism.png")
    assert {"compare_realism", "plot_realism", "measure_shapes"} <= rules
    assert not rules & {"train_model", "figures"}
    (project.folder / "images").mkdir(exist_ok=True)
    (project.folder / "labels.csv").touch()
    rules = project.planned_rules("--configfile", "config/survey_images.yaml")
    assert {"compare_realism", "plot_realism"} <= rules


def test_attacks_are_planned_where_they_are_asked_for(project):
    stage = {"attack_model", "compare_attacks", "plot_attack", "plot_church_window"}
    assert stage <= project.planned_rules()
    rules = project.planned_rules("results/experiments/noise/attack.png")
    assert {"attack_model", "compare_attacks", "train_model"} <= rules
    assert not rules & {"figures", "plot_church_window", "explain_model"}
    # real images are no twins of the mocks: they can be attacked, but have no church window
    (project.folder / "images").mkdir(exist_ok=True)
    (project.folder / "labels.csv").touch()
    rules = project.planned_rules("--configfile", "config/survey_images.yaml")
    assert not stage & rules


def test_the_ladder_is_observed_once_for_all_models(project):
    rules = project.planned_rules()
    stage = {"observe_ladder", "ladder_model", "join_ladder", "plot_ladder", "plot_exposure"}
    assert stage <= rules
    rules = project.planned_rules("results/experiments/noise/rungs.h5")
    assert "observe_ladder" in rules
    assert not rules & {"train_model", "ladder_model"}
    # a ladder belongs to the experiments that ask for one
    run = project.snakemake(
        "results/experiments/identical/rungs.h5",
        *("-n", "--configfile", "config/full.yaml"),
        check=False,
    )
    assert run.returncode != 0


def test_from_frames_to_the_merger_fraction(project):
    (project.folder / "frames").mkdir(exist_ok=True)
    words = ("--configfile", "config/my_survey.yaml")
    rules = project.planned_rules(*words)
    assert {"detect_objects", "observe_stamps", "train_model", "calibrate_model"} <= rules
    assert {"predict_catalogue", "plot_realism"} <= rules
    rules = project.planned_rules("results/fractions/my_survey.json", *words)
    assert {"detect_objects", "predict_catalogue", "estimate_fraction"} <= rules
    # mocks are laid on the frames' sky
    rules = project.planned_rules("results/domains/survey_mocks/stamps/000.h5", *words)
    assert {"detect_objects", "project_maps"} <= rules


def test_tuning_is_planned_where_it_is_asked_for(project, tuned):
    words = tuned(project)
    stage = {"train_trial", "score_trial", "choose_trial", "evaluate_trial", "measure_regret"}
    assert not stage & project.planned_rules(*words[:2])
    assert stage | {"plot_regret"} <= project.planned_rules(*words)
    # a final model needs the choice, but none of what is measured afterwards
    model = "results/experiments/tuned/models/mmd/deepmerge/0/model.pt"
    rules = project.planned_rules(model, *words)
    assert {"train_trial", "score_trial", "choose_trial"} <= rules
    assert not {"evaluate_trial", "measure_regret"} & rules


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds:", "seed:", r"unknown key 'experiments.noise.seed'; known keys:"),
        ("target: noisy", "target: nosy", "experiments.noise.target: 'nosy' is not defined"),
        ("methods: [", "methods: [mdm, ", "experiments.noise.methods: 'mdm' is not defined"),
        ("survey: hst_wfc3_acs", "survey: hst", "domains.pristine.survey: no such file"),
        ("bands: [F814W", "bands: [F606W", "domains.pristine.observe.bands: a band is not in"),
    ],
)
def test_typo_in_the_configuration_is_named(project, old, new, message):
    text = (project.folder / "config/test/config.yaml").read_text()
    assert old in text
    bad = project.folder / "config/test/typo.yaml"
    bad.write_text(text.replace(old, new))
    run = project.snakemake("-n", "--configfile", str(bad), check=False)
    assert run.returncode != 0
    assert message in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_missing_simulation_is_named(project):
    text = (project.folder / "config/test/config.yaml").read_text()
    bad = project.folder / "config/test/missing.yaml"
    bad.write_text(text.replace("suite: tiny", "path: /no/such/TNG100-1"))
    run = project.snakemake("-n", "--configfile", str(bad), check=False)
    assert run.returncode != 0
    assert "simulations.distant.path: no such file or directory; got /no/such/TNG100-1" in (
        run.stdout + run.stderr
    )
