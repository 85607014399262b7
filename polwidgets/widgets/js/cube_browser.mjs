// The cube browser: scan image and pattern side by side. Everything that follows the pointer happens here;
// Python is asked for exact values when things rest. Uses traits only, so it runs under anywidget and under Panel alike.
import { element, mounted, write } from "./canvas_view.mjs";
import { formatNumber, typedBytes } from "./maths.mjs";
import { PatternPanel } from "./pattern_panel.mjs";
import { Preview } from "./preview.mjs";
import { positionsIn } from "./regions.mjs";
import { Requests } from "./requests.mjs";
import { ScanPanel } from "./scan_panel.mjs";

const REST_MS = 120; // after this long without a move, exact values are asked for
const REPORT_MS = 100; // the probe position goes to Python at most this often while it moves
const SILENT = "Python does not answer: the kernel is closed or busy. What is drawn comes from the preview, and may be coarse.";
const PARTS = ["shape", "center", "inner", "outer", "angles"];

/** The browser proper: state, previews, requests, and the panels that draw them. */
class Browser {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.view = { ...model.get("view") };
    this.requests = new Requests(model, ["pattern", "image", "chunk"], (silent) => (this.offline.hidden = !silent));
    const sizes = { scan: this.scene.scan.shape, detector: this.scene.detector.shape, ...this.scene.preview };
    this.previews = this.scene.cubes.map((_, index) => new Preview({ ...sizes, images: index === 0 }));
    this.preview = this.previews[0];
    this.drawn = 0; // frames in which something moved; benchmarks count it
    this.message = element("div", { class: "pw-message", role: "alert", hidden: "" });
    this.offline = element("div", { class: "pw-offline", role: "alert", hidden: "" }, SILENT);
    this.status = element("span", { class: "pw-status", role: "status" });
    this.scanPanel = new ScanPanel(this);
    this.patternPanel = new PatternPanel(this);
    this.scan = this.scanPanel.view;
    this.pattern = this.patternPanel.view;
    const reset = element("button", { type: "button", title: "Probe, detector, region and colours as they were when this was first shown" }, "Reset");
    reset.addEventListener("click", () => this.change(this.scene.beginning));
    this.node = element("div", { class: "pw-browser", role: "group", "aria-label": "4D-STEM cube browser" },
      this.message, this.offline, element("div", { class: "pw-views" }, this.scan.node, ...this.patternPanel.nodes),
      element("div", { class: "pw-foot" }, this.status, reset));
    this.node.classList.toggle("pw-wide", this.scene.cubes.length > 1);
    el.append(this.node);
    this.node.browser = this;
    this.addLimits(this.scan, "scan_limits");
    this.addLimits(this.pattern, "pattern_limits");
    this.viewChanged = () => this.takeView(model.get("view"));
    model.on("change:view", this.viewChanged);
    this.replied = () => this.takeAhead(model.get("reply"));
    model.on("change:reply", this.replied);
    this.resized = new ResizeObserver(() => {
      for (const view of [this.scan, this.pattern, this.patternPanel.other]) view?.measure();
      this.schedule();
    });
    this.resized.observe(this.node);
    this.askChunk(0, 0);
    this.askExact();
    this.schedule();
  }

  detector() {
    return Object.fromEntries(PARTS.map((name) => [name, this.view[`detector_${name}`]]));
  }

  /** The region whose mean pattern is shown, or an empty one where it is the probe's. */
  region() {
    return this.view.pattern_of === "region" ? this.view.region : [];
  }

  /** A length on the detector as text. */
  length(pixels, withUnit = true) {
    const { step, unit } = this.scene.detector;
    const mrad = this.scene.mrad_per_unit;
    return `${formatNumber(pixels * Math.abs(step[1]) * (mrad ?? 1))}${withUnit ? ` ${mrad ? "mrad" : unit}` : ""}`;
  }

  /** Keys that mean something here stay here: JupyterLab would move to another cell. */
  onKey(canvas, react) {
    canvas.addEventListener("keydown", (event) => {
      const changes = !event.ctrlKey && !event.metaKey && react(event);
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
    this.message.hidden = true;
    this.update(values);
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
    try {
      this.model.set("view", { ...this.model.get("view"), ...values });
      this.model.save_changes();
    } catch {
      this.offline.hidden = false;
    }
  }

  /** Python, or a widget linked through it, changed the state. What moves under the pointer wins. */
  takeView(view) {
    if (this.moving) return;
    this.update(view);
    this.askExact();
    this.schedule();
  }

  /** The exact pattern of a place that Python is about to go to. */
  takeAhead(reply) {
    if (reply.id === "") this.ahead = { key: JSON.stringify(reply.probe), ...exact(reply) };
  }

  /** Take values, and forget exact ones that belong to another place or detector. */
  update(values) {
    const before = [this.patternKey(), JSON.stringify(this.detector())];
    Object.assign(this.view, values);
    const key = this.patternKey();
    if (key !== before[0]) this.exactPattern = this.ahead?.key === key ? this.ahead : null;
    if (JSON.stringify(this.detector()) !== before[1]) this.exactImage = null;
  }

  patternKey() {
    const region = this.region();
    return JSON.stringify(region.length ? region : this.view.probe);
  }

  askExact() {
    const key = this.patternKey();
    if (!this.exactPattern) {
      this.requests.ask("pattern", { probe: this.view.probe, region: this.region() }, (reply) => {
        if (this.failed(reply) || key !== this.patternKey()) return;
        this.exactPattern = exact(reply);
        this.schedule();
      });
    }
    if (!this.exactImage) {
      const detector = this.detector();
      this.requests.ask("image", { detector }, (reply) => {
        if (this.failed(reply) || JSON.stringify(this.detector()) !== JSON.stringify(detector)) return;
        this.exactImage = typedBytes(reply.data, Float32Array);
        this.schedule();
      });
    }
  }

  askChunk(index, cube) {
    this.requests.ask("chunk", { index, cube }, (reply) => {
      if (this.failed(reply)) return;
      const quantised = typedBytes(reply.data, this.scene.preview.bits === 16 ? Uint16Array : Uint8Array);
      const length = quantised.length / reply.rows.length;
      reply.rows.forEach((row, i) => {
        this.previews[cube].add(row, quantised.subarray(i * length, (i + 1) * length), reply.lowest[i], reply.highest[i]);
      });
      // turn by turn, so that what is compared is there as early as what it is compared with
      const next = cube + 1 < this.previews.length ? [index, cube + 1] : [index + 1, 0];
      if (next[0] < this.scene.preview.chunks) this.askChunk(...next);
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
      if (!this.scan.width || !this.pattern.width) return; // not laid out yet; being laid out schedules again
      try {
        this.patternPanel.draw();
        this.scanPanel.draw();
        this.showStatus();
        if (this.moved) this.drawn++;
        this.moved = false;
      } catch (error) {
        this.fail(`The browser could not draw: ${error.message}`);
        throw error;
      }
    });
  }

  /** The virtual image to draw: exact, or the preview's, computed once for each detector and number of rows. */
  image() {
    if (this.exactImage) return this.exactImage;
    const detector = this.detector();
    const key = JSON.stringify([detector, this.preview.arrived]);
    if (key !== this.imageKey) {
      this.imageKey = key;
      this.previewImage = this.preview.image(detector);
    }
    return this.previewImage;
  }

  /** The patterns to draw, one a cube: at the probe, or the mean of the region; from the preview where not exact. */
  patterns() {
    const key = this.patternKey();
    if (this.exactPattern) return { ...this.exactPattern, exact: true, key: `exact ${key}` };
    const arrived = this.previews.map((preview) => preview.arrived);
    const region = this.region();
    if (!region.length) return { patterns: whole(this.previews.map((preview) => preview.pattern(this.view.probe))), exact: false, key: `${key} ${arrived}` };
    if (this.meanKey !== `${key} ${arrived}`) {
      this.meanKey = `${key} ${arrived}`;
      const positions = positionsIn(region, this.scan.shape);
      this.mean = { patterns: whole(this.previews.map((preview) => preview.meanPattern(positions))), count: positions.length };
    }
    return { ...this.mean, exact: false, key: this.meanKey };
  }

  showStatus() {
    const { binning } = this.scene.preview;
    const downsampled = binning > 1 ? `the cube exceeds the preview's budget: binned ${binning} × ${binning} while moving, exact at rest` : "";
    const missing = this.previews.find(({ complete }) => !complete);
    const loading = missing ? `loading preview: ${missing.arrived} of ${this.scene.scan.shape[0]} scan rows` : "";
    write(this.status, [loading, downsampled].filter(Boolean).join(" · "));
  }

  close() {
    this.requests.close();
    this.model.off("change:view", this.viewChanged);
    this.model.off("change:reply", this.replied);
    this.resized.disconnect();
    clearTimeout(this.resting);
    clearTimeout(this.reporting);
    cancelAnimationFrame(this.frame);
  }
}

/** Patterns as Python sent them, one a cube. */
const exact = (reply) => ({ patterns: reply.data.map((data) => typedBytes(data, Float32Array)), count: reply.count });

/** All patterns, or null while the first cube's is not there. */
const whole = (patterns) => (patterns[0] ? patterns : null);

export default { render: mounted(Browser, "The cube browser could not start") };
