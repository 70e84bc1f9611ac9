"""What can be chosen about training: the method, the network and the optimiser."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from sim2sky.settings import Settings

LossName = Literal[
    *("mmd", "mmd_median", "mmd_weighted", "coral", "mean", "sinkhorn"),
    *("dann", "dann_scheduled", "cdan", "cdan_entropy"),
    *("dance", "fisher", "entropy"),
]
NetworkName = Literal["compact", "deepmerge", "resnet18"]


class AugmentationSettings(Settings):
    """Random changes of the labelled training images, each image with its own numbers.

    Pixel values are meant after stretch and normalisation, where the training
    images of the source have mean 0 and standard deviation 1.
    """

    noise_sigma: tuple[float, float] = Field(
        (0.01, 1.0),
        description="Smallest and largest standard deviation of the Gaussian noise added; "
        "drawn evenly in its logarithm.",
    )
    blur_sigma_px: float = Field(
        1.5, ge=0, description="Largest standard deviation of the Gaussian blur."
    )
    contrast: float = Field(
        1.3,
        ge=1,
        description="Largest factor, and its inverse the smallest, by which pixels are stretched "
        "about the image's mean; drawn evenly in its logarithm.",
    )
    brightness: float = Field(
        0.2, ge=0, description="Largest value added to or taken from all pixels of a band."
    )
    colour: float = Field(
        1.0,
        ge=1,
        description="Largest factor, and its inverse the smallest, on one band alone; drawn "
        "evenly in its logarithm. It acts on values above the darkest of the image.",
    )
    shift_px: float = Field(2.0, ge=0, description="Largest shift along x and along y.")
    rotation_deg: float = Field(45.0, ge=0, le=180, description="Largest turn either way.")
    zoom: float = Field(
        1.1,
        ge=1,
        description="Largest magnification, and its inverse the smallest; drawn evenly in its "
        "logarithm.",
    )

    stretch: float = Field(
        1.0,
        ge=1,
        description="Largest factor by which the image is lengthened along a random direction, "
        "and shortened across it; drawn evenly in its logarithm.",
    )

    @field_validator("noise_sigma")
    @classmethod
    def _noise_in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError("the smallest noise must be above 0 and not above the largest")
        return value


class InitFrom(Settings):
    """The trained weights that a method starts from, as Ciprijanovic et al. 2021 did for SDSS."""

    experiment: str = Field(description="Experiment whose models are the start.")
    method: str = Field(
        description="Method of that experiment; its model of the same network and seed is taken."
    )
    rate_factor: float = Field(
        1.0,
        gt=0,
        description="Learning rate of the layers taken over, in units of `learning_rate`; with "
        "0.1 new layers learn ten times as fast.",
    )


class MethodSettings(Settings):
    """Which labels and which images a method sees, and which losses align the domains."""

    name: str = Field(description="Name of the method in tables and figures.")
    train_on: Literal["source", "target"] = Field(
        "source",
        description="Domain whose labels are read; target makes the method an oracle, "
        "an upper limit that no survey without labels can reach.",
    )
    mixed_batches: bool = Field(
        False,
        description="Pass the images of the other domain through the network together with the "
        "labelled ones, so that BatchNorm sees both.",
    )
    losses: dict[LossName, float | Literal["automatic"]] = Field(
        {},
        description="Adaptation losses and their weights against the cross-entropy: mmd "
        "(19 published kernels), mmd_median (kernels scaled by the median distance) or "
        "mmd_weighted (that with the source's classes as common as the target's seem), coral "
        "(covariances), mean (means), sinkhorn (optimal transport), dann (domain discriminator, "
        "constant gradient reversal) or dann_scheduled (growing reversal, kept stable), cdan "
        "(discriminator of features and predicted classes) or cdan_entropy (confident images "
        "count more), dance (neighbours in the other domain, and classes unknown to it), fisher "
        "(compact classes in the labelled domain), entropy (confident predictions in the other). "
        "A weight that is automatic is trained, as is then that of the cross-entropy, after a "
        "third of the training without it.",
    )
    batchnorm: Literal["shared", "target"] = Field(
        "shared",
        description="BatchNorm statistics with which target images are classified: those of the "
        "training, or their own, taken from the target's training images after it. With losses, "
        "target images then pass through the network by themselves while training too "
        "(domain-specific BatchNorm, Chang et al. 2019, CVPR, arXiv:1906.03950).",
    )
    augmentation: AugmentationSettings | None = Field(
        None,
        description="Random changes of the labelled images; of both domains if there are losses "
        "between them. None: flips and quarter turns alone, see `augment`.",
    )
    shuffle_labels: bool = Field(
        False,
        description="Exchange the labels of training and validation rows between systems: a "
        "control whose scores must be chance.",
    )

    init_from: InitFrom | None = Field(
        None,
        description="Start from the weights of a model of another experiment, or of another "
        "method of this one, in place of random ones.",
    )

    @property
    def is_candidate(self) -> bool:
        """Whether it could be chosen for a survey without labels: no oracle and no control."""
        return self.train_on == "source" and not self.shuffle_labels

    @property
    def sees_both_domains(self) -> bool:
        """Whether each step of a training has images of both domains."""
        return self.mixed_batches or bool(self.losses)

    @model_validator(mode="after")
    def _losses_need_both_domains(self) -> "MethodSettings":
        if self.losses and not self.mixed_batches and self.batchnorm == "shared":
            raise ValueError(
                "losses between domains need mixed_batches: true, or batchnorm: target"
            )
        return self

    @model_validator(mode="after")
    def _target_statistics_need_the_target_apart(self) -> "MethodSettings":
        if self.batchnorm == "target" and (self.mixed_batches or self.train_on == "target"):
            raise ValueError(
                "batchnorm: target keeps the target's images apart and has the source's labels: "
                "mixed_batches: false, train_on: source"
            )
        return self


METHODS = {
    method.name: method
    for method in (
        MethodSettings(name="source_only"),
        MethodSettings(name="augmentation", augmentation=AugmentationSettings()),
        MethodSettings(name="adabn_li", batchnorm="target"),
        MethodSettings(name="adabn", mixed_batches=True),
        MethodSettings(name="mmd", mixed_batches=True, losses={"mmd": 1.0}),
        MethodSettings(name="mmd_median", mixed_batches=True, losses={"mmd_median": 1.0}),
        MethodSettings(name="mmd_weighted", mixed_batches=True, losses={"mmd_weighted": 1.0}),
        # The weights of Ciprijanovic et al. 2021 (MNRAS 506, 677): transfer 1; Fisher 0.01 within
        # and 1 between classes, of whose ratio 0.01 remains; entropy 0.05.
        MethodSettings(
            name="mmd_fisher_entropy",
            mixed_batches=True,
            losses={"mmd": 1.0, "fisher": 0.01, "entropy": 0.05},
        ),
        MethodSettings(name="dann", mixed_batches=True, losses={"dann": 1.0}),
        MethodSettings(name="dann_scheduled", mixed_batches=True, losses={"dann_scheduled": 1.0}),
        MethodSettings(
            name="dann_fisher_entropy",
            mixed_batches=True,
            losses={"dann": 1.0, "fisher": 0.01, "entropy": 0.05},
        ),
        # As published, with the covariances alone. A larger weight makes them smaller still, and
        # the means, which it leaves free, run further apart.
        MethodSettings(name="coral", mixed_batches=True, losses={"coral": 1.0}),
        # The mean squared differences of covariances and of means, as in DomainBed (Gulrajani &
        # Lopez-Paz 2021); coral is a quarter of the former.
        MethodSettings(name="coral_mean", mixed_batches=True, losses={"coral": 4.0, "mean": 1.0}),
        MethodSettings(name="cdan", mixed_batches=True, losses={"cdan": 1.0}),
        MethodSettings(name="sidda", mixed_batches=True, losses={"sinkhorn": "automatic"}),
        # one domain after the other, as in the authors' code: BatchNorm never sees their mix
        MethodSettings(name="dance", batchnorm="target", losses={"dance": 1.0}),
        MethodSettings(name="shuffled_labels", shuffle_labels=True),
        MethodSettings(name="oracle", train_on="target"),
    )
}


class TrainSettings(Settings):
    """How one classifier is trained.

    Adam's betas and the one-cycle schedule are those of Ciprijanovic et al.
    2021 (MNRAS 506, 677), who trained with a peak rate of 1e-3 on batches of
    128 images per domain. Smaller batches and a higher rate are the default
    here since a sample of some hundred images gives few steps per epoch.
    """

    network: NetworkName = Field("deepmerge", description="Architecture of the classifier.")
    method: MethodSettings = Field(
        METHODS["source_only"],
        description=f"The method in full, or the name of a known one: {', '.join(METHODS)}.",
    )
    epochs: int = Field(12, ge=1, description="Passes over the labelled training images.")
    batch_size: int = Field(
        32, ge=2, description="Images per step and domain; mixed batches hold twice as many."
    )
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate of Adam.")
    adam_betas: tuple[float, float] = Field(
        (0.7, 0.8), description="Decay of Adam's running means of the gradient and its square."
    )
    weight_decay: float = Field(1e-3, ge=0, description="Decoupled weight decay per unit rate.")
    schedule: Literal["one_cycle", "constant"] = Field(
        "one_cycle", description="How the learning rate changes from step to step."
    )
    adaptation_warmup_epochs: float = Field(
        0, ge=0, description="Epochs over which the adaptation losses' weights rise from zero."
    )
    augment: bool = Field(
        True, description="Show each image in a random one of its 8 flips and quarter turns."
    )
    augmentation: AugmentationSettings | None = Field(
        None,
        description="Further random changes for every method of the experiment that has none of "
        "its own; null: none.",
    )
    d4_average: bool = Field(
        False,
        description="Average the class scores over the 8 flips and quarter turns of an image "
        "whenever the network is evaluated: validation, scores, catalogues; at 8 times the cost. "
        "Latent vectors and Grad-CAM stay those of the image as it is.",
    )
    class_weights: Literal["balanced", "none"] = Field(
        "balanced", description="Weigh classes in the cross-entropy by their inverse frequency."
    )
    target_normalisation: Literal["source", "own"] = Field(
        "source",
        description="Normalise target images with the source's statistics or with their own; "
        "both come from training rows only.",
    )
    selection: Literal[
        *("last", "source_validation", "information_maximisation"),
        *("snd", "entropy", "iwv", "dev"),
    ] = Field(
        "last",
        description="Keep the last epoch, the one with the lowest validation loss in the domain "
        "whose labels the method reads (source_validation), or the one that is best by a "
        "criterion that looks at unlabelled target images: certain predictions that use all "
        "classes (information_maximisation), soft neighbourhood density (snd), certain "
        "predictions (entropy), or the source's validation loss with images that resemble the "
        "target weighted up (iwv, dev). No epoch is kept while the adaptation is warming up; a "
        "method that reads target labels keeps its lowest validation loss instead.",
    )
    on_divergence: Literal["error", "stop"] = Field(
        "error",
        description="If the loss is no longer a number: fail, or end the training with the last "
        "sound epoch, as trials of a tuning do.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Numbers with which the network is applied to training batches: bfloat16 is "
        "faster on GPUs with tensor cores and slower on most CPUs.",
    )
    num_threads: int = Field(
        1, ge=1, description="CPU threads; another number changes results in the last digits."
    )
    checkpoint_every_epochs: int = Field(
        1, ge=1, description="How often the state is saved from which a killed job goes on."
    )

    @field_validator("method", mode="before")
    @classmethod
    def _known_method(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in METHODS:
            raise ValueError(f"unknown method; known by name: {', '.join(METHODS)}")
        return METHODS[value]

    @field_validator("adam_betas")
    @classmethod
    def _betas_below_one(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in value):
            raise ValueError("both betas must lie in [0, 1)")
        return value
