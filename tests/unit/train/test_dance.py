import math

import numpy as np
import pytest
import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.dance import (
    NeighbourhoodClustering,
    entropy_separation,
    neighbour_scores,
)

SIZE, N_CLASSES, N_IMAGES = 5, 3, 9


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def batches(seed: int = 0, index=(4, 0, 7, 2)) -> tuple[DomainBatch, DomainBatch]:
    source = DomainBatch(
        normal(6, SIZE, seed=seed + 1),
        normal(6, N_CLASSES, seed=seed + 2),
        torch.tensor([0, 1, 2, 1, 0, 0]),
    )
    target = DomainBatch(
        normal(4, SIZE, seed=seed + 3),
        3 * normal(4, N_CLASSES, seed=seed + 4),
        None,
        index=torch.tensor(index),
    )
    return source, target


def make_loss(seed: int = 0) -> NeighbourhoodClustering:
    torch.manual_seed(seed)
    return build_losses(["dance"], SIZE, N_CLASSES, N_IMAGES)["dance"].double()


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def dance_by_loops(
    source: DomainBatch, target: DomainBatch, prototypes: np.ndarray, bank: dict[int, np.ndarray]
) -> float:
    """The paper's equations, image by image; the bank is {image: feature}."""
    prototypes = unit(prototypes)
    cross_entropy = []
    for feature, label in zip(unit(source.latent.numpy()), source.label.tolist(), strict=True):
        odds = [math.exp(float(w @ feature) / 0.05) for w in prototypes]
        cross_entropy.append(-math.log(odds[label] / sum(odds)))
    features = unit(target.latent.numpy())
    # equation 2: the memory first takes the features of the batch
    bank = bank | dict(zip(target.index.tolist(), features, strict=True))
    clustering, separation = [], []
    for feature, image, logits in zip(
        features, target.index.tolist(), target.logits.numpy(), strict=True
    ):
        rows = [row for other, row in bank.items() if other != image] + list(prototypes)
        odds = [math.exp(float(row @ feature) / 0.05) for row in rows]
        shares = [value / sum(odds) for value in odds]
        clustering.append(-sum(p * math.log(p) for p in shares if p > 0))
        p = np.exp(logits) / np.exp(logits).sum()
        distance = abs(-(p * np.log(p)).sum() - math.log(len(p)) / 2)
        separation.append(-distance if distance > math.log(len(p)) / 6 else 0.0)
    return np.mean(cross_entropy) + 0.05 * (np.mean(clustering) + np.mean(separation))


def test_equals_the_paper_with_a_filling_memory():
    """The first batch knows no other images; later ones remember them, also when met again."""
    loss = make_loss()
    bank = {}
    for step, index in enumerate([(4, 0, 7, 2), (1, 0, 8, 3), (4, 5, 6, 8)]):
        source, target = batches(10 * step, index)
        expected = dance_by_loops(source, target, loss.prototypes.detach().numpy(), bank)
        assert loss(source, target).item() == pytest.approx(expected, rel=1e-10)
        bank |= dict(zip(index, unit(target.latent.numpy()), strict=True))
    assert loss.known.all()
    expected = np.stack([bank[image] for image in range(N_IMAGES)])
    np.testing.assert_allclose(loss.memory.numpy(), expected, rtol=1e-12)


def test_equals_the_paper_in_float32():
    loss = make_loss()
    source, target = batches()
    expected = dance_by_loops(source, target, loss.prototypes.detach().numpy(), {})
    single = [
        DomainBatch(b.latent.float(), b.logits.float(), b.label, index=b.index)
        for b in (source, target)
    ]
    assert loss.float()(*single).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_equals_finite_differences():
    loss = make_loss()
    loss(*batches(10, (1, 0, 8, 3)))  # something to remember
    loss.eval()  # finite differences must not change it
    source, target = batches()

    def value(source_latent, latent, logits, prototypes):
        parts = (
            DomainBatch(source_latent, source.logits, source.label),
            DomainBatch(latent, logits, None, index=target.index),
        )
        return torch.func.functional_call(loss, {"prototypes": prototypes}, parts)

    inputs = (source.latent, target.latent, target.logits, loss.prototypes.detach().clone())
    assert torch.autograd.gradcheck(value, [tensor.requires_grad_() for tensor in inputs])


