"""Settings of the latent space's pictures and numbers."""

from pydantic import Field

from sim2sky.settings import Settings


class EmbedSettings(Settings):
    """How many galaxies enter and how their latent vectors are laid out in a plane."""

    n_per_domain: int = Field(
        300, ge=10, description="Largest number of test rows per domain, balanced over labels."
    )
    n_components: int = Field(
        50,
        ge=2,
        description="Number of principal components of the standardised latent vectors that "
        "everything rests on.",
    )
    n_neighbours: int = Field(
        15,
        ge=2,
        description="Neighbours of a point in isomap's graph, raised up to fourfold while the "
        "graph is in pieces; and those whose trustworthiness is measured.",
    )
    perplexity: float = Field(
        30.0, gt=1, description="t-SNE's perplexity, a soft number of neighbours."
    )
    cv_folds: int = Field(
        5, ge=2, description="Number of folds, by system, of the domain classifier."
    )
    n_permutations: int = Field(
        999, ge=99, description="Number of permutations of the systems behind the MMD's p-value."
    )
    n_bootstrap: int = Field(
        1000, ge=100, description="Number of resamples of the systems behind each interval."
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="Probability that an interval (low to high) covers."
    )
    seed: int = Field(
        0, ge=0, description="Seed of the choice of rows, t-SNE, permutations and resampling."
    )
