"""Which unit cells do not fit, and what is left of their patterns when the model is taken away."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import panel as pn
import xarray as xr

from polwidgets.analysis.anomaly import defect_map
from polwidgets.analysis.information import ORDER, variant_series
from polwidgets.directions import ANGLES_DEG, nearest_class
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.simulate.patterns import basis
from polwidgets.widgets.analysis_view import AnalysisView
from polwidgets.widgets.form import note
from polwidgets.widgets.geometry import mrad_per_wave_number
from polwidgets.widgets.picture import Picture

RATES: Final = {f"{rate:.1%}": rate for rate in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)}


class _Found(NamedTuple):
    specimen: SpecimenFit
    defects: xr.Dataset
    readings: Readings
    series: list[Any]
    background: Any
    direction: Any


class DefectExplorer(AnalysisView):
    """A map of misfit by unit cell, with a threshold at a stated rate of false alarms.

    A tap shows the pattern there, what the model expects, and the residual in standard deviations of the counting noise.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    prediction, specimen, crystal, state :
        As in `Explorer`; a map with unit-cell context is made where none is given.
    """

    def __init__(self, cube: xr.DataArray, **shared: Any) -> None:
        super().__init__(cube, **shared)
        self._found: _Found | None = None
        self._rate = pn.widgets.DiscreteSlider(label="false alarms, of good cells", options=RATES, value=0.01, width=230)
        self._start.on_click(lambda _: self.analyse())
        self._facts = note("Analyse to compare every unit cell with the matched model.")
        self._score = self.scan_picture("misfit", "viridis")
        self._flagged = self.scan_picture("defects", "magma")
        mrad = mrad_per_wave_number(cube)
        self._scale = mrad or 1.0
        unit = "mrad" if mrad else "1/Å"
        self._patterns = {
            "measured": Picture("measured", unit=unit, side=170),
            "model": Picture("model", unit=unit, side=170),
            "residual": Picture("residual", unit=unit, colormap="vik", side=170),
        }
        maps, patterns = (pn.Row(*views, margin=0) for views in ((self._score, self._flagged), self._patterns.values()))
        self._views = pn.Column(maps, patterns, margin=0, visible=False)
        self._layout = pn.Row(pn.Column(self._rate, self._start, self.worker, self._facts, width=260), self._views)
        self._rate.param.watch(lambda _: self._flag(), "value")
        self.state.observe(self.lazily(self._show_probe), "probe")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def analyse(self) -> None:
        """Compare every cell with the model, beside the page."""
        seed = self.state.seed

        def work(progress: Progress) -> _Found:
            specimen = self.matched(progress)
            prediction = self.mapped(specimen, progress)
            defects = defect_map(self.cube, specimen, prediction, seed=seed, progress=progress)
            readings = readings_for(self.cube, specimen.crystal, specimen.good_pixels)
            return _Found(specimen, defects, readings, *variant_series(specimen, readings, progress), prediction["direction"].values)

        def done(found: _Found) -> None:
            self._found = found
            if self.specimen is None:
                self.specimen = found.specimen
            frame = found.readings.frame
            steps = [float(frame[dim].values[1] - frame[dim].values[0]) / 2 for dim in ("kx", "ky")]
            left, top, right, bottom = (
                self._scale * (float(frame[dim].values[end]) + sign * step)
                for end, sign in ((0, -1), (-1, 1))
                for dim, step in zip(("kx", "ky"), steps, strict=True)
            )
            for picture in self._patterns.values():
                picture.place((left, top, right, bottom))
            self._flag()
            self._show_probe()

        self.worker.start(work, done)

    def _flag(self) -> None:
        """Draw score and threshold: nothing is computed anew."""
        if self._found is None:
            return
        self._views.visible = True
        defects = self._found.defects
        place = defects["row"].values, defects["column"].values
        score, chance = defects["score"].values, defects["p_value"].values
        flagged = chance < self._rate.value
        self._score.draw(score[place], title="misfit, standard deviations")
        self._flagged.draw(np.where(flagged, score, 0.0)[place], (0.0, max(3.0, float(np.nanmax(score)))), title="called defects")
        whole = np.isfinite(score)
        expected = self._rate.value * whole.sum()
        self._facts.value = f"<b>{int(flagged.sum())}</b> of {int(whole.sum())} cells called defects;<br>{expected:.1f} expected by chance"

    def _show_probe(self) -> None:
        row, column = self.probe()
        for picture in (self._score, self._flagged):
            picture.mark(column, row)
        if self._found is None:
            return
        specimen, _, readings, series, background, direction = self._found
        assert specimen.unit_cell is not None
        turn = specimen.rotation_deg - specimen.scan_rotation_deg
        variant = int(np.argsort(nearest_class(np.asarray(ANGLES_DEG) + turn))[int(direction[row, column])])
        phase = specimen.unit_cell.phase(self.cube["scan_y"].values[[row]], self.cube["scan_x"].values[[column]]).reshape(1, 2)
        expected = (basis(phase, ORDER)[0] @ series[variant] + background).clip(min=0)
        measured = np.asarray(readings.counts[row * self.cube.sizes["scan_x"] + column], float)
        expected *= measured.sum() / max(expected.sum(), 1e-30)
        residual = (measured - expected) / np.sqrt(np.maximum(specimen.gain * expected, 1e-3 * expected.max()))
        limits = 0.0, float(np.sqrt(max(measured.max(), 1e-9)))
        self._patterns["measured"].draw(np.sqrt(readings.picture(measured.clip(min=0)).values), limits)
        self._patterns["model"].draw(np.sqrt(readings.picture(expected).values), limits)
        self._patterns["residual"].draw(readings.picture(residual).values, (-5.0, 5.0), title="residual, ±5 sigma")
