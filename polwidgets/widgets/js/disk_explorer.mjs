// The disk explorer: what a detector finds in the pattern at the probe, while its parameters are moved, and the lattice under it.
// Proposals follow every move; once it rests the disks are measured. Python answers one thing at a time, the newest first.
import { CanvasView, element, mounted, write } from "./canvas_view.mjs";
import { Slider } from "./controls.mjs";
import { MAGNIFIED, OFF, ON, drawDisks, drawErrors, drawIndices, drawLattice, indexText } from "./disk_overlays.mjs";
import { cellOf, directCell, handleAt, moveHandle, nearest } from "./lattice.mjs";
import { ARROWS, formatNumber, percentileLimits, sortedSample, stepProbe, typedBytes } from "./maths.mjs";
import { drawProbe } from "./overlays.mjs";
import { Requests } from "./requests.mjs";
import { SharedZoom } from "./zoom.mjs";

const REST_MS = 180; // after this long without a move the disks are measured and Python is told
const GRAB_PX = 11;
const KINDS = ["cancel", "apply", "find", "measure", "image"];
const SILENT = "Python does not answer: the kernel is closed or busy. Nothing new can be found until it does.";
const HANDLE_KEYS = { o: "origin", a: "a", b: "b" };
const LAYERS = { disks: "disks", errors: `errors ×${MAGNIFIED}`, indices: "indices", lattice: "lattice" };
const LAYER_HELP = {
  disks: "The found disks, as large as the probe",
  errors: `Crosses: standard deviation of a disk's place; lines: how far it lies from the lattice. Both ${MAGNIFIED} times as long as they are`,
  indices: "Lattice indices of the disks, counted from the centre",
  lattice: "Points and vectors of the lattice, with handles to drag",
};

