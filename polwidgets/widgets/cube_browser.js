// The cube browser: scan image and pattern side by side. Everything that follows the pointer happens here;
// Python is asked for exact values when things rest. Uses traits only, so it runs under anywidget and under Panel alike.
import { Preview, clamp, dragDetector, fitImage, formatNumber, grabDetector, niceLength, paint, percentileLimits, stepDetector, stepProbe, toCanvas, toImage, typedBytes } from "./cube_maths.js";

const REST_MS = 120; // after this long without a move, exact values are asked for
const REPORT_MS = 100; // the probe position goes to Python at most this often while it moves
const GRAB_PX = 9;
const ACCENT = "#35d0ff";
const DETECTOR = "#ffb000";

/** A document element with attributes and children. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Asks Python one thing at a time, the most urgent first; every request gets a reply, so the queue cannot stick. */
class Requests {
  constructor(model) {
    this.model = model;
    this.name = Math.random().toString(36).slice(2);
    this.count = 0;
    this.waiting = new Map();
    this.current = null;
    this.receive = () => {
      const reply = this.model.get("reply");
      if (!this.current || reply.id !== this.current.id) return;
      const { done } = this.current;
      this.current = null;
      done(reply);
      this.next();
    };
    model.on("change:reply", this.receive);
  }

  /** Kinds are asked in the order pattern, image, chunk; a newer request of a kind replaces one not yet sent. */
  ask(kind, body, done) {
    this.waiting.set(kind, { body, done });
    this.next();
  }

  next() {
    if (this.current) return;
    const kind = ["pattern", "image", "chunk"].find((name) => this.waiting.has(name));
    if (!kind) return;
    const { body, done } = this.waiting.get(kind);
    this.waiting.delete(kind);
    this.current = { id: `${this.name}:${this.count++}`, done };
    this.model.set("request", { id: this.current.id, kind, ...body });
    this.model.save_changes();
  }

  close() {
    this.model.off("change:reply", this.receive);
  }
}

/** A titled canvas with a colour bar and a readout. */
class View {
  constructor({ title, label, help, colors, shape, name }) {
    this.shape = shape;
    this.colors = colors;
    this.name = name;
    this.note = element("span", { class: "pw-note" });
    this.tools = element("span", { class: "pw-tools" });
    this.canvas = element("canvas", { tabindex: "0", role: "application", "aria-label": label, title: help });
    this.canvas.style.aspectRatio = clamp(shape[1] / shape[0], 0.6, 1.8);
    this.low = element("input", { type: "range", min: "0", max: "1000", "aria-label": `${title}: lower colour limit` });
    this.high = element("input", { type: "range", min: "0", max: "1000", "aria-label": `${title}: upper colour limit` });
    this.bar = element("div", { class: "pw-bar" }, this.low, this.high);
    this.lowText = element("span");
    this.highText = element("span");
    this.auto = element("button", { type: "button", title: "Automatic colour limits" }, "auto");
    this.readout = element("output", { class: "pw-readout" });
    const save = element("button", { type: "button", title: `Save the ${title.toLowerCase()} as PNG` }, "PNG");
    save.addEventListener("click", () => this.save());
    this.tools.append(save);
    this.node = element("section", { class: "pw-view", "aria-label": title },
      element("header", {}, element("strong", {}, title), this.note, this.tools),
      this.canvas,
      element("div", { class: "pw-limits" }, this.lowText, this.bar, this.highText, this.auto),
      this.readout);
    this.picture = document.createElement("canvas");
  }

