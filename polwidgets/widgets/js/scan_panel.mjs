// The scan image of the cube browser: probe, region, centres of mass.
import { massArrows } from "./arrows.mjs";
import { CanvasView, element, write } from "./canvas_view.mjs";
import { isQuadrants } from "./detectors.mjs";
import { ARROWS, clamp, formatNumber, percentileLimits, sortedSample, stepProbe } from "./maths.mjs";
import { drawArrows, drawProbe, drawRegion } from "./overlays.mjs";
import { rectangle, simplified } from "./regions.mjs";

const MODES = {
  probe: "Drag to move the probe",
  rectangle: "Drag a rectangle: the pattern becomes the mean of the region",
  lasso: "Draw around a region: the pattern becomes the mean of the region",
};

export class ScanPanel {
  constructor(browser) {
    this.browser = browser;
    const { scan, colors } = browser.scene;
    this.view = new CanvasView({
      title: "Scan", name: "scan", shape: scan.shape, colors: colors.scan,
      label: "Scan image: drag or use the arrow keys to move the probe",
      help: "Drag or arrow keys (Shift: ten positions): move the probe. Alt and arrow keys: stretch a region from it. Escape: no region",
    });
    this.mode = "probe";
    this.addTools();
    this.addPointer();
    browser.onKey(this.view.canvas, (event) => this.key(event));
  }

  addTools() {
    this.modes = Object.entries(MODES).map(([name, help]) => {
      const button = element("button", { type: "button", title: help, "aria-pressed": String(name === this.mode) }, name);
      button.addEventListener("click", () => {
        this.mode = name;
        for (const other of this.modes) other.setAttribute("aria-pressed", String(other === button));
      });
      return button;
    });
    this.mass = element("button", { type: "button", title: "Arrows: where the patterns' centre of mass moves, against its mean" }, "CoM");
    this.mass.addEventListener("click", () => this.browser.change({ center_of_mass: !this.browser.view.center_of_mass }));
    const group = element("span", { class: "pw-group", role: "group", "aria-label": "What dragging on the scan does" }, ...this.modes);
    this.view.tools.prepend(group, this.mass);
  }

  addPointer() {
    const { canvas, shape } = this.view;
    const inside = (event) => this.view.pointer(event).map((value, axis) => clamp(value, -0.5, shape[axis] - 0.5));
    const nearest = (place) => place.map((value, axis) => clamp(Math.round(value), 0, shape[axis] - 1));
    let start = null;
    let outline = [];
    const follow = (event) => {
      const place = inside(event);
      if (this.mode === "probe") this.browser.change({ probe: nearest(place), pattern_of: "probe" });
      else if (this.mode === "rectangle") this.browser.change({ region: rectangle(nearest(start), nearest(place)), pattern_of: "region" });
      else {
        outline.push(place);
        if (outline.length > 2) this.browser.change({ region: simplified(outline), pattern_of: "region" });
      }
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      start = inside(event);
      outline = [];
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
  }

  key(event) {
    const { view } = this.browser;
    if (event.key === "Escape") return view.region.length ? { region: [], pattern_of: "probe" } : null;
    if (event.altKey && ARROWS[event.key]) {
      this.corner = stepProbe(event.key, view.region.length && this.corner ? this.corner : view.probe, this.view.shape, event.shiftKey ? 10 : 1);
      return { region: rectangle(view.probe, this.corner), pattern_of: "region" };
    }
    const probe = stepProbe(event.key, view.probe, this.view.shape, event.shiftKey ? 10 : 1);
    return probe && { probe, pattern_of: "probe" };
  }

  draw() {
    const { browser, view } = this;
    const { unit, step } = browser.scene.scan;
    const { probe, region, center_of_mass: mass } = browser.view;
    const image = browser.image();
    if (image) this.paint(image);
    const context = view.draw();
    view.scaleBar(context, Math.abs(step[1]), unit);
    this.mass.setAttribute("aria-pressed", String(mass));
    if (mass) drawArrows(context, view.fit, this.arrows().arrows);
    drawRegion(context, view.fit, region);
    drawProbe(context, view.fit, probe, view.shape);
    view.say(this.text(image));
    write(view.note, browser.exactImage ? "exact" : "preview");
  }

  paint(image) {
    const { scan_limits: chosen } = this.browser.view;
    const signed = isQuadrants(this.browser.detector());
    const key = `${chosen},${signed}`;
    if (image === this.painted && key === this.paintedKey) return;
    const sample = sortedSample(image);
    const full = percentileLimits(sample, 0, 0);
    let limits = chosen ?? percentileLimits(sample, 0.002, 0.002);
    if (signed && !chosen) limits = [-1, 1].map((sign) => sign * Math.max(Math.abs(limits[0]), Math.abs(limits[1])));
    this.view.colors = this.browser.scene.colors[signed ? "signed" : "scan"];
    this.view.setValues(image, this.view.shape, limits, "linear");
    this.view.showLimits(limits, [Math.min(full[0], limits[0]), Math.max(full[1], limits[1])]);
    [this.painted, this.paintedKey] = [image, key];
  }

  /** Computed once for each number of rows that have arrived. */
  arrows() {
    const { previews: [preview], scene } = this.browser;
    if (this.arrowsFor !== preview.arrived) {
      this.arrowsFor = preview.arrived;
      this.found = massArrows(preview.moments, this.view.shape, (row) => !!preview.rows[row], scene.scan_rotation_deg);
    }
    return this.found;
  }

  text(image) {
    const { scene, view, exactImage } = this.browser;
    const { unit, step, origin } = scene.scan;
    const [row, column] = view.probe;
    const at = (axis, index) => formatNumber(origin[axis] + index * step[axis]);
    const where = unit === "px" ? "" : ` · y ${at(0, row)}, x ${at(1, column)} ${unit}`;
    const longest = view.center_of_mass ? ` · longest arrow ${this.browser.length(this.arrows().longest)}` : "";
    const value = image ? ` · ${exactImage ? "" : "≈ "}${formatNumber(image[row * this.view.shape[1] + column])}` : "";
    return `probe position (${row}, ${column})${where}${longest}${value}`;
  }
}
