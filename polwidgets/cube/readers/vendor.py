"""Detector and microscope makers' files, through rosettasciio (optional, GPL-3)."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any, Final

import dask.array as da

from polwidgets.cube.readers.base import Measure, RawScan, readers
from polwidgets.cube.stream import lazy
from polwidgets.registry import parameter

PLUGINS: Final = {
    ".mib": "quantumdetector",
    ".blo": "blockfile",
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".ser": "tia",
    ".emi": "tia",
    ".tvips": "tvips",
    ".nxs": "nexus",
    ".hspy": "hspy",
    ".zspy": "zspy",
    ".mrc": "mrc",
    ".de5": "emd",
}


@readers.register("vendor")
@dataclasses.dataclass(frozen=True)
class Vendor:
    """Merlin MIB, NanoMEGAS blockfile, Gatan DM3 and DM4, TIA, TVIPS, NeXus, HyperSpy and others."""

    signal: int = parameter(-1, "Which of the file's signals, counted from 0; by default the one with most patterns.", min=-1, step=1)

    def accepts(self, path: Path) -> bool:
        """By suffix."""
        return path.suffix.lower() in PLUGINS

    def read(self, path: Path) -> RawScan:
        """The signal as rosettasciio describes it."""
        name = PLUGINS[path.suffix.lower()]
        try:
            plugin = importlib.import_module(f"rsciio.{name}")
        except ImportError as error:
            raise ImportError(f"reading {path.suffix} needs rosettasciio; pip install 'polwidgets[io]' ({error})") from error
        try:
            signals = plugin.file_reader(str(path), lazy=True)
        except ImportError as error:
            raise ImportError(f"rosettasciio's {name} reader needs another package; pip install 'polwidgets[io]' ({error})") from error
        except NotImplementedError as error:
            raise ValueError(
                f"rosettasciio cannot read {path}: {str(error).rstrip('.')}; export it from the vendor's program, for example as HDF5"
            ) from error
        except Exception as error:  # plugins raise whatever a damaged file makes them run into
            raise ValueError(f"{path} is not a readable {name} file ({type(error).__name__}: {error}); is it truncated?") from error
        signal = self._choose(path, signals)
        _check_end(path, signal["data"])
        axes = signal["axes"]
        scan = [axis for axis in axes if axis["navigate"]]
        detector = [axis for axis in axes if not axis["navigate"]]
        return RawScan(
            _whole_patterns(signal["data"]),
            scan_step=(_measure(scan[0]), _measure(scan[1])) if len(scan) == 2 else None,
            k_step=(_measure(detector[0]), _measure(detector[1])),
            center_px=_center(detector),
            attrs=_instrument(signal),
        )

    def _choose(self, path: Path, signals: list[dict[str, Any]]) -> dict[str, Any]:
        if self.signal >= len(signals):
            raise ValueError(f"{path} has {len(signals)} signals, got signal={self.signal}")
        if self.signal >= 0:
            return signals[self.signal]
        patterns = [signal for signal in signals if _is_patterns(signal)]
        if not patterns:
            shapes = ", ".join(str(signal["data"].shape) for signal in signals) or "nothing"
            raise ValueError(f"{path} holds no diffraction patterns: its signals have shapes {shapes}, expected a scan of 2D patterns")
        return max(patterns, key=lambda signal: int(signal["data"].size))


def _check_end(path: Path, data: Any) -> None:
    """Read the last pattern: some plugins map the file without looking how long it is."""
    try:
        last = data[(-1,) * (data.ndim - 2)]
        if isinstance(last, da.Array):
            last.compute()
    except Exception as error:  # plugins raise whatever a damaged file makes them run into
        raise ValueError(f"{path} ends before its last pattern ({type(error).__name__}: {error}); it is truncated") from error


def _is_patterns(signal: dict[str, Any]) -> bool:
    axes = signal["axes"]
    return 2 <= len(axes) <= 4 and [axis["navigate"] for axis in axes[-2:]] == [False, False]


def _whole_patterns(data: Any) -> Any:
    if not isinstance(data, da.Array):
        return lazy(data)
    # dask's automatic blocks cut patterns; the plugins' own memory maps do not mind
    return data.rechunk(dict.fromkeys((data.ndim - 2, data.ndim - 1), -1))


def _measure(axis: dict[str, Any]) -> Measure:
    return float(axis["scale"]), axis["units"]


def _center(detector: list[dict[str, Any]]) -> tuple[float, float] | None:
    """Pixel at which both axes are zero, where that lies on the detector: some files leave the offset blank or absurd."""
    center = tuple(-float(axis["offset"]) / float(axis["scale"]) for axis in detector)
    inside = all(0 < place < axis["size"] - 1 for place, axis in zip(center, detector, strict=True))
    return (center[0], center[1]) if inside else None


def _instrument(signal: dict[str, Any]) -> dict[str, float | str]:
    microscope = signal.get("metadata", {}).get("Acquisition_instrument", {}).get("TEM", {})
    attrs: dict[str, float | str] = {}
    for name, key in (("voltage_kV", "beam_energy"), ("semiangle_mrad", "convergence_angle")):
        if microscope.get(key):
            attrs[name] = float(microscope[key])
    return attrs
