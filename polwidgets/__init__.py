"""polwidgets: see polarization in 4D-STEM scans, and know how far to trust it."""

from __future__ import annotations

import importlib
from typing import Any, Final

__version__: Final = "0.1.0"

# public name -> module; loaded when first used, so that `import polwidgets` stays fast
_PUBLIC: Final = {
    "make_cube": "polwidgets.cube.schema",
    "validate": "polwidgets.cube.schema",
    "open_cube": "polwidgets.cube.files",
    "save_cube": "polwidgets.cube.files",
    "sample": "polwidgets.cube.sample",
    "calibrate": "polwidgets.cube.calibrate",
    "fit_disk": "polwidgets.cube.disk",
    "inspect": "polwidgets.cube.checks",
    "repair": "polwidgets.cube.bad_pixels",
    "Annulus": "polwidgets.cube.detectors",
    "Disk": "polwidgets.cube.detectors",
    "Point": "polwidgets.cube.detectors",
    "Segment": "polwidgets.cube.detectors",
    "quadrants": "polwidgets.cube.detectors",
    "in_mrad": "polwidgets.cube.detectors",
    "virtual_image": "polwidgets.cube.reduce",
    "virtual_images": "polwidgets.cube.reduce",
    "center_of_mass": "polwidgets.cube.reduce",
    "mean_pattern": "polwidgets.cube.reduce",
    "friedel_signal": "polwidgets.cube.classic",
    "central_disk_signal": "polwidgets.cube.classic",
    "crystals": "polwidgets.crystal.base",
    "Scene": "polwidgets.scenes.scene",
    "prefabs": "polwidgets.scenes.base",
    "draw_scenes": "polwidgets.scenes.draw",
    "save_scene": "polwidgets.scenes.export",
    "simulate_scan": "polwidgets.simulate.scan",
    "simulate_scene_scan": "polwidgets.simulate.scene_scan",
    "exit_wave": "polwidgets.simulate.exit_wave",
    "ImagingConditions": "polwidgets.simulate.imaging",
    "hrtem_images": "polwidgets.simulate.imaging",
    "object_mask": "polwidgets.simulate.object_mask",
    "make_dataset": "polwidgets.datasets.make",
    "open_dataset": "polwidgets.datasets.store",
    "perturb": "polwidgets.perturb.apply",
    "preset": "polwidgets.perturb.presets",
    "perturbations": "polwidgets.perturb.base",
    "match": "polwidgets.match.matching",
    "map_polarization": "polwidgets.workflow",
    "train_model": "polwidgets.workflow",
    "load_model": "polwidgets.models.base",
    "error_map": "polwidgets.analysis.periodicity",
    "error_periodicity": "polwidgets.analysis.periodicity",
    "fold_errors": "polwidgets.analysis.folding",
    "information_map": "polwidgets.analysis.information",
    "expected_error": "polwidgets.analysis.information",
    "target_patterns": "polwidgets.analysis.gap_budget",
    "domain_gap": "polwidgets.analysis.domain_gap",
    "gap_budget": "polwidgets.analysis.gap_budget",
    "defect_map": "polwidgets.analysis.anomaly",
    "find_disks": "polwidgets.disks.find",
    "train_disk_network": "polwidgets.disks.fcunet_training",
    "save_point_lists": "polwidgets.disks.point_lists",
    "open_point_lists": "polwidgets.disks.point_lists",
    "strain_map": "polwidgets.analysis.strain",
    "segment": "polwidgets.segmentation.segmentation",
    "separate_particles": "polwidgets.segmentation.segmentation",
    "particle_statistics": "polwidgets.segmentation.statistics",
    "train_segmenter": "polwidgets.segmentation.segmenter",
    "bright_field_images": "polwidgets.simulate.bright_field",
    "ViewState": "polwidgets.widgets.view_state",
    "CubeBrowser": "polwidgets.widgets.cube_browser",
    "LinkedMaps": "polwidgets.widgets.linked_maps",
    "Explorer": "polwidgets.widgets.explorer",
    "PeriodicityExplorer": "polwidgets.widgets.periodicity_explorer",
    "DomainGapExplorer": "polwidgets.widgets.domain_gap_explorer",
    "DefectExplorer": "polwidgets.widgets.defect_explorer",
    "PerturbationPanel": "polwidgets.widgets.perturbation_panel",
    "ModelSelector": "polwidgets.widgets.model_selector",
    "SpecimenMatcher": "polwidgets.widgets.specimen_matcher",
    "SceneView": "polwidgets.widgets.scene_view",
    "DiskExplorer": "polwidgets.widgets.disk_explorer",
    "StrainMaps": "polwidgets.widgets.strain_maps",
    "SceneBuilder": "polwidgets.widgets.scene_builder",
    "SegmentationExplorer": "polwidgets.widgets.segmentation_explorer",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'polwidgets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
