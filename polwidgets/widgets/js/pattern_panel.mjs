// The pattern of the cube browser, with the virtual detector on it, and the pattern it is compared with.
import { CanvasView, element, write } from "./canvas_view.mjs";
import { dragDetector, grabDetector, isRound, stepDetector } from "./detectors.mjs";
import { formatNumber, percentileLimits, sortedSample } from "./maths.mjs";
import { drawAngle, drawDetector } from "./overlays.mjs";

const GRAB_PX = 9;
const CURSORS = { outer: "ew-resize", inner: "ew-resize", start: "alias", stop: "alias", turn: "alias", body: "grab" };
const SHAPES = {
  point: ["point", null], disk: ["ring", 0], annulus: ["ring", 0.5], segment: ["segment", null],
  "quadrants right − left": ["quadrants right - left", null], "quadrants up − down": ["quadrants up - down", null],
};

export class PatternPanel {
  constructor(browser) {
    this.browser = browser;
    const { detector, colors, cubes } = browser.scene;
    this.view = new CanvasView({
      title: "Pattern", name: "pattern", shape: detector.shape, colors: colors.pattern,
      label: "Diffraction pattern: drag the virtual detector or its edges, or use the arrow keys, plus, minus and brackets",
      help: "Drag the detector to move it, its handles to resize and turn it. Keys: arrows move, + and − outer, ] and [ inner radius, "
        + "comma and full stop turn, < and > narrow and widen (Shift: larger steps)",
    });
    this.nodes = [this.view.node];
    if (cubes.length > 1) this.addOther();
    this.addTools();
    this.addPointer();
    browser.onKey(this.view.canvas, (event) => {
      const moved = stepDetector(event.key, browser.detector(), detector.shape, event.shiftKey ? 5 : 1);
      return moved && asView(moved);
    });
  }

  /** The second cube's pattern, or what differs. */
  addOther() {
    const { detector, colors, cubes } = this.browser.scene;
    this.other = new CanvasView({
      title: "Compared", name: "compared", shape: detector.shape, colors: colors.pattern, limits: false,
      label: "Pattern of the compared cube at the same place", help: "The compared cube at the same probe position or region",
    });
    this.shownOther = element("select", { "aria-label": "Comparison", title: "The compared pattern itself, or measured less compared" },
      element("option", { value: "pattern" }, cubes[1]), element("option", { value: "difference" }, `${cubes[0]} − ${cubes[1]}`));
    this.shownOther.addEventListener("change", () => {
      this.paintedKey = null;
      this.browser.schedule();
    });
    this.other.tools.prepend(this.shownOther);
    this.nodes.push(this.other.node);
  }

  addTools() {
    const { semiangle_px: semiangle, beam_px: beam, detector } = this.browser.scene;
    this.scale = element("select", { "aria-label": "Intensity scale", title: "How intensities become colours" },
      ...["linear", "sqrt", "log"].map((name) => element("option", { value: name }, name)));
    this.scale.addEventListener("change", () => this.browser.change({ pattern_scale: this.scale.value }));
    const disk = semiangle || Math.min(...detector.shape) / 4;
    const presets = {
      "bright field": [0, disk], "annular bright field": [0.5 * disk, disk], "annular dark field": [1.1 * disk, 2 * disk], "small disk": [0, 0.15 * disk],
    };
    const options = (names) => Object.keys(names).map((name) => element("option", { value: name }, name));
    const choose = element("select", { "aria-label": "Virtual detector", title: "Put a usual virtual detector about the beam, or change the shape of this one" },
      element("option", { value: "" }, "detector…"),
      element("optgroup", { label: "About the beam" }, ...options(presets)), element("optgroup", { label: "Shape" }, ...options(SHAPES)));
    choose.addEventListener("change", () => {
      const now = this.browser.detector();
      if (presets[choose.value]) {
        const [inner, outer] = presets[choose.value];
        this.browser.change(asView({ ...now, shape: "ring", center: beam, inner, outer }));
      } else {
        const [shape, share] = SHAPES[choose.value];
        this.browser.change(asView({ ...now, shape, inner: share === null ? now.inner : share * now.outer }));
      }
      choose.value = "";
    });
    this.view.tools.prepend(choose, this.scale);
  }