  /** Put values (of shape rows x columns) into the picture that `draw` shows. */
  setValues(values, [rows, columns], limits, scale) {
    if (this.picture.width !== columns || this.picture.height !== rows) {
      this.picture.width = columns;
      this.picture.height = rows;
      this.pixels = new ImageData(columns, rows);
    }
    paint(values, limits, scale, this.colors, this.pixels.data);
    this.picture.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  /** Draw the picture into the canvas, which covers the view's shape whatever the picture's pixels; returns the drawing context. */
  draw() {
    const { canvas } = this;
    const width = canvas.clientWidth || 400;
    const height = canvas.clientHeight || 400;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    this.fit = fitImage(this.shape, width, height);
    const { zoom, left, top } = this.fit;
    context.drawImage(this.picture, left, top, zoom * this.shape[1], zoom * this.shape[0]);
    return context;
  }

  /** A scale bar in the left lower corner: the largest nice length below a third of the image. */
  scaleBar(context, pixelLength, unit) {
    const { zoom, left, top } = this.fit;
    const length = niceLength((this.shape[1] * pixelLength) / 3);
    const width = (length / pixelLength) * zoom;
    const x = left + 12;
    const y = top + zoom * this.shape[0] - 14;
    const text = `${formatNumber(length)} ${unit}`;
    context.font = "600 13px system-ui, sans-serif";
    context.fillStyle = "rgba(0, 0, 0, 0.55)";
    context.fillRect(x - 6, y - 20, Math.max(width, context.measureText(text).width) + 12, 29);
    context.fillStyle = "#fff";
    context.fillRect(x, y, width, 4);
    context.textAlign = "left";
    context.fillText(text, x, y - 6);
  }

  pointer(event) {
    const box = this.canvas.getBoundingClientRect();
    return toImage(this.fit, event.clientX - box.left, event.clientY - box.top);
  }

  /** Show limits in the sliders and texts; slider positions are relative to the full range, finer at the low end. */
  showLimits([low, high], [lowest, highest], unit) {
    const position = (value) => Math.round(1000 * Math.sqrt(clamp((value - lowest) / (highest - lowest || 1), 0, 1)));
    this.range = [lowest, highest];
    this.low.value = position(low);
    this.high.value = position(high);
    const stops = Array.from({ length: 17 }, (_, i) => {
      const color = 3 * Math.round((i / 16) * 255);
      const along = Number(this.low.value) + (i / 16) * (this.high.value - this.low.value);
      return `rgb(${this.colors.slice(color, color + 3)}) ${along / 10}%`;
    });
    this.bar.style.background = `linear-gradient(to right, ${stops})`;
    this.lowText.textContent = formatNumber(low);
    this.highText.textContent = `${formatNumber(high)} ${unit}`;
  }

  /** Limits that the sliders say, at least one step apart. */
  sliderLimits() {
    const [lowest, highest] = this.range;
    const value = (position) => lowest + (position / 1000) ** 2 * (highest - lowest);
    const low = Math.min(Number(this.low.value), 999);
    return [value(low), value(Math.max(low + 1, Number(this.high.value)))];
  }

  save() {
    this.canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: `${this.name}.png` });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

/** The browser proper: state, views and what links them. */
class Browser {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.requests = new Requests(model);
    this.preview = new Preview({ scan: this.scene.scan.shape, detector: this.scene.detector.shape, ...this.scene.preview });
    this.drawn = 0; // frames in which something moved; benchmarks count it
    this.exactPattern = null;
    this.exactImage = null;
    this.patternRange = this.scene.pattern_range;
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.status = element("div", { class: "pw-status", role: "status" });
    this.scan = new View({
      title: "Scan", name: "scan", shape: this.scene.scan.shape, colors: this.scene.colors.scan,
      label: "Scan image: drag or use the arrow keys to move the probe",
      help: "Drag or arrow keys (Shift: ten positions): move the probe",
    });
    this.pattern = new View({
      title: "Pattern", name: "pattern", shape: this.scene.detector.shape, colors: this.scene.colors.pattern,
      label: "Diffraction pattern: drag the virtual detector or its edges, or use the arrow keys, plus, minus and brackets",
      help: "Drag the ring to move it, its edges to resize it. Arrow keys move, + and − change the outer, ] and [ the inner radius",
    });
    this.node = element("div", { class: "pw-browser", role: "group", "aria-label": "4D-STEM cube browser" },
      this.message, element("div", { class: "pw-views" }, this.scan.node, this.pattern.node), this.status);
    el.append(this.node);
    this.node.browser = this;
    this.addTools();
    this.addProbe();
    this.addDetector();
    this.addLimits(this.scan, "scan_limits");
    this.addLimits(this.pattern, "pattern_limits");
    this.viewChanged = () => this.takeView(model.get("view"));
    model.on("change:view", this.viewChanged);
    this.resized = new ResizeObserver(() => this.schedule());
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

  fail(text) {
    this.message.hidden = false;
    this.message.textContent = text;
  }

