// The specimen matcher: what was measured, what a specimen would give, and their difference, while its conditions are moved.
// Patterns come from Python, one at a time and the newest first, so that dragging never queues up.
import { CanvasView, element, mounted, write } from "./canvas_view.mjs";
import { Slider } from "./controls.mjs";
import { clamp, formatNumber, percentileLimits, sortedSample, typedBytes } from "./maths.mjs";
import { CurvePlot, TiltMap } from "./plots.mjs";
import { Requests } from "./requests.mjs";

const REST_MS = 250; // after this long without a move the plots are renewed and Python is told
const MAP_MS = 400; // and the map of tilts, which takes a second, this long after
const TOGETHER = 3; // tilts of the map in one request
const KINDS = ["cancel", "simulate", "fit", "landscape", "tilts"];
const SILENT = "Python does not answer: the kernel is closed or busy. Nothing new can be simulated until it does.";
const TILTS = ["tilt_y_mrad", "tilt_x_mrad"];
const UNSEEN = ["source_A", "defocus_A"]; // a position-averaged pattern does not depend on them

/** The matcher proper: values, views and what links them. */
class Matcher {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.drawn = 0; // simulated patterns drawn; benchmarks count them
    this.requests = new Requests(model, KINDS, (silent) => (this.offline.hidden = !silent));
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.offline = element("div", { class: "pw-offline", role: "alert", hidden: "" }, SILENT);
    this.status = element("div", { class: "pw-status", role: "status" });
    this.addButtons();
    this.addSliders();
    this.views = element("div", { class: "pw-views" }, this.sliderPanel);
    this.addPlots();
    this.node = element("div", { class: "pw-browser pw-matcher", role: "group", "aria-label": "Specimen matcher" },
      this.message, this.offline, this.buttons, this.views, element("div", { class: "pw-views" }, this.curve.node, this.tilts.node), this.status);
    el.append(this.node);
    this.node.matcher = this;
    this.viewChanged = () => this.takeView(model.get("view"));
    this.statusChanged = () => this.takeStatus(model.get("status"));
    model.on("change:view", this.viewChanged);
    model.on("change:status", this.statusChanged);
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.node);
    this.takeStatus(model.get("status"));
    this.show();
    this.simulate();
  }

  addButtons() {
    const button = (text, help, act) => {
      const node = element("button", { type: "button", title: help }, text);
      node.addEventListener("click", act);
      return node;
    };
    this.fit = button("Fit", "Find the specimen from the data (pw.match)", () => this.ask("fit"));
    this.fit.classList.add("pw-main");
    this.cancel = button("Cancel", "Stop what is being computed", () => this.ask("cancel"));
    this.reset = button("Reset", "Back to the last fit, or to where it began", () => this.change(this.beginning()));
    this.progress = element("progress", { max: "1", "aria-label": "Progress", hidden: "" });
    this.step = element("span", { class: "pw-step" });
    this.where = element("select", { "aria-label": "Compared pattern", title: "The mean of all patterns, or the one at the probe position" },
      element("option", { value: "mean" }, "position-averaged"), element("option", { value: "probe" }, "at the probe position"));
    this.where.addEventListener("change", () => this.change({ at_probe: this.where.value === "probe" }));
    this.misfit = element("output", { class: "pw-figure", title: "Share of the measured structure that the simulation does not explain" });
    this.buttons = element("div", { class: "pw-buttons" }, this.fit, this.cancel, this.reset,
      ...(this.scene.lone ? [] : [this.where]), this.progress, this.step, this.misfit);
  }

  addSliders() {
    this.sliders = this.scene.controls.map((control) => new Slider(control, (values) => this.change(values)));
    this.sliderPanel = element("section", { class: "pw-view pw-sliders", "aria-label": "Conditions" },
      element("header", {}, element("strong", {}, "Conditions")), ...this.sliders.map((slider) => slider.node));
    if (this.scene.polar) {
      const { directions } = this.scene;
      const label = (name, i) => `${"→↗↑↖←↙↓↘"[i]} ${name}, ${45 * i}°`;
      this.direction = element("select", { "aria-label": "Direction of the displacement", title: "Direction of the displacement in the scan" },
        ...directions.map((name, i) => element("option", { value: 45 * i }, label(name, i))));
      this.direction.addEventListener("change", () => this.change({ direction_deg: Number(this.direction.value) }));
      this.sliderPanel.append(element("label", { class: "pw-slider" }, element("span", {}, "Direction"), this.direction));
    }
  }

  addPlots() {
    const { tilts, colors } = this.scene;
    const onKey = (plot, act) => plot.canvas.addEventListener("keydown", (event) => {
      const values = act(event.key, event.shiftKey ? 10 : 1);
      if (!values) return;
      event.preventDefault();
      event.stopPropagation();
      this.change(values);
    });
    const limited = (name, value) => {
      const slider = this.sliders.find((one) => one.name === name);
      return clamp(slider.rounded(value), slider.min, slider.max);
    };
    this.curve = new CurvePlot({
      title: "Misfit", axis: "thickness (Å)",
      label: "Misfit against thickness: drag or use the arrow keys to set the thickness",
      help: "Misfit of the position-averaged pattern against thickness. Drag, or arrow keys (Shift: ten): set the thickness",
      onMove: (value) => value !== null && this.change({ thickness_A: limited("thickness_A", value) }),
    });
    onKey(this.curve, (key, stride) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      return step && { thickness_A: limited("thickness_A", this.view.thickness_A + step * stride) };
    });
    this.tilts = new TiltMap({
      title: "Misfit of tilt", axis: ["tilt up (mrad)", "tilt right (mrad)"], values: tilts, colors: colors.misfit,
      label: "Misfit against mistilt: drag or use the arrow keys to set the tilt",
      help: "Misfit against mistilt at this thickness, bright where small. Drag, or arrow keys (Shift: ten steps): set the tilt",
      onMove: ([up, right]) => this.change({ tilt_y_mrad: limited("tilt_y_mrad", up), tilt_x_mrad: limited("tilt_x_mrad", right) }),
    });
    onKey(this.tilts, (key, stride) => {
      const move = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
      return move && {
        tilt_y_mrad: limited("tilt_y_mrad", this.view.tilt_y_mrad + 0.1 * stride * move[0]),
        tilt_x_mrad: limited("tilt_x_mrad", this.view.tilt_x_mrad + 0.1 * stride * move[1]),
      };
    });
  }

  /** The three patterns, once it is known how large they are. */
  addPatterns({ shape, step_mrad: step }) {
    this.shape = shape;
    const view = (title, colors, help, limits) => new CanvasView({
      title, shape, colors, help, limits, name: title.toLowerCase(), label: `${title} pattern`,
    });
    const { pattern, difference } = this.scene.colors;
    this.patterns = {
      measured: view("Measured", pattern, "The measured pattern", true),
      simulated: view("Simulated", pattern, "What the specimen would give, with dose and background fitted; same colours as measured", false),
      difference: view("Difference", difference, "Measured less simulated; colours reach a fifth of the measured maximum", false),
    };
    this.step_mrad = step;
    const { measured } = this.patterns;
    this.scale = element("select", { "aria-label": "Intensity scale", title: "How intensities become colours" },
      ...["linear", "sqrt", "log"].map((name) => element("option", { value: name }, name)));
    measured.tools.prepend(this.scale);
    const redraw = (limits) => {
      this.limits = limits;
      this.fresh = true;
      this.schedule();
    };
    this.scale.addEventListener("change", () => redraw(this.limits));
    for (const slider of [measured.low, measured.high]) slider.addEventListener("input", () => redraw(measured.sliderLimits()));
    measured.auto.addEventListener("click", () => redraw(null));
    this.views.append(...Object.values(this.patterns).map(({ node }) => node));
    this.measure();
  }

  beginning() {
    const fit = this.model.get("status").fit;
    return { ...(fit?.values ?? this.first ?? {}), displacement_A: 0, defocus_A: 0 };
  }

  /** Something moved here: ask for its pattern at once, tell Python and renew the plots once it rests. */
  change(values) {
    Object.assign(this.view, values);
    this.moving = true;
    this.requests.forget("tilts");
    this.show();
    this.simulate();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.model.set("view", { ...this.model.get("view"), ...this.view });
      this.model.save_changes();
      this.renewPlots();
    }, REST_MS);
  }

  /** Python, or a widget linked through it, changed something. What moves under the pointer wins. */
  takeView(view) {
    if (this.moving) {
      this.view.probe = view.probe;
      return;
    }
    const seen = ({ probe, ...rest }) => JSON.stringify(rest.at_probe ? [rest, probe] : rest);
    const same = seen(view) === seen(this.view);
    this.view = { ...view };
    if (same) return; // the averaged pattern is the same at every probe position
    this.show();
    this.simulate();
    this.renewPlots();
  }

  takeStatus(status) {
    const busy = status.phase === "preparing" || status.phase === "fitting";
    this.progress.hidden = this.cancel.hidden = !busy;
    if (busy) this.progress.value = status.fraction;
    this.fit.disabled = busy;
    write(this.step, busy ? status.step : "");
    this.message.hidden = !status.message;
    write(this.message, status.message);
    if (status.frame && !this.patterns) {
      this.first = { ...this.model.get("view") };
      delete this.first.probe;
      this.addPatterns(status.frame);
    }
    write(this.status, busy && !this.patterns ? "Simulating this crystal for the first time; the sliders work as soon as that is done." : this.fitText(status.fit));
    this.where.options[1].disabled = !status.fit?.lattice;
    this.where.options[1].title = status.fit?.lattice ? "" : "Fit first: where in the unit cell a position lies is not known before";
    if (status.phase === "ready" && this.phase !== "ready") {
      this.simulate();
      this.renewPlots();
    }
    this.phase = status.phase;
    this.show();
  }

  fitText(fit) {
    if (!fit) {
      const scale = this.scene.lone ? " Until then the pattern's scale is the disk's, and may be a few percent off." : "";
      return `Not fitted yet: move the sliders until the difference fades, or press Fit.${scale}`;
    }
    const figure = (name, unit) => `${formatNumber(fit.values[name])}${fit.errors[name] ? ` ± ${formatNumber(Number(fit.errors[name].toPrecision(2)))}` : ""} ${unit}`;
    const quality = fit.poor ? "poor match: check crystal, voltage, semi-angle and sampling" : "good match";
    return `Fit: thickness ${figure("thickness_A", "Å")} · tilt up ${figure("tilt_y_mrad", "mrad")}, right ${figure("tilt_x_mrad", "mrad")} · correlation ${fit.score.toFixed(3)}, ${quality}`;
  }

  /** Values into sliders, markers and switches. */
  show() {
    const averaged = !this.view.at_probe;
    for (const slider of this.sliders) {
      slider.show(this.view[slider.name]);
      if (UNSEEN.includes(slider.name)) slider.enable(!averaged, "A position-averaged pattern does not depend on it; compare at the probe position");
    }
    if (this.direction) this.direction.value = this.view.direction_deg;
    this.where.value = averaged ? "mean" : "probe";
    this.schedule();
  }

  simulate() {
    const { probe, at_probe: atProbe } = this.view;
    const place = atProbe ? String(probe) : "mean";
    const values = { ...this.view };
    this.requests.ask("simulate", { values, measured: place !== this.place }, (reply) => {
      if (this.failed(reply) || reply.waiting || !this.patterns) return;
      this.values = { simulated: typedBytes(reply.simulated, Float32Array), difference: typedBytes(reply.difference, Float32Array), measured: this.values?.measured };
      if (reply.measured) {
        this.values.measured = typedBytes(reply.measured, Float32Array);
        this.place = place;
      }
      write(this.misfit, `misfit ${(100 * reply.misfit).toPrecision(3)} %${atProbe ? ", its counting noise included" : ""}`);
      this.shown = values;
      this.fresh = true;
      this.schedule();
    });
  }

  renewPlots() {
    if (!this.patterns) return;
    const { thickness_A, tilt_y_mrad, tilt_x_mrad, probe, at_probe, displacement_A, direction_deg, defocus_A, source_A, ...rest } = this.view; // eslint-disable-line
    const curveKey = JSON.stringify([tilt_y_mrad, tilt_x_mrad, rest]);
    if (curveKey !== this.curveKey) {
      this.curveKey = curveKey;
      this.requests.ask("landscape", { values: this.view }, (reply) => {
        if (this.failed(reply) || reply.waiting) return;
        this.curve.xs = this.model.get("status").thicknesses_A;
        this.curve.ys = reply.misfits;
        this.schedule();
      });
    }
    const tiltKey = JSON.stringify([thickness_A, rest]);
    if (tiltKey !== this.tiltKey) {
      this.tiltKey = tiltKey;
      this.tilts.clear();
    }
    clearTimeout(this.mapping);
    this.mapping = setTimeout(() => this.askTilts(), MAP_MS);
  }

  /** Fill the map of tilts a little at a time, so that a slider never waits for it. */
  askTilts() {
    const missing = this.tilts.missing(TOGETHER);
    if (!missing.length || this.moving) return;
    const key = this.tiltKey;
    this.requests.ask("tilts", { values: this.view, tilts: missing.map((index) => this.tilts.tiltOf(index)) }, (reply) => {
      if (this.failed(reply) || reply.waiting || key !== this.tiltKey) return;
      missing.forEach((index, i) => (this.tilts.cells[index] = reply.misfits[i]));
      this.schedule();
      this.askTilts();
    });
  }

  ask(kind) {
    this.requests.ask(kind, {}, (reply) => this.failed(reply));
  }

  failed(reply) {
    if (!reply.error) return false;
    this.message.hidden = false;
    write(this.message, reply.error);
    return true;
  }

  measure() {
    for (const view of [...Object.values(this.patterns ?? {}), this.curve, this.tilts]) view.measure();
    this.schedule();
  }

  /** At most one draw per animation frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.curve.draw(this.view.thickness_A);
      this.tilts.draw(TILTS.map((name) => this.view[name]));
      if (this.patterns && this.values?.measured) this.drawPatterns();
    });
  }

  drawPatterns() {
    if (this.fresh) {
      const [low, high] = percentileLimits(sortedSample(this.values.measured), 0, 0.0005);
      const limits = this.limits ?? [Math.min(0, low), high];
      for (const name of ["measured", "simulated"]) this.patterns[name].setValues(this.values[name], this.shape, limits, this.scale.value);
      this.patterns.measured.showLimits(limits, [Math.min(low, limits[0]), Math.max(high, limits[1])]);
      this.patterns.difference.setValues(this.values.difference, this.shape, [-high / 5, high / 5], "linear");
    }
    for (const view of Object.values(this.patterns)) {
      if (!view.width) continue;
      view.scaleBar(view.draw(), this.step_mrad, "mrad");
    }
    if (this.fresh) this.drawn++;
    this.fresh = false;
  }

  close() {
    this.requests.close();
    this.model.off("change:view", this.viewChanged);
    this.model.off("change:status", this.statusChanged);
    this.resized.disconnect();
    clearTimeout(this.resting);
    clearTimeout(this.mapping);
    cancelAnimationFrame(this.frame);
  }
}

export default { render: mounted(Matcher, "The specimen matcher could not start") };
