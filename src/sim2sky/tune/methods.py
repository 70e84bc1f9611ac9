"""Which method to use on a survey without labels: what each criterion says, and what it costs.

After an experiment each of its methods has a model per seed. Of these, a user whose
survey has no labels has to take one; the criteria judge them by validation rows. Where
the target has labels after all, the regret of a choice is measured afterwards on its
test rows: the balanced accuracy of the best method less that of the chosen one.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, mean_over_seeds
from sim2sky.evaluate.comparison import with_interval
from sim2sky.evaluate.predictions import resampled_scores
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.tune.choice import is_candidate, trial_score
from sim2sky.tune.regret import CRITERIA, EvaluatedTrial, spearman

SCORE = "balanced_accuracy"  # by which methods are judged on the target


def method_table(models: Sequence[EvaluatedTrial], settings: EvaluateSettings) -> pd.DataFrame:
    """Return how every method stands by every criterion, and what taking it costs.

    Methods that train on target labels and those with shuffled labels, a control, are no
    candidates. A criterion's score of a method is the mean over its seeds, and the method
    with the highest is chosen.

    Parameters
    ----------
    models : sequence of EvaluatedTrial
        All models of an experiment; the number of a trial is the seed.
    settings : EvaluateSettings
        Resampling.

    Returns
    -------
    pandas.DataFrame
        One row per network, criterion and method. Columns: experiment, network, criterion,
        method, n_seeds; ``score`` and its ``score_seed_std``, NaN where a seed has none;
        ``chosen``; ``chosen_seeds``, in how many seeds by itself the method would be chosen;
        ``balanced_accuracy`` on the target's test rows, mean over seeds, and ``regret``, each
        with ``_low`` and ``_high`` (the best method is that of the whole sample in every
        resample); ``rank_correlation`` (Spearman) of score and balanced accuracy over the
        methods. The last nine are NaN where the target has no labels.

    Raises
    ------
    Sim2SkyError
        If there are fewer than two candidates, or their seeds differ.
    """
    candidates = [model for model in models if is_candidate(model.scores)]
    rows = []
    for network in dict.fromkeys(model.scores["network"] for model in candidates):
        of_network = [model for model in candidates if model.scores["network"] == network]
        rows += [{"network": network} | row for row in _network_rows(of_network, settings)]
    if not rows:
        raise Sim2SkyError(
            "there is nothing to choose between",
            got=f"{len(models)} models, none of a method without target labels",
            expected="models of two such methods",
        )
    table = pd.DataFrame(rows)
    table.insert(0, "experiment", candidates[0].predictions["experiment"].iloc[0])
    return table


def _network_rows(
    models: Sequence[EvaluatedTrial], settings: EvaluateSettings
) -> list[dict[str, object]]:
    """Return the rows of one network."""
    by_method: dict[str, list[EvaluatedTrial]] = {}
    for model in models:
        by_method.setdefault(model.scores["method"], []).append(model)
    seeds = {name: [model.scores["trial"] for model in own] for name, own in by_method.items()}
    if len(by_method) < 2 or len({tuple(sorted(own)) for own in seeds.values()}) > 1:
        raise Sim2SkyError(
            "methods cannot be compared",
            got=", ".join(f"{name} with seeds {own}" for name, own in seeds.items()),
            expected="two methods or more, with the same seeds",
        )
    truth = _truth(by_method, settings)
    rows = []
    for criterion in CRITERIA:
        scores = np.array(
            [
                [_score(model.scores, criterion) for model in _by_seed(own)]
                for own in by_method.values()
            ]
        )
        rows += _criterion_rows(criterion, list(by_method), scores, truth)
    return rows


def _criterion_rows(
    criterion: str, methods: list[str], scores: np.ndarray, truth: list[dict[str, float]]
) -> list[dict[str, object]]:
    """Return the rows of one criterion from its scores (methods, seeds)."""
    mean = scores.mean(axis=1)
    known = np.isfinite(mean)
    chosen = int(np.nanargmax(mean)) if known.any() else -1
    own_choice = np.where(np.isfinite(scores), scores, -np.inf).argmax(axis=0)
    own_choice = own_choice[np.isfinite(scores).any(axis=0)]
    accuracy = np.array([row[SCORE] for row in truth])
    return [
        {
            "criterion": criterion,
            "method": method,
            "n_seeds": scores.shape[1],
            "score": mean[place],
            "score_seed_std": scores[place].std(ddof=1) if scores.shape[1] > 1 else np.nan,
            "chosen": place == chosen,
            "chosen_seeds": int((own_choice == place).sum()),
            **truth[place],
            "rank_correlation": spearman(mean[known], accuracy[known]),
        }
        for place, method in enumerate(methods)
    ]


def _truth(
    by_method: dict[str, list[EvaluatedTrial]], settings: EvaluateSettings
) -> list[dict[str, float]]:
    """Return each method's accuracy on the target and its regret, NaN without labels."""
    first = next(iter(by_method.values()))[0].predictions
    if not (first["label"] >= 0).any():
        names = (SCORE, "regret")
        columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
        return [dict.fromkeys(columns, np.nan) for _ in by_method]
    resampling = Resampling.draw(
        first["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    accuracy = np.stack(
        [
            mean_over_seeds(
                np.stack(
                    [
                        resampled_scores(model.predictions, resampling, settings)[SCORE]
                        for model in own
                    ]
                )
            )
            for own in by_method.values()
        ]
    )
    best = accuracy[accuracy[:, 0].argmax()]
    return [
        with_interval(SCORE, own, settings.interval)
        | with_interval("regret", best - own, settings.interval)
        for own in accuracy
    ]


def _by_seed(models: Sequence[EvaluatedTrial]) -> list[EvaluatedTrial]:
    """Return models in the order of their seeds."""
    return sorted(models, key=lambda model: model.scores["trial"])


def _score(scores: dict, criterion: str) -> float:
    """Return a criterion's score, NaN where it has none."""
    value = trial_score(scores, criterion)
    return np.nan if value is None else value