  /** At most one draw per animation frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
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
      const full = percentileLimits(image, 0, 0);
      const limits = this.view.scan_limits ?? percentileLimits(image, 0.002, 0.002);
      const key = JSON.stringify(limits);
      if (image !== this.paintedImage || key !== this.paintedImageKey) {
        this.scan.setValues(image, this.scan.shape, limits, "linear");
        this.scan.showLimits(limits, [Math.min(full[0], limits[0]), Math.max(full[1], limits[1])], "");
        [this.paintedImage, this.paintedImageKey] = [image, key];
      }
    }
    const context = this.scan.draw();
    this.scan.scaleBar(context, Math.abs(step[1]), unit);
    const [x, y] = toCanvas(this.scan.fit, this.view.probe);
    const { left, top, zoom } = this.scan.fit;
    const [rows, columns] = this.scan.shape;
    const gap = Math.max(5, zoom / 2 + 2);
    for (const [color, width] of [["rgba(0, 0, 0, 0.6)", 3], [ACCENT, 1.4]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [from, to] of [[left, x - gap], [x + gap, left + zoom * columns]]) context.moveTo(from, y), context.lineTo(Math.max(from, to), y);
      for (const [from, to] of [[top, y - gap], [y + gap, top + zoom * rows]]) context.moveTo(x, from), context.lineTo(x, Math.max(from, to));
      context.rect(x - gap, y - gap, 2 * gap, 2 * gap);
      context.stroke();
    }
    const [row, column] = this.view.probe;
    const at = (axis, index) => formatNumber(this.scene.scan.origin[axis] + index * step[axis]);
    const where = unit === "px" ? "" : ` · y ${at(0, row)}, x ${at(1, column)} ${unit}`;
    const value = image ? ` · ${this.exactImage ? "" : "≈ "}${formatNumber(image[row * columns + column])}` : "";
    this.scan.readout.textContent = `probe position (${row}, ${column})${where}${value}`;
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
        this.pattern.showLimits(limits, [Math.min(lowest, limits[0]), Math.max(highest, limits[1])], "");
        this.paintedPatternKey = key;
      }
    }
    this.scale.value = scale;
    const context = this.pattern.draw();
    const { step, unit } = this.scene.detector;
    const mrad = this.scene.mrad_per_unit;
    this.pattern.scaleBar(context, Math.abs(step[1]) * (mrad ?? 1), mrad ? "mrad" : unit);
    this.drawSemiangle(context);
    this.drawDetector(context);
    this.pattern.readout.textContent = this.patternText();
  }

  drawSemiangle(context) {
    const { semiangle_px: radius, beam_px: beam, detector, mrad_per_unit: mrad } = this.scene;
    if (!radius) return;
    const [x, y] = toCanvas(this.pattern.fit, beam);
    context.strokeStyle = "rgba(255, 255, 255, 0.75)";
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.beginPath();
    context.arc(x, y, radius * this.pattern.fit.zoom, 0, 2 * Math.PI);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = "#fff";
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(`${formatNumber(radius * Math.abs(detector.step[1]) * mrad)} mrad`, x, y - radius * this.pattern.fit.zoom - 5);
  }

  drawDetector(context) {
    const { center, inner, outer } = this.detector();
    const [x, y] = toCanvas(this.pattern.fit, center);
    const { zoom } = this.pattern.fit;
    context.save();
    context.beginPath();
    context.rect(this.pattern.fit.left, this.pattern.fit.top, zoom * this.pattern.shape[1], zoom * this.pattern.shape[0]);
    context.clip();
    context.beginPath();
    context.arc(x, y, outer * zoom, 0, 2 * Math.PI);
    if (inner > 0) context.arc(x, y, inner * zoom, 0, 2 * Math.PI, true);
    context.fillStyle = "rgba(255, 176, 0, 0.13)";
    context.fill("evenodd");
    for (const radius of inner > 0 ? [outer, inner] : [outer]) {
      for (const [color, width] of [["rgba(0, 0, 0, 0.6)", 3.5], [DETECTOR, 1.8]]) {
        context.strokeStyle = color;
        context.lineWidth = width;
        context.beginPath();
        context.arc(x, y, radius * zoom, 0, 2 * Math.PI);
        context.stroke();
      }
      context.fillStyle = DETECTOR;
      context.strokeStyle = "#000";
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x + radius * zoom, y, 5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.restore();
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
    this.status.textContent = [loading, downsampled].filter(Boolean).join(" · ");
    this.scan.note.textContent = this.exactImage ? "exact" : "preview";
    this.pattern.note.textContent = this.exactPattern ? "exact" : "preview";
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
