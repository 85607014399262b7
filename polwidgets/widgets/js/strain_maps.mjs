// Strain maps: linked maps of strain, rotation, quality and reasons, and what they say at the probe and along a line.
// Everything is sent once and drawn here; Python is asked for patterns and exports.
import { CanvasView, element, mounted, write } from "./canvas_view.mjs";
import { Slider } from "./controls.mjs";
import { ARROWS, formatNumber, percentileLimits, sortedSample, stepProbe, toCanvas, typedBytes } from "./maths.mjs";
import { latticePoints } from "./lattice.mjs";
import { drawProbe } from "./overlays.mjs";
import { Requests } from "./requests.mjs";
import { alongLine, deform, histogram, turnErrors, turnTensor } from "./strain.mjs";
import { CellPlot, COMPONENTS, HistogramPlot, ProfilePlot } from "./strain_plots.mjs";
import { SharedZoom } from "./zoom.mjs";

const REST_MS = 120;
const BINS = 41;
const STRAINS = ["e_xx", "e_yy", "e_xy"];
const KINDS = ["export", "maps", "pattern"];
const SILENT = "Python does not answer: the kernel is closed or busy. The maps stay; patterns and exports have to wait.";
const LINE = "#ff5fd2";
// good, then one for each reason
const REASON_COLORS = [[222, 222, 222], [20, 20, 20], [70, 70, 160], [40, 140, 200], [230, 120, 30], [150, 80, 190], [230, 200, 40], [200, 40, 60], [90, 160, 90]];
const SIGNS = { e_xx: "εxx", e_yy: "εyy", e_xy: "εxy", rotation_deg: "rotation" };