class DiskExplorerView {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.drawn = 0; // proposals drawn; benchmarks count them
    this.measured = 0; // and measurements
    this.layers = { disks: true, errors: true, indices: true, lattice: true };
    this.held = "origin";
    this.chosen = -1;
    this.requests = new Requests(model, KINDS, (silent) => (this.offline.hidden = !silent));
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.caution = element("div", { class: "pw-caution", role: "status", hidden: "" });
    this.offline = element("div", { class: "pw-offline", role: "alert", hidden: "" }, SILENT);
    this.status = element("div", { class: "pw-status", role: "status" });
    this.addButtons();
    this.addPattern();
    this.addScan();
    this.addControls();
    this.zoom = new SharedZoom([this.pattern], () => this.schedule());
    this.node = element("div", { class: "pw-browser pw-strain", role: "group", "aria-label": "Disk explorer" },
      this.message, this.caution, this.offline, this.buttons,
      element("div", { class: "pw-views" }, this.side, this.pattern.node, this.right), this.status);
    el.append(this.node);
    this.node.explorer = this;
    this.viewChanged = () => this.takeView(model.get("view"));
    this.statusChanged = () => this.takeStatus(model.get("status"));
    model.on("change:view", this.viewChanged);
    model.on("change:status", this.statusChanged);
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.node);
    this.takeStatus(model.get("status"));
    this.show();
    this.find();
    this.askImage();
  }

  addButtons() {
    const button = (words, help, act) => {
      const node = element("button", { type: "button", title: help }, words);
      node.addEventListener("click", act);
      return node;
    };
    const apply = (what) => () => this.requests.ask("apply", { values: this.view, what }, (reply) => this.failed(reply));
    this.map = button("Map strain", "Do this to every pattern and compare the lattices with the reference (pw.strain_map)", apply("strain"));
    this.map.classList.add("pw-main");
    this.table = button("Find all disks", "A table of the disks of every pattern (pw.find_disks)", apply("disks"));
    this.cancel = button("Cancel", "Stop what is being computed", () => this.requests.ask("cancel", {}, (reply) => this.failed(reply)));
    this.reset = button("Reset", "Parameters and lattice back to where they began", () => {
      const { probe, region } = this.view;
      this.zoom.reset();
      this.change({ ...this.scene.beginning, probe, region });
    });
    this.reference = element("select", { "aria-label": "Reference", title: "What is taken for unstrained" },
      ...Object.entries(this.scene.references).map(([name, words]) => element("option", { value: name }, `against ${words}`)));
    this.reference.addEventListener("change", () => this.change({ reference: this.reference.value }));
    this.progress = element("progress", { max: "1", "aria-label": "Progress", hidden: "" });
    this.step = element("span", { class: "pw-step" });
    this.figure = element("output", { class: "pw-figure" });
    this.buttons = element("div", { class: "pw-buttons" }, this.map, this.reference, this.table, this.cancel, this.reset, this.progress, this.step, this.figure);
  }

  addControls() {
    const { detectors, refine, probes, radius } = this.scene;
    const choose = (label, options, help, act) => {
      const select = element("select", { "aria-label": label, title: help }, ...Object.entries(options).map(([value, words]) => element("option", { value }, words)));
      select.addEventListener("change", () => act(select.value));
      const node = element("label", { class: "pw-slider pw-chosen", title: help }, element("span", {}, label), select);
      return Object.assign(select, { node });
    };
    this.detector = choose("Detector", Object.fromEntries(detectors.map(({ name }) => [name, name])), "What proposes disks", (detector) => this.change({ detector }));
    this.forms = {};
    for (const { name, controls } of detectors) {
      const fields = controls.map((control) => this.field(name, control, choose));
      this.forms[name] = { fields, node: element("div", {}, ...fields.map((field) => field.node)) };
    }
    this.refine = choose("Fit", Object.fromEntries(Object.keys(refine).map((name) => [name, { lattice: "one lattice", disks: "disk by disk", none: "none" }[name] ?? name])),
      Object.entries(refine).map(([name, words]) => `${name}: ${words}`).join("; "), (value) => this.change({ refine: value }));
    this.source = choose("Probe", probes, "What every disk is a copy of", (value) => {
      this.change({ probe_source: value, radius_px: this.view.radius_px || this.model.get("status").radius_px || 2 * radius.min });
    });
    this.radius = new Slider(radius, (values) => this.change(values));
    const group = (title, ...nodes) => element("fieldset", {}, element("legend", {}, title), ...nodes);
    this.lattice = element("button", { type: "button", title: "Forget the lattice that was drawn and guess it anew" }, "automatic lattice");
    this.lattice.addEventListener("click", () => this.change({ lattice: null }));
    this.facts = element("output", { class: "pw-facts", "aria-label": "Fitted lattice" });
    const key = (color, words) => element("span", { class: "pw-key" }, Object.assign(element("i"), { style: `background: ${color}` }), words);
    this.side = element("div", { class: "pw-side" },
      group("Disks", this.detector.node, ...Object.values(this.forms).map(({ node }) => node), element("div", {}, key(ON, "on the lattice"), key(OFF, "beside it"))),
      group("Probe", this.source.node, this.radius.node));
    this.right.prepend(group("Lattice", this.refine.node, this.facts, this.lattice));
  }

  /** A control for one parameter of a detector. */
  field(detector, control, choose) {
    const set = (values) => this.change({ parameters: { ...this.view.parameters, [detector]: { ...this.view.parameters[detector], ...values } } });
    if (control.kind === "choice") {
      const select = choose(control.label, Object.fromEntries(control.choices.map((choice) => [choice, choice])), control.help, (value) => set({ [control.name]: value }));
      return { name: control.name, node: select.node, show: (value) => (select.value = value) };
    }
    if (control.kind === "flag") {
      const box = element("input", { type: "checkbox", "aria-label": control.label, title: control.help });
      box.addEventListener("change", () => set({ [control.name]: box.checked }));
      return { name: control.name, node: element("label", { class: "pw-slider pw-chosen", title: control.help }, element("span", {}, control.label), box), show: (value) => (box.checked = value) };
    }
    if (control.kind === "entry") {
      const box = element("input", { type: "text", "aria-label": control.label, title: control.help });
      box.addEventListener("keydown", (event) => event.stopPropagation());
      box.addEventListener("change", () => set({ [control.name]: box.value }));
      return { name: control.name, node: element("label", { class: "pw-slider pw-chosen", title: control.help }, element("span", {}, control.label), box), show: (value) => (box.value = value) };
    }
    return new Slider(control, set);
  }

  addPattern() {
    const { detector, colors, backgrounds } = this.scene;
    this.pattern = new CanvasView({
      title: "Pattern", name: "disks", shape: detector.shape, colors: colors.pattern,
      label: "Pattern with disks: drag the lattice by its handles; keys o, a, b choose a handle, arrows move it, Enter fits, Escape forgets it",
      help: "Drag the centre or the tips of a* and b*: the lattice is fitted again when let go. Click a disk for its numbers. "
        + "Keys: o, a, b choose a handle, arrows move it (Shift: further), Enter fits, Escape forgets the drawn lattice. Wheel or + and −: zoom; drag elsewhere: move; 0: all",
    });
    this.pattern.node.classList.add("pw-wide-view");
    this.background = element("select", { "aria-label": "Background", title: "What is shown under the disks" },
      ...Object.entries(backgrounds).map(([name, words]) => element("option", { value: name }, words)));
    this.background.addEventListener("change", () => {
      this.limits = null;
      this.change({ background: this.background.value });
    });
    this.scale = element("select", { "aria-label": "Intensity scale", title: "How intensities become colours" },
      ...["log", "sqrt", "linear"].map((name) => element("option", { value: name }, name)));
    const repaint = (limits) => {
      this.limits = limits;
      this.stale = true;
      this.schedule();
    };
    this.scale.addEventListener("change", () => repaint(this.limits));
    const { low, high, auto } = this.pattern;
    for (const slider of [low, high]) slider.addEventListener("input", () => repaint(this.pattern.sliderLimits()));
    auto.addEventListener("click", () => repaint(null));
    this.pattern.tools.prepend(this.background, this.scale);
    const switches = Object.entries(LAYERS).map(([name, words]) => {
      const box = element("input", { type: "checkbox", "aria-label": `Show ${name}` });
      box.checked = true;
      box.addEventListener("change", () => {
        this.layers[name] = box.checked;
        this.schedule();
      });
      return element("label", { title: LAYER_HELP[name] }, box, words);
    });
    this.pattern.readout.before(element("div", { class: "pw-switches" }, ...switches));
    this.addPatternPointer();
    this.onKey(this.pattern.canvas, (event) => this.patternKey(event));
  }

  addPatternPointer() {
    const { canvas } = this.pattern;
    const reach = () => GRAB_PX / this.pattern.fit.zoom;
    let grabbed = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      const at = this.pattern.pointer(event);
      const handle = this.layers.lattice && this.shownLattice() && handleAt(this.shownLattice(), at, reach());
      canvas.setPointerCapture(event.pointerId);
      grabbed = { handle, from: [event.clientX, event.clientY], moved: false };
      if (handle) this.held = handle;
      this.schedule();
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = this.pattern.pointer(event);
      this.pointed = at;
      if (!grabbed) {
        canvas.style.cursor = this.layers.lattice && this.shownLattice() && handleAt(this.shownLattice(), at, reach()) ? "grab" : "crosshair";
      } else if (grabbed.handle) {
        grabbed.moved = true;
        this.drag(moveHandle(this.shownLattice(), grabbed.handle, at));
      } else {
        const by = [event.clientX - grabbed.from[0], event.clientY - grabbed.from[1]];
        grabbed.moved ||= Math.hypot(...by) > 3;
        if (grabbed.moved && this.zoom.zoomed) {
          this.zoom.pan(this.pattern, by);
          grabbed.from = [event.clientX, event.clientY];
        }
      }
      this.schedule();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (grabbed?.handle && grabbed.moved) this.change({ lattice: this.dragged });
      else if (grabbed && !grabbed.moved) this.chosen = nearest(this.found?.places ?? [], this.pattern.pointer(event), Math.max(reach(), this.radiusPx()));
      grabbed = null;
      this.schedule();
    });
    canvas.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.schedule();
    });
  }

  patternKey(event) {
    const lattice = this.shownLattice();
    if (HANDLE_KEYS[event.key] && lattice) this.held = HANDLE_KEYS[event.key];
    else if (event.key === "Enter" && lattice) this.change({ lattice });
    else if (event.key === "Escape") this.change({ lattice: null });
    else if (ARROWS[event.key] && lattice) {
      const stride = event.shiftKey ? 4 : 0.5;
      const from = { origin: lattice[0], a: lattice[0].map((v, i) => v + lattice[1][i]), b: lattice[0].map((v, i) => v + lattice[2][i]) }[this.held];
      this.drag(moveHandle(lattice, this.held, from.map((value, axis) => value + stride * ARROWS[event.key][axis])));
    } else return false;
    this.schedule();
    return true;
  }

  addScan() {
    const { scan, colors } = this.scene;
    this.scan = new CanvasView({
      title: "Scan", name: "scan", shape: scan.shape, colors: colors.scan, limits: false,
      label: "Scan: drag or use the arrow keys to move the probe", help: "Drag, or arrow keys (Shift: ten): move the probe position",
    });
    this.scan.canvas.style.maxHeight = "200px";
    const { canvas, shape } = this.scan;
    const follow = (event) => {
      const [row, column] = this.scan.pointer(event).map(Math.round);
      if (row >= 0 && column >= 0 && row < shape[0] && column < shape[1]) this.change({ probe: [row, column] });
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
    this.onKey(canvas, (event) => {
      const probe = stepProbe(event.key, this.view.probe, shape, event.shiftKey ? 10 : 1);
      if (probe) this.change({ probe });
      return Boolean(probe);
    });
    this.right = element("div", { class: "pw-side" }, this.scan.node);
    this.scan.node.classList.add("pw-scan");
  }

  onKey(canvas, act) {
    canvas.addEventListener("keydown", (event) => {
      if (!act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** [origin, a, b] as it is shown: being dragged, fitted, or as it was drawn. */
  shownLattice() {
    return this.dragged ?? this.fitted() ?? this.view.lattice;
  }

  fitted() {
    const lattice = this.found?.lattice;
    return lattice ? [lattice.origin, ...lattice.vectors] : null;
  }

  radiusPx() {
    return this.outline ? Math.max(...this.outline.map((corner) => Math.hypot(...corner))) : 5;
  }

  /** The lattice under the pointer: drawn at once, fitted when let go. */
  drag(lattice) {
    this.dragged = lattice;
    this.schedule();
  }

  /** Something moved here: ask for its disks at once, measure and tell Python once it rests. */
  change(values) {
    Object.assign(this.view, values);
    this.moving = true;
    this.requests.forget("measure");
    this.show();
    if (!("lattice" in values && Object.keys(values).length === 1)) this.find();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.model.set("view", { ...this.model.get("view"), ...this.view });
      this.model.save_changes();
      this.askMeasured();
    }, "lattice" in values ? 0 : REST_MS);
  }

  /** Python, or a widget linked through it, changed something. What moves under the pointer wins. */
  takeView(view) {
    if (this.moving || JSON.stringify(view) === JSON.stringify(this.view)) return;
    const moved = String(view.probe) !== String(this.view.probe);
    this.view = { ...view };
    this.show();
    this.find();
    if (moved) this.chosen = -1;
    this.askMeasured();
  }

  takeStatus(status) {
    const busy = status.phase === "preparing" || status.phase === "running";
    this.progress.hidden = this.cancel.hidden = !busy;
    if (busy) this.progress.value = status.fraction;
    this.map.disabled = this.table.disabled = busy;
    write(this.step, busy ? status.step : (status.result ?? ""));
    this.message.hidden = !status.message;
    write(this.message, status.message);
    this.caution.hidden = !status.caution;
    write(this.caution, status.caution ?? "");
    if (status.phase === "ready" && this.phase !== "ready") {
      this.find();
      this.askMeasured();
      this.askImage();
    }
    this.phase = status.phase;
    this.show();
  }

  /** Values into controls. */
  show() {
    const { view } = this;
    this.detector.value = view.detector;
    for (const [name, { fields, node }] of Object.entries(this.forms)) {
      node.hidden = name !== view.detector;
      for (const field of fields) field.show(view.parameters[name][field.name]);
    }
    this.refine.value = view.refine;
    this.source.value = view.probe_source;
    const own = view.probe_source === "synthetic";
    this.radius.show(own ? view.radius_px : (this.model.get("status").radius_px ?? view.radius_px));
    this.radius.enable(own, "Only an even disk has a radius to choose; take one for the probe");
    this.background.value = view.background;
    this.reference.value = view.reference;
    for (const option of this.reference.options) {
      option.disabled = option.value === "region" && !view.region;
    }
    this.lattice.disabled = !view.lattice;
    this.schedule();
  }

  find() {
    const place = String(this.view.probe);
    const values = structuredClone(this.view);
    this.requests.ask("find", { values, pattern: place !== this.place }, (reply) => {
      if (reply.pattern) {
        this.values = typedBytes(reply.pattern, Float32Array);
        this.place = place;
        this.stale = true;
      }
      if (this.failed(reply) || reply.waiting) {
        this.schedule();
        return;
      }
      if (reply.map || this.mapValues) this.stale = true;
      this.mapValues = reply.map ? typedBytes(reply.map, Float32Array) : null;
      this.outline = reply.outline;
      // until they are measured again the disks keep their indices only where nothing moved
      this.found = { places: reply.places, certainty: reply.certainty, intensity: reply.intensity, lattice: this.found?.lattice ?? null };
      this.fresh = true;
      this.clearMessage(reply.trouble);
      this.schedule();
    });
  }

  askMeasured() {
    const values = structuredClone(this.view);
    this.requests.ask("measure", { values }, (reply) => {
      if (this.failed(reply) || reply.waiting) return;
      const { places, errors, certainty, intensity, indices, lattice } = reply;
      this.found = { places, errors, certainty, intensity, indices, lattice };
      if (!this.moving) this.dragged = null;
      this.measured++;
      this.schedule();
    });
  }

  askImage() {
    this.requests.ask("image", {}, (reply) => {
      if (this.failed(reply)) return;
      const image = typedBytes(reply.data, Float32Array);
      this.scan.setValues(image, this.scan.shape, percentileLimits(sortedSample(image), 0, 0), "linear");
      write(this.scan.note, reply.what);
      this.schedule();
    });
  }

  failed(reply) {
    if (!reply.error) return false;
    this.message.hidden = false;
    write(this.message, reply.error);
    return true;
  }

  /** What the last request said is over; what the background said stays. */
  clearMessage(trouble) {
    const message = trouble ?? this.model.get("status").message;
    this.message.hidden = !message;
    write(this.message, message ?? "");
  }

  measure() {
    this.zoom.measure();
    this.scan.measure();
    this.schedule();
  }

  /** At most one draw per animation frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const { scan, detector, mrad_per_unit: mrad } = this.scene;
    if (this.scan.width) {
      const context = this.scan.draw();
      if (scan.shape[0] * scan.shape[1] > 1) drawProbe(context, this.scan.fit, this.view.probe, scan.shape);
      const nm = scan.unit === "Å";
      this.scan.say(this.scanText(nm));
    }
    if (!this.values || !this.pattern.width) return;
    if (this.stale) this.paint();
    const { fit } = this.pattern;
    const context = this.pattern.draw();
    const lattice = this.shownLattice();
    if (this.found) {
      if (this.layers.lattice && lattice) drawLattice(context, fit, lattice, detector.shape, this.held, Boolean(this.dragged));
      if (this.layers.disks) drawDisks(context, fit, this.found, this.outline, this.chosen);
      if (this.layers.errors) drawErrors(context, fit, this.found, this.fitted(), this.radiusPx());
      if (this.layers.indices) drawIndices(context, fit, this.found, this.fitted(), this.radiusPx());
    }
    const step = Math.abs(detector.step[1]);
    this.pattern.scaleBar(context, mrad ? step * mrad : step, mrad ? "mrad" : detector.unit);
    this.sayDisks();
    this.pattern.say(this.pointText());
    if (this.fresh) this.drawn++;
    this.fresh = false;
  }

  paint() {
    const values = this.mapValues ?? this.values;
    const [low, high] = percentileLimits(sortedSample(values), 0, 0.0005);
    const lowest = Math.min(0, low);
    const limits = this.limits ?? [Math.max(lowest, this.mapValues ? 0 : lowest), high];
    this.pattern.colors = this.mapValues ? this.scene.colors.map : this.scene.colors.pattern;
    this.pattern.setValues(values, this.scene.detector.shape, limits, this.scale.value);
    this.pattern.showLimits(limits, [Math.min(lowest, limits[0]), Math.max(high, limits[1])]);
    this.stale = false;
  }

  sayDisks() {
    const { found } = this;
    if (!found) {
      write(this.figure, "");
      return;
    }
    const on = found.indices?.filter(Boolean).length;
    write(this.figure, found.indices ? `${found.places.length} disks, ${on} on the lattice` : `${found.places.length} disks proposed`);
    write(this.facts, this.latticeText());
  }

  latticeText() {
    const { lattice } = this.found;
    const { step, unit } = this.scene.detector;
    const shown = this.dragged ? this.dragged.slice(1) : lattice?.vectors;
    if (!shown) return "No lattice: fewer than four disks lie on one. Lower the certainty, or drag the vectors once there are disks.";
    const cell = cellOf(shown, step);
    const calibrated = unit !== "px";
    const lines = this.dragged ? ["being drawn: let go to fit"] : [];
    const spread = (index) => {
      if (this.dragged) return "";
      const length = Math.hypot(...lattice.vectors[index]);
      const along = Math.sqrt(lattice.vectors_error[index].reduce((sum, e, axis) => sum + (e * lattice.vectors[index][axis] / length) ** 2, 0));
      return ` ± ${(along * Math.abs(step[1])).toPrecision(1)}`;
    };
    lines.push(`a* ${cell.a.toFixed(calibrated ? 4 : 2)}${spread(0)} ${unit}`, `b* ${cell.b.toFixed(calibrated ? 4 : 2)}${spread(1)} ${unit}`, `angle ${cell.gamma.toFixed(2)}°`);
    if (calibrated) {
      const direct = directCell(cell);
      lines.push(`cell ${direct.a.toFixed(3)} × ${direct.b.toFixed(3)} Å, ${direct.gamma.toFixed(2)}°`);
    }
    if (!this.dragged) {
      lines.push(`${lattice.count} disks had a say; they scatter ${Math.sqrt(lattice.deviation).toFixed(1)} times their errors`);
      lines.push(`${(100 * lattice.explained).toFixed(0)} % of the strength explained`);
      if (lattice.other) lines.push("The disks say another lattice than was looked for; shown is theirs.");
    }
    return lines.join("\n");
  }

  scanText(nm) {
    const { scan } = this.scene;
    const [y, x] = this.view.probe.map((index, axis) => (scan.origin[axis] + index * scan.step[axis]) / (nm ? 10 : 1));
    return `position (${this.view.probe.join(", ")})${nm ? ` · y ${formatNumber(y)}, x ${formatNumber(x)} nm` : ""}`;
  }

  /** What is known of the chosen disk, else of the place under the pointer. */
  pointText() {
    const { detector } = this.scene;
    const k = (place) => place.map((value, axis) => formatNumber(detector.origin[axis] + value * detector.step[axis]));
    const { found, chosen } = this;
    if (found?.places[chosen]) {
      const [ky, kx] = k(found.places[chosen]);
      const index = found.indices?.[chosen] ? ` (${found.indices[chosen].join(" ")})` : "";
      const error = found.errors ? ` ± ${(found.errors[chosen] * Math.abs(detector.step[1])).toPrecision(2)}` : "";
      return `disk${index}: ky ${ky}, kx ${kx}${error} ${detector.unit} · intensity ${formatNumber(found.intensity[chosen])} · certainty ${formatNumber(found.certainty[chosen])} σ`;
    }
    if (!this.pointed) return "Click a disk for its numbers; drag the handles of the lattice.";
    const [row, column] = this.pointed.map(Math.round);
    if (row < 0 || column < 0 || row >= detector.shape[0] || column >= detector.shape[1]) return "";
    const [ky, kx] = k([row, column]);
    const value = (this.mapValues ?? this.values)[row * detector.shape[1] + column];
    const lattice = this.shownLattice();
    return `ky ${ky}, kx ${kx} ${detector.unit} · ${formatNumber(value)}${lattice ? ` · h, k ${indexText(lattice, this.pointed)}` : ""}`;
  }

  close() {
    this.requests.close();
    this.model.off("change:view", this.viewChanged);
    this.model.off("change:status", this.statusChanged);
    this.resized.disconnect();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }
}

export default { render: mounted(DiskExplorerView, "The disk explorer could not start") };
