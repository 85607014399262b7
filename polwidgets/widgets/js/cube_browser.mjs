// The cube browser: scan image and pattern side by side. Everything that follows the pointer happens here;
// Python is asked for exact values when things rest. Uses traits only, so it runs under anywidget and under Panel alike.
import { CanvasView, element, write } from "./canvas_view.mjs";
import { clamp, dragDetector, formatNumber, grabDetector, percentileLimits, sortedSample, stepDetector, stepProbe, typedBytes } from "./maths.mjs";
import { drawAngle, drawDetector, drawProbe } from "./overlays.mjs";
import { Preview } from "./preview.mjs";
import { Requests } from "./requests.mjs";

const REST_MS = 120; // after this long without a move, exact values are asked for
const REPORT_MS = 100; // the probe position goes to Python at most this often while it moves
const GRAB_PX = 9;
const SILENT = "Python does not answer: the kernel is closed or busy. What is drawn comes from the preview, and may be coarse.";

/** The browser proper: state, views and what links them. */
class Browser {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.requests = new Requests(model, ["pattern", "image", "chunk"], (silent) => this.hear(silent));
    this.preview = new Preview({ scan: this.scene.scan.shape, detector: this.scene.detector.shape, ...this.scene.preview });
    this.drawn = 0; // frames in which something moved; benchmarks count it
    this.exactPattern = null;
    this.exactImage = null;
    this.patternRange = this.scene.pattern_range;
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.offline = element("div", { class: "pw-offline", role: "alert", hidden: "" }, SILENT);
    this.status = element("div", { class: "pw-status", role: "status" });
    this.scan = new CanvasView({
      title: "Scan", name: "scan", shape: this.scene.scan.shape, colors: this.scene.colors.scan,
      label: "Scan image: drag or use the arrow keys to move the probe",
      help: "Drag or arrow keys (Shift: ten positions): move the probe",
    });
    this.pattern = new CanvasView({
      title: "Pattern", name: "pattern", shape: this.scene.detector.shape, colors: this.scene.colors.pattern,
      label: "Diffraction pattern: drag the virtual detector or its edges, or use the arrow keys, plus, minus and brackets",
      help: "Drag the ring to move it, its edges to resize it. Arrow keys move, + and − change the outer, ] and [ the inner radius",
    });
    this.node = element("div", { class: "pw-browser", role: "group", "aria-label": "4D-STEM cube browser" },
      this.message, this.offline, element("div", { class: "pw-views" }, this.scan.node, this.pattern.node), this.status);
    el.append(this.node);
    this.node.browser = this;
    this.addTools();
    this.addProbe();
    this.addDetector();
    this.addLimits(this.scan, "scan_limits");
    this.addLimits(this.pattern, "pattern_limits");
    this.viewChanged = () => this.takeView(model.get("view"));
    model.on("change:view", this.viewChanged);
    this.resized = new ResizeObserver(() => {
      this.scan.measure();
      this.pattern.measure();
      this.schedule();
    });
    this.resized.observe(this.node);
    this.askChunk(0);
    this.askExact();
    this.schedule();
  }

  detector() {
    return { center: this.view.detector_center, inner: this.view.detector_inner, outer: this.view.detector_outer };
  }

  addTools() {
    const { semiangle_px: semiangle, beam_px: beam, detector } = this.scene;
    this.scale = element("select", { "aria-label": "Intensity scale", title: "How intensities become colours" },
      ...["linear", "sqrt", "log"].map((name) => element("option", { value: name }, name)));
    this.scale.addEventListener("change", () => this.change({ pattern_scale: this.scale.value }));
    const disk = semiangle || Math.min(...detector.shape) / 4;
    const presets = {
      "bright field": [0, disk], "annular bright field": [0.5 * disk, disk], "annular dark field": [1.1 * disk, 2 * disk], "small disk": [0, 0.15 * disk],
    };
    const choose = element("select", { "aria-label": "Virtual detector", title: "Put a usual virtual detector about the beam" },
      element("option", { value: "" }, "detector…"), ...Object.keys(presets).map((name) => element("option", { value: name }, name)));
    choose.addEventListener("change", () => {
      const [inner, outer] = presets[choose.value];
      this.change({ detector_center: beam, detector_inner: inner, detector_outer: outer });
      choose.value = "";
    });
    this.pattern.tools.prepend(choose, this.scale);
  }

  addProbe() {
    const { canvas, shape } = this.scan;
    const follow = (event) => {
      const position = this.scan.pointer(event).map((value, axis) => clamp(Math.round(value), 0, shape[axis] - 1));
      this.change({ probe: position });
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
    this.onKey(canvas, (event) => {
      const probe = stepProbe(event.key, this.view.probe, shape, event.shiftKey ? 10 : 1);
      return probe && { probe };
    });
  }

  addDetector() {
    const { canvas, shape } = this.pattern;
    let grabbed = null;
    const reach = () => GRAB_PX / this.pattern.fit.zoom;
    const cursors = { outer: "ew-resize", inner: "ew-resize", body: "grab" };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      const at = this.pattern.pointer(event);
      const part = grabDetector(this.detector(), at, reach());
      if (!part) return;
      canvas.setPointerCapture(event.pointerId);
      grabbed = { part, at, detector: this.detector() };
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = this.pattern.pointer(event);
      this.pointed = at.map(Math.round);
      if (grabbed && canvas.hasPointerCapture(event.pointerId)) {
        this.setDetector(dragDetector(grabbed.detector, grabbed.part, grabbed.at, at, shape));
      } else {
        canvas.style.cursor = cursors[grabDetector(this.detector(), at, reach())] || "default";
        this.schedule();
      }
    });
    canvas.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.schedule();
    });
    canvas.addEventListener("lostpointercapture", () => (grabbed = null));
    this.onKey(canvas, (event) => {
      const detector = stepDetector(event.key, this.detector(), shape, event.shiftKey ? 5 : 1);
      return detector && { detector_center: detector.center, detector_inner: detector.inner, detector_outer: detector.outer };
    });
  }

  setDetector({ center, inner, outer }) {
    this.change({ detector_center: center, detector_inner: inner, detector_outer: outer });
  }

  /** Keys that mean something here stay here: JupyterLab would move to another cell. */
  onKey(canvas, react) {
    canvas.addEventListener("keydown", (event) => {
      const changes = !event.ctrlKey && !event.metaKey && !event.altKey && react(event);
      if (!changes) return;
      event.preventDefault();
      event.stopPropagation();
      this.change(changes);
    });
  }

  addLimits(view, name) {
    const changed = () => this.change({ [name]: view.sliderLimits() });
    view.low.addEventListener("input", changed);
    view.high.addEventListener("input", changed);
    view.auto.addEventListener("click", () => this.change({ [name]: null }));
  }

  /** Something moved here: show it at the next frame, tell Python where the probe is, and all the rest once it rests. */
  change(values) {
    this.invalidate(values);
    Object.assign(this.view, values);
    this.moving = true;
    this.moved = true;
    this.schedule();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.report(this.view);
      this.askExact();
    }, REST_MS);
    if (values.probe) this.reporting ??= setTimeout(() => this.report({ probe: this.view.probe }), REPORT_MS);
  }

  report(values) {
    clearTimeout(this.reporting);
    this.reporting = null;
    this.model.set("view", { ...this.model.get("view"), ...values });
    this.model.save_changes();
  }

  /** Python, or a widget linked through it, changed the state. What moves under the pointer wins. */
  takeView(view) {
    if (this.moving) return;
    this.invalidate(view);
    this.view = { ...view };
    this.askExact();
    this.schedule();
  }

  /** Forget exact values that belong to another probe position or detector. */
  invalidate(values) {
    const differs = (name) => name in values && JSON.stringify(values[name]) !== JSON.stringify(this.view[name]);
    if (differs("probe")) this.exactPattern = null;
    if (["detector_center", "detector_inner", "detector_outer"].some(differs)) this.exactImage = null;
  }

  askExact() {
    const { probe } = this.view;
    if (!this.exactPattern) {
      this.requests.ask("pattern", { probe }, (reply) => {
        if (this.failed(reply) || String(reply.probe) !== String(this.view.probe)) return;
        this.exactPattern = typedBytes(reply.data, Float32Array);
        this.schedule();
      });
    }
    if (!this.exactImage) {
      const detector = this.detector();
      this.requests.ask("image", detector, (reply) => {
        if (this.failed(reply) || JSON.stringify(this.detector()) !== JSON.stringify(detector)) return;
        this.exactImage = typedBytes(reply.data, Float32Array);
        this.schedule();
      });
    }
  }

  askChunk(index) {
    this.requests.ask("chunk", { index }, (reply) => {
      if (this.failed(reply)) return;
      const quantised = typedBytes(reply.data, this.scene.preview.bits === 16 ? Uint16Array : Uint8Array);
      const length = quantised.length / reply.rows.length;
      reply.rows.forEach((row, i) => {
        this.preview.add(row, quantised.subarray(i * length, (i + 1) * length), reply.lowest[i], reply.highest[i]);
      });
      if (index + 1 < this.scene.preview.chunks) this.askChunk(index + 1);
      this.schedule();
    });
  }

  failed(reply) {
    if (!reply.error) return false;
    this.fail(reply.error);
    return true;
  }

  /** Python stopped answering, or answers again. */
  hear(silent) {
    this.offline.hidden = !silent;
  }

  fail(text) {
    this.message.hidden = false;
    this.message.textContent = text;
  }

  /** At most one draw per animation frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.scan.width || !this.pattern.width) return; // not laid out yet; being laid out schedules again
      try {
        this.drawPattern();
        this.drawScan();
        this.showStatus();
        if (this.moved) this.drawn++;
        this.moved = false;
      } catch (error) {
        this.fail(`The browser could not draw: ${error.message}`);
        throw error;
      }
    });
  }

  drawScan() {
    const image = this.exactImage ?? this.imageOf(this.detector());
    const { unit, step } = this.scene.scan;
    if (image) {
      const chosen = this.view.scan_limits;
      if (image !== this.paintedImage || String(chosen) !== this.paintedLimits) {
        const sample = sortedSample(image);
        const full = percentileLimits(sample, 0, 0);
        const limits = chosen ?? percentileLimits(sample, 0.002, 0.002);
        this.scan.setValues(image, this.scan.shape, limits, "linear");
        this.scan.showLimits(limits, [Math.min(full[0], limits[0]), Math.max(full[1], limits[1])]);
        [this.paintedImage, this.paintedLimits] = [image, String(chosen)];
      }
    }
    const context = this.scan.draw();
    this.scan.scaleBar(context, Math.abs(step[1]), unit);
    drawProbe(context, this.scan.fit, this.view.probe, this.scan.shape);
    const [row, column] = this.view.probe;
    const at = (axis, index) => formatNumber(this.scene.scan.origin[axis] + index * step[axis]);
    const where = unit === "px" ? "" : ` · y ${at(0, row)}, x ${at(1, column)} ${unit}`;
    const value = image ? ` · ${this.exactImage ? "" : "≈ "}${formatNumber(image[row * this.scan.shape[1] + column])}` : "";
    this.scan.say(`probe position (${row}, ${column})${where}${value}`);
  }

  /** The preview's image of a detector; computed once for each detector and number of rows. */
  imageOf(detector) {
    const key = JSON.stringify([detector, this.preview.arrived]);
    if (key !== this.imageKey) {
      this.imageKey = key;
      this.image = this.preview.image(detector);
    }
    return this.image;
  }

  drawPattern() {
    const { probe, pattern_scale: scale } = this.view;
    const exact = this.exactPattern;
    const key = JSON.stringify([probe, scale, this.view.pattern_limits, !!exact, exact ? 0 : this.preview.arrived]);
    if (key !== this.paintedPatternKey) {
      const values = exact ?? this.preview.pattern(probe);
      if (values) {
        const [lowest, highest] = this.patternRange;
        const limits = this.view.pattern_limits ?? [lowest, highest];
        this.pattern.setValues(values, exact ? this.scene.detector.shape : this.scene.preview.shape, limits, scale);
        this.pattern.showLimits(limits, [Math.min(lowest, limits[0]), Math.max(highest, limits[1])]);
        this.paintedPatternKey = key;
      }
    }
    if (this.scale.value !== scale) this.scale.value = scale;
    const context = this.pattern.draw();
    const { step, unit } = this.scene.detector;
    const mrad = this.scene.mrad_per_unit;
    this.pattern.scaleBar(context, Math.abs(step[1]) * (mrad ?? 1), mrad ? "mrad" : unit);
    const { semiangle_px: semiangle, beam_px: beam } = this.scene;
    drawDetector(context, this.pattern.fit, this.detector(), this.pattern.shape);
    if (semiangle) drawAngle(context, this.pattern.fit, beam, semiangle, `${formatNumber(semiangle * Math.abs(step[1]) * mrad)} mrad`);
    this.pattern.say(this.patternText());
  }

  patternText() {
    const { step, unit, origin } = this.scene.detector;
    const mrad = this.scene.mrad_per_unit;
    const length = (pixels) => formatNumber(pixels * Math.abs(step[1]) * (mrad ?? 1));
    const { inner, outer } = this.detector();
    const lengths = inner > 0 ? `ring ${length(inner)} to ${length(outer)}` : `disk, radius ${length(outer)}`;
    const detector = `detector: ${lengths} ${mrad ? "mrad" : unit}`;
    const [rows, columns] = this.pattern.shape;
    if (!this.pointed || this.pointed.some((value, axis) => value < 0 || value >= this.pattern.shape[axis])) return detector;
    const [row, column] = this.pointed;
    const k = [row, column].map((value, axis) => formatNumber(origin[axis] + value * step[axis]));
    const value = this.exactPattern ? ` · ${formatNumber(this.exactPattern[row * columns + column])}` : "";
    return `ky ${k[0]}, kx ${k[1]} ${unit}${value} · ${detector}`;
  }

  showStatus() {
    const { binning } = this.scene.preview;
    const { arrived, complete } = this.preview;
    const downsampled = binning > 1 ? `preview binned ${binning} × ${binning} while moving` : "";
    const loading = complete ? "" : `loading preview: ${arrived} of ${this.scene.scan.shape[0]} scan rows`;
    write(this.status, [loading, downsampled].filter(Boolean).join(" · "));
    write(this.scan.note, this.exactImage ? "exact" : "preview");
    write(this.pattern.note, this.exactPattern ? "exact" : "preview");
  }

  close() {
    this.requests.close();
    this.model.off("change:view", this.viewChanged);
    this.resized.disconnect();
    clearTimeout(this.resting);
    clearTimeout(this.reporting);
    cancelAnimationFrame(this.frame);
  }
}

function render({ model, el }) {
  try {
    const browser = new Browser(model, el);
    return () => browser.close();
  } catch (error) {
    el.append(element("div", { class: "pw-message", role: "alert" }, `The cube browser could not start: ${error.message}`));
    throw error;
  }
}

export default { render };
