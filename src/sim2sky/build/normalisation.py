"""How pixel values become network inputs: a stretch, then a shift and a scale per band."""

from dataclasses import dataclass

import numpy as np

from sim2sky.errors import Sim2SkyError

STRETCHES = ("asinh", "linear")


@dataclass(frozen=True)
class Normalisation:
    """``(stretch(x / softening) - mean) / std``, band by band.

    Parameters
    ----------
    stretch : {"asinh", "linear"}
        ``asinh`` is linear for values below the softening and logarithmic
        above (Lupton, Gunn & Szalay 1999, AJ 118, 1406).
    softening : numpy.ndarray
        (C,) in the unit of the images.
    mean, std : numpy.ndarray
        (C,) of the stretched training images.
    """

    stretch: str
    softening: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def __post_init__(self) -> None:
        if self.stretch not in STRETCHES:
            raise Sim2SkyError(
                "unknown stretch", got=self.stretch, expected=" or ".join(STRETCHES)
            )
        for name in ("softening", "mean", "std"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        for name in ("softening", "std"):
            values = getattr(self, name)
            if not (np.isfinite(values) & (values > 0)).all():
                raise Sim2SkyError(
                    f"the {name} of a band is not positive",
                    where="normalisation",
                    got=values.tolist(),
                    fix="check that the training images of every band hold more than a constant",
                )

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return images as the network wants them.

        Parameters
        ----------
        images : numpy.ndarray
            (N,C,H,W) in physical units.

        Returns
        -------
        numpy.ndarray
            float32, same shape; the input is left as it was.

        Raises
        ------
        Sim2SkyError
            If the number of bands is another one.
        """
        if images.ndim != 4 or images.shape[1] != len(self.mean):
            raise Sim2SkyError(
                "images do not fit the normalisation",
                got=f"shape {images.shape}",
                expected=f"(N, {len(self.mean)}, H, W)",
            )
        result = np.empty(images.shape, dtype=np.float32)
        for band in range(images.shape[1]):
            stretched = _stretched(images[:, band], self.stretch, self.softening[band])
            result[:, band] = (stretched - np.float32(self.mean[band])) / np.float32(
                self.std[band]
            )
        return result

    def to_dict(self) -> dict:
        """Return plain Python values, e.g. for a model file.

        Returns
        -------
        dict
            Keys ``stretch``, ``softening``, ``mean``, ``std``.
        """
        return {
            "stretch": self.stretch,
            "softening": self.softening.tolist(),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict) -> "Normalisation":
        """Return what `to_dict` described.

        Parameters
        ----------
        content : dict
            Keys ``stretch``, ``softening``, ``mean``, ``std``.

        Returns
        -------
        Normalisation
            An equal normalisation.
        """
        return cls(**content)

    @classmethod
    def fit(cls, train_images: np.ndarray, stretch: str, softening: np.ndarray) -> "Normalisation":
        """Return the normalisation that gives these images mean 0 and scatter 1 per band.

        Parameters
        ----------
        train_images : numpy.ndarray
            (N,C,H,W), training rows only: anything else leaks.
        stretch : {"asinh", "linear"}
            See the class.
        softening : numpy.ndarray
            (C,) in the unit of the images.

        Returns
        -------
        Normalisation
            With the mean and standard deviation over rows and pixels.

        Raises
        ------
        Sim2SkyError
            If there are no images, a pixel is not finite or a band is constant.
        """
        if len(train_images) == 0:
            raise Sim2SkyError("no training images to take the normalisation from")
        softening = np.asarray(softening, dtype=np.float64)
        moments = []
        for band in range(train_images.shape[1]):
            stretched = _stretched(train_images[:, band], stretch, softening[band])
            moments.append((stretched.mean(dtype=np.float64), stretched.std(dtype=np.float64)))
        mean, std = np.array(moments).T
        if not (np.isfinite(mean) & np.isfinite(std)).all():
            raise Sim2SkyError("a training image holds NaN or infinity", where="normalisation")
        return cls(stretch, softening, mean, std)


def _stretched(images: np.ndarray, stretch: str, softening: float) -> np.ndarray:
    """Return ``stretch(images / softening)`` as a new float32 array."""
    scaled = np.asarray(images, dtype=np.float32) / np.float32(softening)
    return np.arcsinh(scaled, out=scaled) if stretch == "asinh" else scaled
