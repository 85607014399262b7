"""Why single patterns fail: the errors' lattice, their place in the unit cell, and what a pattern could tell there."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import panel as pn
import xarray as xr

from polwidgets.analysis.folding import fold_errors, folded_correlation
from polwidgets.analysis.information import at_error_rate, expected_error, information_map
from polwidgets.analysis.periodicity import Periodicity, error_map, error_periodicity
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.widgets.analysis_view import AnalysisView, number
from polwidgets.widgets.form import note
from polwidgets.widgets.picture import Picture

SIDE_PX: Final = 190
TRUTH: Final = "the truth"
CONTEXT: Final = "the map with unit-cell context"


class _Found(NamedTuple):
    error: xr.DataArray
    period: Periodicity
    folded: xr.Dataset
    expected: xr.DataArray
    specimen: SpecimenFit


class PeriodicityExplorer(AnalysisView):
    """A map's errors, their power spectrum with the lattice that was found, and the errors folded into one unit cell.

    Beside the folded errors stands the information map: where the best possible classifier of single patterns would fail at
    this thickness, tilt and dose. The probe's place in the cell is marked in both.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    prediction : Dataset on (scan_y, scan_x), optional
        Of a per-pattern model (``context="pattern"``), to be useful.
    specimen : SpecimenFit, optional
        Matched when it is needed, otherwise.
    truth : array (scan_y, scan_x) or float, optional
        True directions, degrees; without them errors are counted against the map with unit-cell context.
    crystal, state :
        As in `Explorer`.
    """

    def __init__(self, cube: xr.DataArray, *, truth: Any = None, **shared: Any) -> None:
        super().__init__(cube, **shared)
        self.truth = truth
        self._found: _Found | None = None
        self._reference = pn.widgets.Select(label="errors against", options=[*([TRUTH] if truth is not None else []), CONTEXT], width=220)
        self._bins: Any = pn.widgets.IntSlider(label="phases along a side of the cell", start=4, end=16, value=8, width=220)
        self._start.on_click(lambda _: self.analyse())
        self._facts = note("Map with a per-pattern model first (Models, evidence from a single pattern); then analyse its errors.")
        self._errors = self.scan_picture("errors", "gray", SIDE_PX)
        self._spectrum = Picture("power spectrum", (-1, -1, 1, 1), unit="1/Å", colormap="inferno", side=SIDE_PX)
        cell = (0.0, 0.0, 1.0, 1.0)
        self._low, self._rate, self._high, self._information = (
            Picture(title, cell, unit="cell", colormap="viridis", side=SIDE_PX)
            for title in ("lower limit", "error rate", "upper limit", "information map")
        )
        self._views = pn.Column(
            pn.Row(self._errors, self._spectrum, self._information, margin=0),
            pn.Row(self._low, self._rate, self._high, margin=0),
            margin=0, visible=False,
        )  # fmt: skip
        self._layout = pn.Row(pn.Column(self._reference, self._bins, self._start, self.worker, self._facts, width=270), self._views)
        self._bins.param.watch(lambda _: self._fold(), "value_throttled")
        self.state.observe(self.lazily(self._mark), "probe")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def analyse(self) -> None:
        """Count errors, find their lattice and fold them, beside the page."""
        try:
            prediction = self.check()
        except ValueError as error:
            self.worker.say(str(error), error=True)
            return
        against, bins, seed = self._reference.value, self._bins.value, self.state.seed

        def work(progress: Progress) -> _Found:
            specimen = self.matched(progress)
            reference = self.truth if against == TRUTH else self.mapped(specimen, progress)
            error = error_map(prediction, reference)
            period = error_periodicity(error, unit_cell=_cell(specimen), seed=seed, progress=progress)
            information = at_error_rate(information_map(specimen, self.cube, progress=progress), period.rate)
            direction = reference["direction_deg"].values if isinstance(reference, xr.Dataset) else reference
            return _Found(
                error, period, fold_errors(error, _cell(specimen), bins=bins),
                expected_error(information, error, _cell(specimen), direction), specimen,
            )  # fmt: skip

        def done(found: _Found) -> None:
            self._found = found
            if self.specimen is None:
                self.specimen = found.specimen
            self._draw()

        self.worker.start(work, done)

    def _fold(self) -> None:
        if self._found is not None:
            folded = fold_errors(self._found.error, _cell(self._found.specimen), bins=self._bins.value)
            self._found = self._found._replace(folded=folded)
            self._draw()

    def _draw(self) -> None:
        assert self._found is not None
        error, period, folded, expected, specimen = self._found
        self._views.visible = True
        self._errors.draw(error.values, (0, 1), title=f"errors: {period.rate:.1%}")
        power = period.spectrum
        extent = [float(power[dim].values[0]) for dim in ("frequency_x", "frequency_y")]
        near = np.hypot(power["frequency_y"].values[:, None], power["frequency_x"].values[None]) > 0.05
        shown = np.log1p(power.values * near)
        self._spectrum.place((extent[0], extent[1], -extent[0], -extent[1]))
        self._spectrum.draw(shown, (0.0, float(np.quantile(shown, 0.999))))
        reciprocal = np.linalg.inv(period.lattice_A).T
        peaks = np.concatenate([reciprocal, -reciprocal])
        self._spectrum.mark(peaks[:, 1], peaks[:, 0])
        limits = 0.0, float(np.nanmax(folded["high"].values))
        for picture, name in ((self._low, "low"), (self._rate, "rate"), (self._high, "high")):
            picture.draw(folded[name].values, limits)
        self._rate.draw(folded["rate"].values, limits, title=f"error rate, 0 to {limits[1]:.2f}")
        ideal = fold_errors(expected, _cell(specimen), bins=self._bins.value)
        self._information.draw(ideal["rate"].values, limits, title="expected of the best classifier")
        lengths = " and ".join(
            f"{np.linalg.norm(vector):.2f} ± {np.linalg.norm(spread):.2f} Å"
            for vector, spread in zip(period.lattice_A, period.lattice_error_A, strict=True)
        )
        verdict = "they repeat with the lattice" if period.p_value < 0.05 else "no periodicity can be claimed"
        self._facts.value = "<br>".join(
            [
                f"<b>{period.rate:.1%}</b> wrong; {verdict}",
                f"p = {period.p_value:.2g}",
                f"lattice vectors {lengths}",
                f"halves of the scan agree by {number(folded.attrs['split_half_correlation'])}",
                f"correlation with the information map {number(folded_correlation(folded, ideal))}",
            ]
        )
        self._mark()

    def _mark(self) -> None:
        row, column = self.probe()
        self._errors.mark(column, row)
        if self._found is not None:
            phase = _cell(self._found.specimen).phase(
                *(self._found.error[dim].values[[place]] for dim, place in (("scan_y", row), ("scan_x", column)))
            )
            down, right = phase[0, 0] % 1
            for picture in (self._low, self._rate, self._high, self._information):
                picture.mark(right, down)


def _cell(specimen: SpecimenFit) -> Any:
    if specimen.unit_cell is None:
        raise ValueError("the specimen was matched to a lone pattern, which has no unit cell; match the scan")
    return specimen.unit_cell
