"""What the course's notebooks need: answers that are checked, and errors that help instead of a traceback.

``%load_ext polwidgets.teaching`` in the first cell of a notebook turns names that are not known yet and packages that are
missing into a sentence. `check` judges the answer to an exercise.
"""

from __future__ import annotations

import dataclasses
import difflib
import html
import math
import re
from importlib.metadata import requires
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Final, SupportsFloat

if TYPE_CHECKING:
    import panel as pn
    import xarray as xr
    from IPython.core.interactiveshell import InteractiveShell

SLIPS: Final = {
    10.0: "ten times too large: nm and Å?",
    0.1: "ten times too small: nm and Å?",
    100.0: "a hundred times too large: a share, not percent?",
    0.01: "a hundred times too small: percent, not a share?",
    -1.0: "of the wrong sign",
}
COLOR: Final = {None: "#8a6d00", True: "#1b7f3b", False: "#b3261e"}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is to be said of an answer; the last line of a cell shows it.

    Attributes
    ----------
    right : bool or None
        None where there is no answer yet.
    text : str
    """

    right: bool | None
    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = f"border-left: 4px solid {COLOR[self.right]}; padding: 4px 10px"
        return f'<div role="status" style="{style}">{html.escape(self.text)}</div>'


def check(answer: object, truth: SupportsFloat, *, within: float, unit: str = "", hint: str = "", period: float | None = None) -> Verdict:
    """Judge a number.

    Parameters
    ----------
    answer : number, or ``...`` as long as there is none
        Whatever the student wrote.
    truth : float
        Computed in the notebook, from the data.
    within : float
        How far off a right answer may be.
    unit : str
        Of all three.
    hint : str
        Said to a wrong answer.
    period : float, optional
        360 for directions in degrees.

    Returns
    -------
    Verdict
    """
    wanted = f"a number in {unit}" if unit else "a number"
    if isinstance(answer, EllipsisType):
        return Verdict(None, f"No answer yet: replace the ... by {wanted} and run this cell again.")
    try:
        value = float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Verdict(False, f"{answer!r} cannot be judged; {wanted} is wanted, such as answer = 1.5.")
    if not math.isfinite(value):
        return Verdict(False, f"{value} cannot be judged; {wanted} is wanted.")
    expected = float(truth)

    def off(number: float) -> float:
        difference = number - expected
        return abs(difference) if period is None else abs((difference + period / 2) % period - period / 2)

    written = f"{value:g} {unit}".strip()
    if off(value) <= within:
        return Verdict(True, f"Right: {written}, and it is {expected:.3g} {unit}".strip() + ".")
    slip = next((said for factor, said in SLIPS.items() if off(value / factor) <= within and period is None), "")
    side = "too large" if value > expected else "too small"
    said = slip or (side if period is None else "not the one")
    stop = "" if said.endswith("?") else "."
    return Verdict(False, f"Not yet: {written} is {said}{stop} {hint}".strip())


def choose(answer: object, truth: object, *, options: tuple[object, ...], hint: str = "") -> Verdict:
    """Judge a choice among `options`; `truth` is computed in the notebook, from the data.

    Returns
    -------
    Verdict
    """
    listed = ", ".join(repr(option) for option in options)
    if isinstance(answer, EllipsisType):
        return Verdict(None, f"No answer yet: replace the ... by one of {listed} and run this cell again.")
    if answer not in options:
        return Verdict(False, f"{answer!r} is none of the choices; take one of {listed}.")
    if answer == truth:
        return Verdict(True, f"Right: {answer!r}.")
    return Verdict(False, f"Not yet: it is not {answer!r}. {hint}".strip())


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%load_ext polwidgets.teaching``."""
    import holoviews.plotting.bokeh  # noqa: F401, plots are drawn with it, and Panel has brought its scripts

    from polwidgets.widgets.map_style import load_extensions

    load_extensions()

    def explain(shell: InteractiveShell, _kind: type, error: BaseException, _trace: TracebackType, **_: object) -> None:
        from IPython.display import display

        said = unknown_name(error, shell.user_ns) if isinstance(error, NameError) else missing_package(error)
        display(Verdict(False, said))  # type: ignore[no-untyped-call]

    shell.set_custom_exc((NameError, ModuleNotFoundError), explain)  # type: ignore[no-untyped-call]


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%unload_ext polwidgets.teaching``."""
    shell.set_custom_exc((), None)  # type: ignore[no-untyped-call]


def unknown_name(error: NameError, known: dict[str, object]) -> str:
    """A sentence about a name that no cell has given a meaning yet."""
    name = str(error.name or error)
    close = difflib.get_close_matches(name, [each for each in known if not each.startswith("_")], n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"{name!r} is not known yet: run the cells above this one first (menu Run, Run All Above Selected Cell).{meant}"


def missing_package(error: BaseException) -> str:
    """A sentence about a package that is not installed, with the line that installs it."""
    module = str(getattr(error, "name", None) or error).split(".")[0]
    for requirement in requires("polwidgets") or []:
        found = re.match(rf"{re.escape(module)}\b.*extra == ['\"](\w+)['\"]", requirement.replace("-", "_"))
        if found and found[1] != "all":
            return f"This needs the package {module!r}: run %pip install 'polwidgets[{found[1]}]' in a cell, then restart the kernel."
    return f"This needs the package {module!r}, which is not installed: run %pip install {module} in a cell, then restart the kernel."


def picture(
    image: xr.DataArray,
    title: str = "",
    *,
    label: str = "",
    cmap: str = "gray",
    limits: tuple[float, float] | None = None,
    width: int = 240,
) -> pn.pane.HoloViews:
    """A picture of a scan or a pattern as it is held: row 0 at the top, both axes with their units, one pixel as high as wide.

    Parameters
    ----------
    image : DataArray (2D)
        With coords along both dimensions.
    title, label : str
        Above the picture, and of its values.
    cmap : str
    limits : (float, float), optional
        Darkest and brightest value; by default the image's own.
    width : int
        Of the frame, in pixels; four of 150 fit side by side.
    """
    import holoviews as hv
    import panel as pn

    down, right = image.dims
    plane = [hv.Dimension(str(dim), unit=image[dim].attrs.get("units", "").replace("angstrom", "Å") or None) for dim in (right, down)]
    drawn = hv.Image((image[right].values, image[down].values, image.values), plane, hv.Dimension("value", range=limits or (None, None)))
    styled = drawn.opts(
        title=title, cmap=cmap, invert_yaxis=True, data_aspect=1, frame_width=width, colorbar=True, clabel=label, toolbar=None,
        tools=["hover"], fontsize={"title": 10},
    )  # fmt: skip
    return pn.pane.HoloViews(styled)  # type: ignore[no-untyped-call]
