import json

import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings
from sim2sky.simulate.command import simulate
from sim2sky.simulate.runs import read_runs
from sim2sky.simulate.settings import SuiteSettings
from sim2sky.simulate.suite import (
    batch_systems,
    halton,
    list_systems,
    make_system,
    run_system,
    simulate_batch,
)

SMALL = {
    "encounters": 2,
    "disks": 1,
    "ellipticals": 1,
    "batch_size": 2,
    "star_particles": 300,
    "halo_particles": 200,
    "softening_kpc": 1.0,
    "duration_gyr": 0.2,
    "isolated_duration_gyr": 0.1,
    "snapshot_interval_gyr": 0.05,
}


def settings(**changes):
    return SuiteSettings(**{**SMALL, **changes})


@pytest.fixture(scope="module")
def first_batch():
    return simulate_batch(settings(), 0)


def test_batches_share_out_all_systems():
    suite = SuiteSettings(encounters=5, disks=3, ellipticals=2, batch_size=4)
    batches = [batch_systems(suite, batch) for batch in range(suite.n_batches)]
    numbers = sorted(system.number for batch in batches for system in batch)
    assert numbers == list(range(10))
    assert max(map(len, batches)) <= 4
    encounters = [sum(s.kind == "encounter" for s in batch) for batch in batches]
    assert max(encounters) - min(encounters) <= 1