def test_an_image_is_never_its_own_neighbour():
    """Not as it was remembered, and not as its own copy in the same batch."""
    features = torch.nn.functional.normalize(normal(3, SIZE))
    index = torch.tensor([2, 5, 2])
    memory, known = normal(6, SIZE, seed=1), torch.tensor([1, 0, 1, 0, 0, 1], dtype=torch.bool)
    prototypes = normal(2, SIZE, seed=2)
    scores = neighbour_scores(features, index, prototypes, memory, known)
    assert scores.shape == (3, 2 + 1 + 3)
    torch.testing.assert_close(scores[:, 2], features @ memory[0] / 0.05)
    present = (scores[:, 3:] > -100).tolist()
    assert present == [[False, True, False], [True, False, True], [False, True, False]]


@pytest.mark.parametrize("labelled", ["source", "target"])
def test_does_not_matter_which_domain_has_the_labels(labelled):
    source, target = batches()
    expected = make_loss()(source, target)
    pair = (source, target) if labelled == "source" else (target, source)
    assert torch.equal(make_loss()(*pair), expected)


def test_separation_drives_doubt_and_confidence_apart():
    # K = 2: threshold log(2) / 2 = 0.347, margin a third of it
    value = torch.tensor([0.05, 0.30, 0.40, 0.65], requires_grad=True)
    separation = entropy_separation(value, 2)
    threshold = math.log(2) / 2
    expected = -((threshold - 0.05) + (0.65 - threshold)) / 4
    assert separation.item() == pytest.approx(expected, rel=1e-6)
    separation.backward()  # its descent lowers small entropies and raises large ones
    torch.testing.assert_close(value.grad, torch.tensor([0.25, 0.0, 0.0, -0.25]))


def test_margin_is_the_published_one_for_many_classes():
    threshold = math.log(100) / 2
    for distance, counted in ((0.49, 0.0), (0.51, -0.51)):
        value = entropy_separation(torch.tensor([threshold + distance]), 100).item()
        assert value == pytest.approx(counted, rel=1e-5)


@pytest.mark.parametrize(
    ("remembered", "place"), [(None, 0), ([-0.3, 0.7, 0.65], 2)], ids=["class", "neighbour"]
)
def test_an_image_goes_to_what_is_nearest(remembered, place):
    """To a known class, or to an image like it of what may be no known class."""
    loss = NeighbourhoodClustering(3, 2, 2)
    loss.prototypes = torch.nn.Parameter(torch.eye(3)[:2], requires_grad=False)
    if remembered is not None:
        loss.memory[1], loss.known[1] = torch.tensor(remembered), True
    image, index = torch.tensor([[0.55, 0.50, 0.67]], requires_grad=True), torch.tensor([0])

    def share():
        features = torch.nn.functional.normalize(image.detach())
        scores = neighbour_scores(features, index, loss.prototypes, loss.memory, loss.known)
        return scores.softmax(1)[0, place].item()

    assert share() < 0.9
    source = DomainBatch(torch.eye(3)[:2], torch.zeros(2, 2), torch.tensor([0, 1]))
    optimiser = torch.optim.SGD([image], lr=0.2)
    for _ in range(100):
        optimiser.zero_grad()
        loss(source, DomainBatch(image, torch.zeros(1, 2), None, index=index)).backward()
        optimiser.step()
    assert share() > 0.99


def test_memory_is_saved():
    loss = make_loss()
    loss(*batches())
    other = make_loss(seed=1)
    other.load_state_dict(loss.state_dict())
    following = batches(10, (1, 0, 8, 3))
    assert torch.equal(other(*following), loss(*following))


def test_needs_indices():
    source, target = batches()
    blind = DomainBatch(target.latent, target.logits, None)
    with pytest.raises(Sim2SkyError, match="needs to know which images a batch holds"):
        make_loss()(source, blind)
