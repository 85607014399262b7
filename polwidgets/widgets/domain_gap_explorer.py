"""How far training patterns are from the scan's, and what the gap is made of: switch each nuisance and see."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource, FactorRange, Range1d
from bokeh.plotting import figure

from polwidgets.analysis.domain_gap import domain_gap
from polwidgets.analysis.gap_budget import NUISANCES, Simulation, TrainingConditions, gap_budget, mixed, target_patterns
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.widgets.analysis_view import AnalysisView
from polwidgets.widgets.form import WIDTH_PX, Form, note

POSITIONS: Final = 8  # along a side of the cell, for each direction
COLORS: Final = {"simulated": "#e69f00", "target": "#0072b2"}
DISTANCES: Final = {"mmd": "MMD", "coral": "CORAL", "frechet": "Fréchet", "proxy_a": "proxy A"}


class DomainGapExplorer(AnalysisView):
    """Simulated and measured patterns in one embedding, their distances, and the budget of the gap.

    The form says where the training set is simulated; every switch brings one nuisance to the value of the match, and
    embedding and distances follow. *Analyse* matches where needed and computes the budget: each nuisance's part of the
    distance, and the accuracy while the gap is closed.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    prediction, specimen, crystal, state :
        As in `Explorer`; the map with unit-cell context stands for the truth.
    training : TrainingConditions
        Where to start.
    """

    def __init__(self, cube: xr.DataArray, *, training: TrainingConditions = TrainingConditions(), **shared: Any) -> None:  # noqa: B008 frozen
        super().__init__(cube, **shared)
        self.form: Form[TrainingConditions] = Form(training)
        self._switches = pn.widgets.CheckButtonGroup(options=list(NUISANCES), value=[], orientation="vertical", width=130)
        self._parts: tuple[Simulation, xr.Dataset] | None = None

        self._start.on_click(lambda _: self.analyse())
        self._facts = note("Analyse to match the scan and divide the gap.")
        self._points = ColumnDataSource({"x": [], "y": [], "color": []})
        self._lengths = ColumnDataSource({"name": list(DISTANCES.values()), "value": [0.0] * len(DISTANCES)})
        self._steps = ColumnDataSource({"name": [], "low": [], "high": [], "accuracy": []})
        self._panes = [pn.pane.Bokeh(plot, margin=4) for plot in (self._embedding(), self._bars(), self._waterfall())]
        self._views = pn.Column(pn.Row(*self._panes[:2], margin=0), self._panes[2], margin=0, visible=False)
        self._layout = pn.Row(
            pn.Column(note("training set simulated at"), self.form, width=WIDTH_PX + 10),
            pn.Column(note("matched instead:"), self._switches, self._start, self.worker, self._facts, width=220),
            self._views,
        )
        self.form.param.watch(lambda _: self._changed(), "part")
        self._switches.param.watch(lambda _: self._changed(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def analyse(self) -> None:
        """Match where needed, and divide the gap, beside the page."""
        training, seed = self.form.part, self.state.seed

        def work(progress: Progress) -> tuple[SpecimenFit, Simulation, xr.Dataset, xr.Dataset]:
            specimen = self.matched(progress)
            direction = self.mapped(specimen, progress)["direction_deg"]
            simulation = Simulation(specimen, self.cube, positions=POSITIONS, seed=seed)
            target = target_patterns(self.cube, specimen, seed=seed)
            budget = gap_budget(self.cube, specimen, direction, training=training, positions=POSITIONS, seed=seed, progress=progress)
            return specimen, simulation, target, budget

        def done(answer: tuple[SpecimenFit, Simulation, xr.Dataset, xr.Dataset]) -> None:
            specimen, simulation, target, budget = answer
            if self.specimen is None:
                self.specimen = specimen
            self._parts = simulation, target
            self._views.visible = True
            self._draw_budget(budget)
            self._changed()

        self.worker.start(work, done)

    def _changed(self) -> None:
        """Simulate at what the form and the switches say; some tenths of a second, so beside the page too."""
        if self._parts is None or self.worker.busy:
            return
        simulation, target = self._parts
        chosen = self.form.part, tuple(self._switches.value)

        def work(_: Progress) -> xr.Dataset:
            at = mixed(chosen[0], TrainingConditions.matched(simulation.specimen), frozenset(chosen[1]))
            patterns, _labels = simulation.patterns(at)
            made = xr.DataArray(simulation.counted(patterns, at.dose), dims=("sample", "ky", "kx"))
            return domain_gap(made, target, seed=simulation.seed)

        def done(gap: xr.Dataset) -> None:
            self._draw_gap(gap)
            # what was moved meanwhile
            if chosen != (self.form.part, tuple(self._switches.value)):
                self._changed()

        self.worker.start(work, done)

    def _draw_gap(self, gap: xr.Dataset) -> None:
        x, y = gap["embedding"].values[:, :2].T
        self._points.data = {"x": x, "y": y, "color": [COLORS[name] for name in gap["domain"].values]}
        self._lengths.data = {"name": list(DISTANCES.values()), "value": [max(0.0, float(gap[name])) for name in DISTANCES]}
        pn.io.push_notebook(*self._panes)

    def _draw_budget(self, budget: xr.Dataset) -> None:
        distance, names = budget["distance"].values, [str(name) for name in budget["nuisance"].values]
        self._steps.data = {
            "name": ["as trained", *names],
            "low": np.concatenate([[0.0], np.minimum(distance[:-1], distance[1:])]),
            "high": np.concatenate([distance[:1], np.maximum(distance[:-1], distance[1:])]),
            "accuracy": [f"{value:.0%}" for value in budget["accuracy"].values],
        }
        plot = self._panes[2].object
        plot.x_range.factors = ["as trained", *names]
        plot.y_range.end = float(distance.max()) * 1.15
        accuracy = budget["accuracy"].values
        self._facts.value = "<br>".join(
            [
                f"accuracy {accuracy[0]:.0%} as trained, <b>{accuracy[-1]:.0%}</b> matched",
                *(
                    f"{name}: {part / max(distance[0] - distance[-1], 1e-9):.0%} of the gap, {gained:+.0%} accuracy"
                    for name, part, gained in zip(names, budget["distance_part"].values, budget["accuracy_part"].values, strict=True)
                ),
            ]
        )
        pn.io.push_notebook(self._panes[2])

    def _embedding(self) -> Any:
        plot: Any = figure(title="embedding (principal components)", frame_width=260, frame_height=200, tools="pan,wheel_zoom,reset,save")
        plot.scatter("x", "y", color="color", source=self._points, size=4, fill_alpha=0.5, line_alpha=0)
        for name, color in COLORS.items():
            plot.scatter([], [], color=color, legend_label=name, size=7)
        plot.legend.label_text_font_size, plot.legend.padding, plot.legend.background_fill_alpha = "8pt", 4, 0.6
        return _plain(plot)

    def _bars(self) -> Any:
        plot: Any = figure(
            title="distance", x_range=FactorRange(factors=list(DISTANCES.values())), frame_width=200, frame_height=200, tools="save"
        )
        plot.y_range.start = 0
        plot.vbar("name", top="value", width=0.7, source=self._lengths, color="#666666")
        return _plain(plot)

    def _waterfall(self) -> Any:
        plot: Any = figure(
            title="the gap while one nuisance after another is matched, with the accuracy",
            x_range=FactorRange(factors=["as trained"]), y_range=Range1d(start=0, end=1), frame_width=560, frame_height=150, tools="save",
        )  # fmt: skip
        plot.vbar("name", bottom="low", top="high", width=0.7, source=self._steps, color="#0072b2")
        plot.text("name", "high", text="accuracy", source=self._steps, text_align="center", text_font_size="9pt", text_color="#888888")
        return _plain(plot)


def _plain(plot: Any) -> Any:
    plot.toolbar.autohide, plot.toolbar.logo = True, None
    plot.title.text_font_size = "10pt"
    plot.grid.grid_line_alpha = 0.3
    return plot