def test_no_such_batch():
    with pytest.raises(Sim2SkyError, match=r"no such batch; got 2; expected 0 to 1 for 4 systems"):
        simulate_batch(settings(), 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mass_ratio_min": 0.9, "mass_ratio_max": 0.5}, "mass_ratio_min must not exceed"),
        ({"isolated_duration_gyr": 0.3}, "isolated_duration_gyr must not exceed duration_gyr"),
        ({"encounters": 0, "disks": 0, "ellipticals": 0}, "at least one encounter"),
        ({"isolated_duration_gyr": 1.5, "duration_gyr": 3}, "less than or equal to 1"),
        ({"encouters": 3}, "unknown key 'encouters'"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(SuiteSettings, {**SMALL, **changes}, "config")


def test_systems_do_not_depend_on_how_many_others_there_are(first_batch):
    # encounter 0 of another suite, in another batch, with a disk more
    other = settings(encounters=1, disks=2, batch_size=4)
    run = simulate_batch(other, 0)[0]
    assert run.system == first_batch[0].system == 0
    for name in ("position", "velocity", "mass", "potential", "birth_radius"):
        assert np.array_equal(getattr(run, name), getattr(first_batch[0], name))


def test_same_settings_give_the_same_file(tmp_path, first_batch):
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in paths:
        simulate(json.dumps(SMALL), 0, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    back = read_runs(paths[0])
    assert [run.system for run in back] == [0, 2]
    assert np.array_equal(back[0].position, first_batch[0].position)
    assert back[0].mass_ratio == first_batch[0].mass_ratio


def test_another_seed_gives_other_galaxies():
    system = list_systems(settings())[2]
    bodies = [make_system(system, settings(seed=seed))[0] for seed in (1, 2)]
    assert not np.array_equal(bodies[0].position, bodies[1].position)


def test_all_systems_have_the_same_particles_and_the_same_end():
    runs = [run for batch in range(2) for run in simulate_batch(settings(), batch)]
    assert {int((run.component > 0).sum()) for run in runs} == {300}
    assert {len(run.mass) for run in runs} == {500}
    np.testing.assert_allclose([run.mass[run.component > 0].sum() for run in runs], 5.0)
    np.testing.assert_allclose([run.time_gyr[-1] for run in runs], 0.2)
    times = {run.kind: run.time_gyr for run in runs}
    np.testing.assert_allclose(times["encounter"], [0.05, 0.10, 0.15, 0.20])
    np.testing.assert_allclose(times["disk"], [0.15, 0.20])
    for run in runs:
        assert run.position.shape == (len(run.time_gyr), 500, 3)
        assert run.energy_drift < 0.01
        assert run.momentum_drift < 1e-7


def test_encounter_starts_as_two_galaxies_of_the_ratio_asked():
    suite = settings(star_particles=3000, halo_particles=1000)
    bodies, about = make_system(list_systems(suite)[1], suite)
    stars, first = bodies.stars, bodies.galaxy == 0
    ratio = bodies.mass[stars & ~first].sum() / bodies.mass[stars & first].sum()
    assert ratio == pytest.approx(about["mass_ratio"], rel=1e-3)
    assert 0.1 <= about["mass_ratio"] <= 1.0
    # equal masses of all stars, so that graininess does not tell the galaxies apart
    assert np.ptp(bodies.mass[stars]) < 2e-3 * bodies.mass[stars].mean()
    centres = [np.median(bodies.position[stars & part], axis=0) for part in (first, ~first)]
    assert np.linalg.norm(centres[0] - centres[1]) == pytest.approx(45.0, abs=0.5)
    momentum = (bodies.mass[:, None] * bodies.velocity).sum(axis=0)
    assert np.abs(momentum).max() < 1e-9 * (bodies.mass[:, None] * np.abs(bodies.velocity)).sum()


def test_a_silly_timestep_fails_loudly():
    suite = settings(timestep_gyr=0.05, steps_per_orbit=0.5)
    with pytest.raises(
        Sim2SkyError, match=r"system 3 \(elliptical 0\) at .* Gyr: total energy is not conserved"
    ) as caught:
        run_system(list_systems(suite)[3], suite)
    assert "steps_per_orbit" in str(caught.value)


def test_halton_terms_cover_the_interval():
    for base in (2, 3, 11):
        terms = [halton(index, base) for index in range(7, 7 + base**2)]
        assert np.ptp(terms) < 1.0
        counts = np.histogram(terms, bins=base, range=(0, 1))[0]
        assert (counts == base).all()
    assert [halton(i, 2) for i in range(3)] == [0.5, 0.25, 0.75]


def test_a_run_that_just_fails_is_repeated_with_a_finer_step(caplog):
    coarse = settings(
        encounters=0,
        star_particles=600,
        halo_particles=400,
        softening_kpc=0.7,
        timestep_gyr=0.02,
        steps_per_orbit=6.0,
    )
    elliptical = list_systems(coarse)[1]
    fine = run_system(elliptical, coarse.model_copy(update={"steps_per_orbit": 9.0}))
    drift = run_system(elliptical, coarse.model_copy(update={"max_energy_drift": 1.0}))[2]
    strict = {"max_energy_drift": 0.9 * drift["energy_drift"]}
    bodies, track, about = run_system(elliptical, coarse.model_copy(update=strict))
    assert "trying again with a step shorter by a third" in caplog.text
    assert about["energy_drift"] < strict["max_energy_drift"]
    assert np.array_equal(bodies.position, fine[0].position)
    assert np.array_equal(track.position, fine[1].position)


def test_a_run_that_ends_after_coalescence_is_the_beginning_of_the_whole_run():
    near = settings(
        encounters=1, disks=0, ellipticals=0, duration_gyr=1.6, separation_kpc=12.0,
        mass_ratio_min=0.8, coalescence_kpc=4.0, max_energy_drift=0.1, snapshot_interval_gyr=0.1,
    )  # fmt: skip
    system = list_systems(near)[0]
    _, whole, about = run_system(system, near)
    _, short, about_short = run_system(
        system, near.model_copy(update={"after_coalescence_gyr": 0.4})
    )
    together = about["coalescence_gyr"]
    assert together < 1.1  # else the run says nothing
    assert about_short["coalescence_gyr"] == together
    assert 0.4 <= short.time_gyr[-1] - together < 0.5
    count = len(short.time_gyr)
    assert count < len(whole.time_gyr)
    assert np.array_equal(short.position, whole.position[:count])
    assert np.isfinite(short.energy_drift)