  addPointer() {
    const { canvas, shape } = this.view;
    const reach = () => GRAB_PX / this.view.fit.zoom;
    let grabbed = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      const at = this.view.pointer(event);
      const detector = this.browser.detector();
      const part = grabDetector(detector, at, reach());
      if (!part) return;
      canvas.setPointerCapture(event.pointerId);
      grabbed = { part, at, detector };
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = this.view.pointer(event);
      this.pointed = at.map(Math.round);
      if (grabbed && canvas.hasPointerCapture(event.pointerId)) {
        this.browser.change(asView(dragDetector(grabbed.detector, grabbed.part, grabbed.at, at, shape)));
      } else {
        canvas.style.cursor = CURSORS[grabDetector(this.browser.detector(), at, reach())] || "default";
        this.browser.schedule();
      }
    });
    canvas.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.browser.schedule();
    });
    canvas.addEventListener("lostpointercapture", () => (grabbed = null));
  }

  draw() {
    const { browser, view } = this;
    const { scene } = browser;
    const { pattern_scale: scale, pattern_limits: chosen } = browser.view;
    const { patterns, exact, count, key } = browser.patterns();
    const painted = JSON.stringify([key, scale, chosen]);
    const ofRegion = browser.region().length > 0;
    if (patterns && painted !== this.paintedKey) {
      const shape = exact ? scene.detector.shape : scene.preview.shape;
      // a mean has no noise, so it has colours of its own
      const [lowest, highest] = ofRegion ? percentileLimits(sortedSample(patterns[0]), 0, 0.0005) : scene.pattern_ranges[0];
      const limits = chosen ?? [lowest, highest];
      view.setValues(patterns[0], shape, limits, scale);
      view.showLimits(limits, [Math.min(lowest, limits[0]), Math.max(highest, limits[1])]);
      if (this.other && patterns[1]) this.paintOther(patterns, shape, ofRegion ? limits : chosen, scale);
      this.paintedKey = painted;
    }
    if (this.scale.value !== scale) this.scale.value = scale;
    const { step, unit } = scene.detector;
    const mrad = scene.mrad_per_unit;
    const { semiangle_px: semiangle, beam_px: beam } = scene;
    for (const one of [view, this.other]) {
      if (!one?.width) continue;
      const context = one.draw();
      one.scaleBar(context, Math.abs(step[1]) * (mrad ?? 1), mrad ? "mrad" : unit);
      if (one === view) drawDetector(context, view.fit, browser.detector(), view.shape);
      if (semiangle) drawAngle(context, one.fit, beam, semiangle, `${formatNumber(semiangle * Math.abs(step[1]) * mrad)} mrad`);
    }
    write(view.note, exact ? "exact" : "preview");
    const place = ofRegion ? `mean of ${count ?? "no"} positions · ` : "";
    view.say(place + this.text(exact ? patterns[0] : null));
  }

  paintOther([first, second], shape, chosen, scale) {
    const { colors, pattern_ranges: ranges } = this.browser.scene;
    const different = this.shownOther.value === "difference";
    this.other.colors = different ? colors.signed : colors.pattern;
    const half = (chosen ?? ranges[0])[1] / 2;
    if (different) this.other.setValues(first.map((value, i) => value - second[i]), shape, [-half, half], "linear");
    else this.other.setValues(second, shape, chosen ?? ranges[1], scale);
    this.other.say(different ? `colours from ${formatNumber(-half)} to ${formatNumber(half)}` : "");
  }

  text(exact) {
    const { scene } = this.browser;
    const { step, unit, origin, shape } = scene.detector;
    const detector = this.browser.detector();
    const { inner, outer, angles } = detector;
    const radii = inner > 0 ? `${this.browser.length(inner, false)} to ${this.browser.length(outer)}` : `radius ${this.browser.length(outer)}`;
    const turned = `${formatNumber(angles[0])}° to ${formatNumber(angles[1])}°`;
    const name = isRound(detector) ? (inner > 0 ? "ring" : "disk") : detector.shape.replace(" - ", " − ");
    const say = detector.shape === "point" ? "detector: one pixel" : `detector: ${name}, ${radii}${detector.shape === "segment" ? `, ${turned}` : ""}`;
    if (!this.pointed || this.pointed.some((value, axis) => value < 0 || value >= shape[axis])) return say;
    const [row, column] = this.pointed;
    const k = [row, column].map((value, axis) => formatNumber(origin[axis] + value * step[axis]));
    const value = exact ? ` · ${formatNumber(exact[row * shape[1] + column])}` : "";
    return `ky ${k[0]}, kx ${k[1]} ${unit}${value} · ${say}`;
  }
}

/** A detector as the view's values. */
const asView = (detector) => Object.fromEntries(Object.entries(detector).map(([name, value]) => [`detector_${name}`, value]));
