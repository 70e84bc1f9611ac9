"""Names of the baselines."""

from typing import Literal, get_args

BaselineName = Literal[
    "gini_m20", "asymmetry", "second_component", "random_forest", "leakage_probe"
]
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)
# The others have nothing random in them; one seed is all.
SEEDED: tuple[BaselineName, ...] = ("random_forest", "leakage_probe")
NETWORK = "morphology"  # what stands for the network's name in paths and tables