class StrainMapsView {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.shape = this.scene.scan.shape;
    this.drawn = 0;
    this.requests = new Requests(model, KINDS, (silent) => (this.offline.hidden = !silent));
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.offline = element("div", { class: "pw-offline", role: "alert", hidden: "" }, SILENT);
    this.facts = element("output", { class: "pw-facts", role: "status", "aria-label": "At the probe" });
    this.addButtons();
    this.addMaps();
    this.addPlots();
    const side = element("div", { class: "pw-side" }, this.controls, this.facts, this.legend);
    const maps = element("div", { class: "pw-views pw-maps" }, ...Object.values(this.maps).map(({ node }) => node), ...(this.pattern ? [this.pattern.node] : []));
    this.node = element("div", { class: "pw-browser pw-strain", role: "group", "aria-label": "Strain maps" },
      this.message, this.offline, this.buttons,
      element("div", { class: "pw-split" }, side, element("div", { class: "pw-main-part" }, maps, element("div", { class: "pw-views" }, this.cell.node, this.counts.node, this.profile.node))));
    el.append(this.node);
    this.node.strain = this;
    this.viewChanged = () => this.takeView(model.get("view"));
    model.on("change:view", this.viewChanged);
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.node);
    this.show();
    this.requests.ask("maps", {}, (reply) => {
      if (this.failed(reply)) return;
      this.values = Object.fromEntries(Object.entries(reply).filter(([name]) => name !== "id" && name !== "kind").map(([name, data]) => [name, typedBytes(data, Float32Array)]));
      this.stale = true;
      this.schedule();
    });
    this.askPattern();
  }

  addButtons() {
    const choose = (label, options, help, act) => {
      const node = element("select", { "aria-label": label, title: help }, ...options.map(([value, words]) => element("option", { value }, words)));
      node.addEventListener("change", () => act(node.value));
      return node;
    };
    this.shown = choose("Shown", [["value", "strain"], ["error", "its error"], ["ratio", "over its error"]],
      "The maps' values, their standard deviations, or values in standard deviations", (shown) => this.change({ shown }));
    this.axis = choose("Axis", [...Object.entries(this.scene.axes).map(([name, degrees]) => [degrees, `x along ${name}`]), ["", "x along…"]],
      "What the x axis lies along; y is 90° further anticlockwise", (value) => value !== "" && this.change({ axis_deg: Number(value) }));
    const toggle = (words, help) => {
      const node = element("button", { type: "button", title: help, "aria-pressed": "false" }, words);
      node.addEventListener("click", () => node.setAttribute("aria-pressed", String(node.getAttribute("aria-pressed") !== "true")));
      return node;
    };
    this.line = toggle("Line", "While it is on, dragging on a map draws the line of the profile; without a line the profile is the probe's row");
    this.clear = element("button", { type: "button", title: "Forget the line: the profile is the probe's row" }, "Clear line");
    this.clear.addEventListener("click", () => this.change({ line: null }));
    this.format = choose("Format", this.scene.formats.map((name) => [name, name]), "What to export; strains are along the chosen axis", () => {});
    this.export = element("button", { type: "button", title: "Download the maps along the chosen axis" }, "Export");
    this.export.addEventListener("click", () => this.download());
    this.reset = element("button", { type: "button", title: "Axis, scales and zoom back to where they began" }, "Reset");
    this.reset.addEventListener("click", () => {
      this.zoom.reset();
      this.change({ ...this.scene.beginning, probe: this.view.probe });
    });
    this.buttons = element("div", { class: "pw-buttons" }, this.shown, this.axis, this.line, this.clear, this.format, this.export, this.reset);
    const slider = (name, label, min, max, step, unit, help) => new Slider({ name, label, min, max, step, unit, help }, (values) => this.change(values));
    const { limit, rotation_limit: turn } = this.scene.beginning;
    this.sliders = [
      slider("axis_deg", "x axis", -90, 90, 0.5, "°", "direction of the x axis in the scan, anticlockwise"),
      slider("limit", "Strain ±", step(limit), 4 * limit, step(limit), "%", "where the colours of all three strains end"),
      slider("rotation_limit", "Rotation ±", step(turn), 4 * turn, step(turn), "°", "where the colours of the rotation end"),
      slider("exaggeration", "Cell ×", 1, 100, 1, "", "how much the deformation of the drawn cell is exaggerated"),
    ];
    this.controls = element("fieldset", {}, element("legend", {}, "Scales"), ...this.sliders.map(({ node }) => node));
    this.legend = element("div", { class: "pw-legend", role: "list", "aria-label": "Why positions are missing" });
  }

  addMaps() {
    const { colors, pattern } = this.scene;
    const view = (name, title, table, help) => {
      const one = new CanvasView({
        title, name, shape: this.shape, colors: table, limits: false,
        label: `${title}: drag or use the arrow keys to move the probe`, help: `${help} Drag, or arrow keys (Shift: ten): move the probe. Wheel or + and −: zoom; 0 or double click: all`,
      });
      one.scaleNode = element("div", { class: "pw-scale" }, element("span"), element("i"), element("span"));
      one.readout.before(one.scaleNode);
      return one;
    };
    this.maps = {
      e_xx: view("e_xx", "e_xx", colors.signed, "Strain along x."),
      e_yy: view("e_yy", "e_yy", colors.signed, "Strain along y."),
      e_xy: view("e_xy", "e_xy", colors.signed, "Shear strain, half the engineering shear."),
      rotation_deg: view("rotation", "Rotation", colors.signed, "Rotation of the lattice, anticlockwise."),
      fit_quality: view("fit_quality", "Fit quality", colors.quality, "Share of the disks' strength that the lattice explains."),
      reason: view("reason", "Why missing", colors.quality, "Why a position has no strain."),
    };
    const views = Object.values(this.maps);
    this.zoom = new SharedZoom(views, () => this.schedule());
    for (const one of views) this.addPointer(one);
    if (!pattern) return;
    this.pattern = new CanvasView({
      title: "Pattern at the probe", name: "pattern", shape: pattern.axes.shape, colors: colors.pattern, limits: false,
      label: "Pattern at the probe with its fitted lattice", help: "The pattern at the probe; crosses: its fitted lattice, dots: the reference lattice",
    });
  }

  addPointer(view) {
    const { canvas } = view;
    let from = null;
    const place = (event) => view.pointer(event).map((value, axis) => Math.min(Math.max(value, -0.49), this.shape[axis] - 0.51));
    const follow = (event) => {
      const at = place(event);
      if (from) this.change({ line: [from, at] });
      else this.change({ probe: at.map(Math.round) });
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      from = this.line.getAttribute("aria-pressed") === "true" ? place(event) : null;
      if (!from) follow(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) follow(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const probe = stepProbe(event.key, this.view.probe, this.shape, event.shiftKey ? 10 : 1);
      if (!probe || !ARROWS[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      this.change({ probe });
    });
  }

  addPlots() {
    this.cell = new CellPlot({ title: "Cell", label: "Deformation of the unit cell at the probe", help: "Dashed: the unstrained cell; blue: the cell at the probe, its deformation exaggerated" });
    this.counts = new HistogramPlot({ title: "Histogram", label: "Histogram of the strains", help: "Positions by strain; triangles: at the probe" });
    this.profile = new ProfilePlot({ title: "Profile", label: "Strain along the line", help: "Strain along the line, or along the probe's row; bands: one standard deviation" });
    for (const name of STRAINS) this.profile.tools.append(element("span", { class: "pw-key" }, Object.assign(element("i"), { style: `background: ${COMPONENTS[name]}` }), SIGNS[name]));
  }

  change(values) {
    const moved = values.probe && String(values.probe) !== String(this.view.probe);
    Object.assign(this.view, values);
    this.moving = true;
    this.stale = true;
    this.show();
    if (moved) this.askPattern();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.model.set("view", { ...this.model.get("view"), ...this.view });
      this.model.save_changes();
    }, REST_MS);
  }

  takeView(view) {
    if (this.moving || JSON.stringify(view) === JSON.stringify(this.view)) return;
    const moved = String(view.probe) !== String(this.view.probe);
    this.view = { ...view };
    this.stale = true;
    this.show();
    if (moved) this.askPattern();
  }

  show() {
    const { view } = this;
    for (const slider of this.sliders) slider.show(view[slider.name]);
    this.shown.value = view.shown;
    const known = Object.values(this.scene.axes).find((degrees) => Math.abs(degrees - view.axis_deg) < 0.01);
    this.axis.value = known ?? "";
    this.clear.disabled = !view.line;
    this.schedule();
  }

  askPattern() {
    if (!this.pattern) return;
    const { probe } = this.view;
    this.requests.ask("pattern", { probe }, (reply) => {
      if (this.failed(reply)) return;
      const values = typedBytes(reply.data, Float32Array);
      const [low, high] = percentileLimits(sortedSample(values), 0, 0.0005);
      this.pattern.setValues(values, this.pattern.shape, [Math.max(0, low), high], "log");
      this.schedule();
    });
  }

  download() {
    this.requests.ask("export", { format: this.format.value, axis_deg: this.view.axis_deg }, (reply) => {
      if (this.failed(reply)) return;
      this.message.hidden = true;
      const link = element("a", { href: URL.createObjectURL(new Blob([typedBytes(reply.data, Uint8Array)], { type: reply.mime })), download: reply.name });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  failed(reply) {
    if (!reply.error) return false;
    this.message.hidden = false;
    write(this.message, reply.error);
    return true;
  }

  measure() {
    this.zoom.measure();
    for (const one of [this.pattern, this.cell, this.counts, this.profile]) one?.measure();
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.values) this.draw();
    });
  }

  /** Strains in percent and rotation in degrees along the chosen axis, with their errors: turned only when the axis is. */
  turned() {
    const { axis_deg: axis } = this.view;
    if (this.turnedAxis === axis) return this.components;
    const turn = axis - this.scene.axis_deg;
    const [count, { values }] = [this.shape[0] * this.shape[1], this];
    const empty = () => new Float32Array(count);
    const found = { e_xx: empty(), e_yy: empty(), e_xy: empty(), errors: { e_xx: empty(), e_yy: empty(), e_xy: empty(), rotation_deg: values.rotation_deg_error }, rotation_deg: values.rotation_deg };
    for (let i = 0; i < count; i++) {
      const strain = turnTensor(STRAINS.map((name) => values[name][i]), turn);
      const error = turnErrors(STRAINS.map((name) => values[`${name}_error`][i]), turn);
      STRAINS.forEach((name, part) => {
        found[name][i] = 100 * strain[part];
        found.errors[name][i] = 100 * error[part];
      });
    }
    this.turnedAxis = axis;
    this.components = found;
    return found;
  }

  draw() {
    const { view, scene } = this;
    const components = this.turned();
    const [row, column] = view.probe;
    const index = row * this.shape[1] + column;
    if (this.stale) this.paint(components);
    this.stale = false;
    const nm = scene.scan.unit === "Å";
    for (const [name, one] of Object.entries(this.maps)) {
      if (!one.width) continue;
      const context = one.draw();
      drawProbe(context, one.fit, view.probe, this.shape);
      if (view.line) this.drawLine(context, one.fit);
      one.scaleBar(context, nm ? scene.scan.step[1] / 10 : 1, nm ? "nm" : "px");
      one.say(this.text(name, components, index));
    }
    if (this.pattern?.width) this.drawPattern(index);
    this.drawPlots(components, index, nm);
    write(this.facts, this.factText(components, index, nm));
    this.drawn++;
  }

  paint(components) {
    const { shown, limit, rotation_limit: turn } = this.view;
    const { colors } = this.scene;
    for (const name of [...STRAINS, "rotation_deg"]) {
      const one = this.maps[name];
      const most = name === "rotation_deg" ? turn : limit;
      const unit = name === "rotation_deg" ? "°" : "%";
      const values = { value: components[name], error: components.errors[name] }[shown] ?? components[name].map((value, i) => value / components.errors[name][i]);
      const limits = { value: [-most, most], error: [0, most / 4], ratio: [-10, 10] }[shown];
      one.colors = shown === "error" ? colors.error : colors.signed;
      one.setValues(values, this.shape, limits, "linear");
      this.showScale(one, limits, shown === "ratio" ? "σ" : unit);
    }
    const { fit_quality: quality, reason } = this.maps;
    quality.setValues(this.values.fit_quality, this.shape, [0, 1], "linear");
    this.showScale(quality, [0, 1], "");
    const table = Array.from({ length: 256 }, (_, i) => REASON_COLORS[i % REASON_COLORS.length]).flat();
    reason.colors = table;
    reason.setValues(this.values.reason, this.shape, [0, 255], "linear");
    this.showLegend();
  }

  showScale(view, [low, high], unit) {
    const [first, bar, last] = view.scaleNode.children;
    const stops = Array.from({ length: 17 }, (_, i) => `rgb(${view.colors.slice(3 * Math.round((i / 16) * 255), 3 * Math.round((i / 16) * 255) + 3)})`);
    bar.style.background = `linear-gradient(to right, ${stops})`;
    write(first, `${formatNumber(low)}`);
    write(last, `${formatNumber(high)} ${unit}`);
  }

  showLegend() {
    const counts = this.scene.reasons.map((_, i) => this.values.reason.reduce((sum, value) => sum + (value === i), 0));
    const items = this.scene.reasons.map((words, i) => [words, i, counts[i]]).filter(([, i, count]) => count || !i);
    this.legend.replaceChildren(...items.map(([words, i, count]) => element("span", { class: "pw-key", role: "listitem" },
      Object.assign(element("i"), { style: `background: rgb(${REASON_COLORS[i % REASON_COLORS.length]})` }), `${words}: ${count}`)));
  }

  drawLine(context, fit) {
    const [from, to] = this.view.line.map((place) => toCanvas(fit, place));
    for (const [style, width] of [["rgba(0, 0, 0, 0.6)", 4], [LINE, 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
  }

  /** The deformation at a position, along the axes that the maps were made along; null where there is none. */
  here(index) {
    const strain = STRAINS.map((name) => this.values[name][index]);
    const rotation = this.values.rotation_deg[index];
    return [...strain, rotation].every(Number.isFinite) ? { strain, rotation, axis: this.scene.axis_deg } : null;
  }

  drawPattern(index) {
    const { axes, mrad_per_unit: mrad } = this.scene.pattern;
    const context = this.pattern.draw();
    const here = this.here(index);
    const pixel = (value, axis) => (value - axes.origin[axis]) / axes.step[axis];
    const center = [pixel(this.values.center_ky[index], 0), pixel(this.values.center_kx[index], 1)];
    if (this.scene.base && center.every(Number.isFinite)) {
      const basis = this.scene.base.map((vector) => vector.map((value, axis) => value / axes.step[axis]));
      const mark = (lattice, color, radius) => {
        context.strokeStyle = context.fillStyle = color;
        context.lineWidth = 1.4;
        for (const [place] of latticePoints(lattice, axes.shape)) {
          const [x, y] = toCanvas(this.pattern.fit, place);
          context.beginPath();
          if (radius) context.arc(x, y, radius, 0, 2 * Math.PI);
          else for (const [dx, dy] of [[5, 0], [0, 5]]) context.moveTo(x - dx, y - dy), context.lineTo(x + dx, y + dy);
          context.stroke();
        }
      };
      mark([center, ...basis], "#ffb000", 3);
      if (here) mark([center, ...deformedReciprocal(basis, here, this.scene.scan_rotation_deg)], "#7dff8a", 0);
    }
    const step = Math.abs(axes.step[1]);
    this.pattern.scaleBar(context, mrad ? step * mrad : step, mrad ? "mrad" : axes.unit);
    this.pattern.say(here ? "crosses: fitted lattice, rings: reference" : "no strain here");
  }

  drawPlots(components, index, nm) {
    const { limit, line, probe, exaggeration, axis_deg: axis } = this.view;
    const { scan, cell } = this.scene;
    this.cell.draw(cell, this.here(index), exaggeration, axis);
    write(this.cell.note, `deformation ×${formatNumber(exaggeration)}`);
    this.counts.draw(STRAINS.map((name) => ({ counts: histogram(components[name], [-limit, limit], BINS), color: COMPONENTS[name], here: components[name][index] })), limit, "%");
    const along = alongLine(line ?? [[probe[0], 0], [probe[0], this.shape[1] - 1]], this.shape);
    const length = nm ? Math.abs(scan.step[1]) / 10 : 1;
    this.profile.draw(STRAINS.map((name) => ({
      color: COMPONENTS[name],
      points: along.map(({ distance, index: at }) => ({ x: distance * length, y: components[name][at], error: components.errors[name][at] })),
    })), limit, nm ? "nm" : "px");
    write(this.profile.note, line ? "along the line" : `row ${probe[0]}`);
  }

  text(name, components, index) {
    if (name === "fit_quality") return `${(100 * this.values.fit_quality[index]).toFixed(0)} % explained by ${this.values.disks[index]} disks`;
    if (name === "reason") return this.scene.reasons[this.values.reason[index]];
    const value = components[name][index];
    if (!Number.isFinite(value)) return this.scene.reasons[this.values.reason[index]];
    return `${value.toFixed(3)} ± ${components.errors[name][index].toFixed(3)} ${name === "rotation_deg" ? "°" : "%"}`;
  }

  factText(components, index, nm) {
    const { probe } = this.view;
    const { scan, reasons, reference } = this.scene;
    const [y, x] = probe.map((place, axis) => (scan.origin[axis] + place * scan.step[axis]) / (nm ? 10 : 1));
    const lines = [`position (${probe.join(", ")})${nm ? `: y ${formatNumber(y)}, x ${formatNumber(x)} nm` : ""}`];
    const reason = this.values.reason[index];
    if (reason) lines.push(`no strain: ${reasons[reason]}`);
    else {
      for (const name of STRAINS) lines.push(`${SIGNS[name]} ${components[name][index].toFixed(3)} ± ${components.errors[name][index].toFixed(3)} %`);
      lines.push(`rotation ${components.rotation_deg[index].toFixed(3)} ± ${components.errors.rotation_deg[index].toFixed(3)}°`);
    }
    lines.push(`against ${reference}`);
    return lines.join("\n");
  }

  close() {
    this.requests.close();
    this.model.off("change:view", this.viewChanged);
    this.resized.disconnect();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }
}

const step = (limit) => 10 ** Math.floor(Math.log10(limit / 20));

/** Reciprocal vectors of the strained lattice: its direct ones are the reference's, deformed. */
export function deformedReciprocal(basis, here, rotation) {
  const inverse = ([a, b]) => {
    const area = a[0] * b[1] - a[1] * b[0];
    return [[b[1] / area, -b[0] / area], [-a[1] / area, a[0] / area]];
  };
  const direct = inverse(basis);
  return inverse(direct.map((vector) => deform(vector, { ...here, axis: here.axis + rotation }, 1)));
}

export default { render: mounted(StrainMapsView, "The strain maps could not start") };
