"""Effects with their clusters, checked, for one or many data sets, and the model of some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import DesignError, NotEnoughTrials
from bmac_meta.stats.anchored_regression import AnchoredRegression, Array, Index
from bmac_meta.stats.batch import Batch, as_batch, map_chunks
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.nested_likelihood import NestedModel
from bmac_meta.stats.projection import power_of_two_unit
from bmac_meta.stats.regressors import Design, as_design

TYPICAL_PLACES = 32


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """Holds the model of n data sets in other units than theirs, and the way back.

    Effects are measured from `origin` (n,) in `unit` (n,), a power of two, and the columns of the design in `scale` (p,
    n). `trials` and `clusters` (n,) count what is present.
    """

    model: NestedModel
    unit: Array
    origin: Array
    scale: Array
    trials: Array
    clusters: Array

    def coefficients(self, regression: AnchoredRegression) -> tuple[Array, Array]:
        """Return the coefficients (n, p) of a regression of the model and their covariance (n, p, p)."""
        level = np.where(regression.anchors < len(self.model.first), self.origin / self.unit, 0.0)
        beta, covariance = regression.coefficients(level)
        scale = self.unit / self.scale
        return (beta * scale).T, (covariance * scale * scale[:, None]).T


@dataclass(frozen=True, slots=True)
class ClusteredBatch:
    """Holds checked effects (B, k), their clusters (k,) as whole numbers, and their design, None for a mean."""

    batch: Batch
    cluster: Index
    design: Design | None

    @classmethod
    def of(
        cls,
        estimate: ArrayLike,
        variance: ArrayLike,
        cluster: ArrayLike,
        design: ArrayLike | None,
        mask: ArrayLike | None,
    ) -> ClusteredBatch:
        """Check the effects of one or many data sets, (k,) or (B, k), with one label of its cluster for each of k.

        Raises `NotEnoughTrials` where fewer than two clusters, or none with two effects, are present, `DesignError`
        for an unusable design or one that tells all clusters apart, `InputError` for unusable numbers and labels.
        """
        batch = as_batch(estimate, variance, mask)
        plain = cls(batch, cluster_codes(cluster, batch.width), None)
        plain._check_clusters()
        if design is None:
            return plain
        regressed = cls(batch, plain.cluster, as_design(design, batch))
        regressed._check_design()
        return regressed

    @property
    def width(self) -> int:
        """Return how many numbers a data set typically takes at once."""
        return self.batch.width * TYPICAL_PLACES * (1 if self.design is None else 1 + self.design.size)

    def model(self, rows: slice, restricted: bool) -> ScaledModel:
        """Return the model of some of the data sets, for the restricted likelihood or the full one."""
        present = self._present(rows).T
        variance, effect = (part[rows].T for part in (self.batch.variance, self.batch.estimate))
        variance = np.where(present, variance, np.inf)
        smallest, precise = variance.min(axis=0), variance.argmin(axis=0)
        unit = power_of_two_unit(smallest)
        constant = self.design is None or self.design.constant
        origin = effect[precise, np.arange(precise.size)] if constant else np.zeros(precise.size)
        order = np.lexsort((variance, np.broadcast_to(self.cluster[:, None], variance.shape)), axis=0)
        arrays = (
            np.where(present, effect - origin, 0.0) / unit,
            np.where(present, variance, smallest) / unit**2,
            present.astype(float),
        )
        effect, variance, here = (np.take_along_axis(part, order, axis=0) for part in arrays)
        columns, scale = self._columns(rows, present, order)
        here = here[:, :1] if self.batch.mask is None else here
        model = NestedModel.of(effect, variance, here, columns, np.bincount(self.cluster), restricted)
        return ScaledModel(model, unit, origin, scale, *self._counts(rows).values())

    def _columns(self, rows: slice, present: BoolArray, order: Index) -> tuple[Array, Array]:
        """Return the design (p, k, n or 1), in the order of the model and with columns of size 1, and their sizes."""
        if self.design is None:
            return np.ones((1, len(order), 1)), np.ones((1, 1))
        raw = np.where(present, self.design.rows(rows).raw.transpose(2, 1, 0), 0.0)
        scale = np.abs(raw).max(axis=1)
        return np.take_along_axis(raw / scale[:, None], order[None], axis=1), scale

    def _present(self, rows: slice) -> BoolArray:
        mask = self.batch.mask
        return np.ones(self.batch.estimate[rows].shape, dtype=bool) if mask is None else mask[rows]

    def _counts(self, rows: slice) -> dict[str, Array]:
        order = np.argsort(self.cluster, kind="stable")
        size = np.bincount(self.cluster)
        inside = np.add.reduceat(self._present(rows)[:, order], np.cumsum(size) - size, axis=1, dtype=int)
        return {"trials": inside.sum(axis=1), "clusters": (inside > 0).sum(axis=1)}

    def _check_clusters(self) -> None:
        counts = map_chunks(self._counts, self.batch.count, self.batch.width)
        poor = np.flatnonzero((counts["clusters"] < 2) | (counts["clusters"] == counts["trials"]))
        if poor.size:
            raise NotEnoughTrials(
                "a three-level model needs at least 2 clusters, one of them with 2 effects; here are "
                f"{counts['clusters'][poor[0]]} clusters of {counts['trials'][poor[0]]} effects"
                f"{self._named(poor[0])}. Pool without clusters instead."
            )

    def _check_design(self) -> None:
        clusters = map_chunks(self._counts, self.batch.count, self.batch.width)["clusters"]
        if clusters.min() > self.design.size:  # so many clusters are more than the columns can tell
            return
        many = self.cluster.max() + 1
        confounded = map_chunks(self._confounded, self.batch.count, self.batch.width * many)["confounded"]
        if confounded.any():
            raise DesignError(
                f"the design tells every cluster apart{self._named(int(confounded.argmax()))}, so nothing is left to "
                "estimate the variance between clusters from. Use fewer covariates that differ between clusters."
            )

    def _confounded(self, rows: slice) -> dict[str, BoolArray]:
        """Say in which data sets the members of each cluster are told by the design."""
        present = self._present(rows)[:, :, None]
        member = np.eye(self.cluster.max() + 1)[self.cluster] * present
        basis, _ = np.linalg.qr(self.design.rows(rows).basis * present)
        rest = member - basis @ (basis.transpose(0, 2, 1) @ member)
        return {"confounded": np.abs(rest).max(axis=(1, 2)) < 1e-10}

    def _named(self, row: int) -> str:
        return "" if self.batch.single else f" in meta-analysis {row} (counted from 0)"
