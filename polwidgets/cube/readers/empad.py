"""EMPAD: raw frames of 130 x 128 float32, of which 128 x 128 are the pattern, and an XML beside them."""

from __future__ import annotations

import ast
import dataclasses
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import numpy as np

from polwidgets.cube.readers.base import Measure, RawScan, readers
from polwidgets.cube.stream import lazy

SIZE: Final = 128
ROWS: Final = 130  # two rows of metadata follow each pattern


@readers.register("empad")
@dataclasses.dataclass(frozen=True)
class Empad:
    """The .raw, or the .xml that names it; scan shape from the XML, else from a name like scan_x64_y32.raw."""

    def accepts(self, path: Path) -> bool:
        """A .raw, or an .xml that names a .raw file."""
        if path.suffix.lower() == ".raw":
            return True
        return path.suffix.lower() == ".xml" and path.is_file() and b"<raw_file" in path.read_bytes()

    def read(self, path: Path) -> RawScan:
        """The patterns, memory-mapped."""
        header = path if path.suffix.lower() == ".xml" else _header_of(path)
        tree = None
        if header is not None:
            try:
                tree = ET.parse(header).getroot()
            except ET.ParseError as error:
                raise ValueError(f"{header} is not readable XML ({error}); is it truncated?") from error
        raw = _raw_of(header, tree) if header == path and tree is not None else path
        frame_bytes = 4 * ROWS * SIZE
        size = raw.stat().st_size
        if size == 0 or size % frame_bytes:
            raise ValueError(
                f"{raw} has {size} bytes, which is {size / frame_bytes:.2f} EMPAD frames of {ROWS} x {SIZE} float32; "
                "it is truncated, or no EMPAD file (for other raw data use numpy.memmap and pw.make_cube)"
            )
        frames = np.memmap(raw, np.dtype("<f4"), "r", shape=(size // frame_bytes, ROWS, SIZE))
        shape = _scan_shape(raw, tree)
        if shape is not None and shape[0] * shape[1] != len(frames):
            raise ValueError(
                f"{raw} holds {len(frames)} patterns, its header or name says {shape[0]} x {shape[1]}; "
                "it is truncated, or belongs to another scan"
            )
        scan_step, k_step = _calibration(tree, shape)
        return RawScan(lazy(frames)[:, :SIZE], scan_step=scan_step, k_step=k_step, scan_shape=shape, attrs=_voltage(tree))


def _header_of(raw: Path) -> Path | None:
    """The XML that names this raw file."""
    for header in sorted(raw.parent.glob("*.xml")):
        if f'"{raw.name}"'.encode() in header.read_bytes():
            return header
    return None


def _raw_of(header: Path, tree: ET.Element) -> Path:
    element = tree.find("raw_file")
    name = Path((element.get("filename") if element is not None else None) or "").name
    raw = header.parent / name
    if not name or not raw.is_file():
        raise FileNotFoundError(f"{header} names the raw file {name!r}, which is not beside it; put it into {header.parent}")
    return raw


def _scan_shape(raw: Path, tree: ET.Element | None) -> tuple[int, int] | None:
    if tree is not None:
        columns, rows = tree.findtext("pix_x"), tree.findtext("pix_y")
        if columns and rows:
            return int(rows), int(columns)
    named = re.search(r"x(\d+)_y(\d+)", raw.stem)
    return (int(named[2]), int(named[1])) if named else None


def _calibration(
    tree: ET.Element | None, shape: tuple[int, int] | None
) -> tuple[tuple[Measure, Measure] | None, tuple[Measure, Measure] | None]:
    """Scan step and detector pixel; old files give the field of view as a pair in metres, newer ones along the longer side."""
    if tree is None:
        return None, None
    scan_step = k_step = None
    pixel = tree.findtext("iom_measurements/calibrated_pixelsize")
    if pixel:
        # 1e9 / m, which rosettasciio established
        k_step = ((float(pixel) * 1e9, "1/nm"), (float(pixel) * 1e9, "1/nm"))
    pair = tree.findtext("iom_measurements/optics.get_full_scan_field_of_view")
    side = tree.findtext("iom_measurements/full_scan_field_of_view/x")
    factor = tree.findtext("iom_measurements/full_scan_field_of_view/scale_factor")
    if shape is not None and pair:
        width, height = ast.literal_eval(pair)
        scan_step = ((height / shape[0], "m"), (width / shape[1], "m"))
    elif shape is not None and side and factor:
        step = float(side) / float(factor) / max(shape)
        scan_step = ((step, "m"), (step, "m"))
    return scan_step, k_step


def _voltage(tree: ET.Element | None) -> dict[str, float | str]:
    for tag in ("source.get_voltage", "high_voltage"):
        volts = None if tree is None else tree.findtext(f"iom_measurements/{tag}")
        if volts:
            return {"voltage_kV": float(volts) / 1e3}
    return {}
