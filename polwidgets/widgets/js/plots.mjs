// Small plots on canvases, in the page's own ink: a curve over one quantity, a map over two.
import { element } from "./canvas_view.mjs";
import { InkPlot } from "./ink_plot.mjs";
import { clamp, formatNumber, niceLength } from "./maths.mjs";

const MARGIN = { left: 46, right: 10, top: 8, bottom: 34 };
const MARKER = "#0a84ff";

/** A plot with something to be dragged. */
class Plot extends InkPlot {
  constructor({ title, label, help, onMove }) {
    super();
    this.canvas = element("canvas", { tabindex: "0", role: "application", "aria-label": label, title: help, class: "pw-plot" });
    this.note = element("span", { class: "pw-note" });
    this.node = element("section", { class: "pw-view", "aria-label": title }, element("header", {}, element("strong", {}, title), this.note), this.canvas);
    const follow = (event) => {
      const box = this.canvas.getBoundingClientRect();
      onMove(this.valueAt(event.clientX - box.left, event.clientY - box.top));
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.focus();
      this.canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    this.canvas.addEventListener("pointermove", (event) => this.canvas.hasPointerCapture(event.pointerId) && follow(event));
  }

  /** Ticks and the title of the axis below a frame from `left` to `right`. */
  axis(context, [low, high], [left, right], bottom, title) {
    const step = niceLength((high - low) / 3);
    context.textAlign = "center";
    for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) {
      const x = left + ((value - low) / (high - low)) * (right - left);
      context.fillRect(x - 0.5, bottom, 1, 4);
      context.fillText(formatNumber(Math.abs(value) < step / 1e6 ? 0 : value), x, bottom + 15);
    }
    context.fillText(title, (left + right) / 2, bottom + 29);
  }
}

/** A curve with a marker that can be dragged along it. */
export class CurvePlot extends Plot {
  constructor(options) {
    super(options);
    this.title = options.axis;
    this.xs = [];
    this.ys = [];
  }

  valueAt(x) {
    if (this.xs.length < 2) return null;
    const part = clamp((x - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right), 0, 1);
    return this.xs[0] + part * (this.xs.at(-1) - this.xs[0]);
  }

  draw(marker) {
    if (!this.width || this.xs.length < 2) return;
    const context = this.begin();
    const [left, right, top, bottom] = [MARGIN.left, this.width - MARGIN.right, MARGIN.top, this.height - MARGIN.bottom];
    const range = [this.xs[0], this.xs.at(-1)];
    // far from any match the misfit soars: the valley is what one looks for
    const highest = Math.max(1e-12, Math.min(Math.max(...this.ys), 2.5 * [...this.ys].sort((a, b) => a - b)[this.ys.length >> 1]));
    const at = (x, y) => [left + ((x - range[0]) / (range[1] - range[0])) * (right - left), bottom - (y / highest) * (bottom - top - 4)];
    context.globalAlpha = 0.5;
    context.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    context.globalAlpha = 1;
    this.axis(context, range, [left, right], bottom, this.title);
    context.textAlign = "right";
    for (const [value, y] of [[0, bottom], [highest, at(0, highest)[1] + 8]]) context.fillText(formatNumber(Number(value.toPrecision(2))), left - 5, y);
    const x = at(clamp(marker, ...range), 0)[0];
    context.fillStyle = MARKER;
    context.fillRect(x - 1, top, 2, bottom - top);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.beginPath();
    this.xs.forEach((value, i) => context.lineTo(...at(value, this.ys[i])));
    context.strokeStyle = this.ink;
    context.lineWidth = 1.8;
    context.stroke();
    context.restore();
    context.beginPath();
    context.arc(...at(clamp(marker, ...range), this.valueOf(marker)), 5, 0, 2 * Math.PI);
    context.fillStyle = MARKER;
    context.fill();
  }

  /** The curve's height at x. */
  valueOf(x) {
    const next = clamp(this.xs.findIndex((value) => value >= x), 1, this.xs.length - 1);
    const part = clamp((x - this.xs[next - 1]) / (this.xs[next] - this.xs[next - 1]), 0, 1);
    return this.ys[next - 1] + part * (this.ys[next] - this.ys[next - 1]);
  }
}

/** A square map over (up, right), low values bright, with a marker that can be dragged. Cells that are missing stay empty. */
export class TiltMap extends Plot {
  constructor(options) {
    super(options);
    Object.assign(this, { title: options.axis, colors: options.colors, values: options.values });
    this.clear();
  }

  clear() {
    this.cells = new Array(this.values.length ** 2).fill(null);
  }

  /** [up, right] of a cell; the first row of cells is the uppermost. */
  tiltOf(index) {
    const count = this.values.length;
    return [this.values[count - 1 - Math.floor(index / count)], this.values[index % count]];
  }

  /** Some of the cells that are not known yet, those nearest to no tilt first. */
  missing(count) {
    const far = (index) => Math.hypot(...this.tiltOf(index));
    return this.cells.flatMap((value, index) => (value === null ? [index] : [])).sort((a, b) => far(a) - far(b)).slice(0, count);
  }

  frame() {
    const side = Math.min(this.width - MARGIN.left - MARGIN.right, this.height - MARGIN.top - MARGIN.bottom);
    return { side, left: MARGIN.left, top: MARGIN.top, low: this.values[0], high: this.values.at(-1) };
  }

  valueAt(x, y) {
    const { side, left, top, low, high } = this.frame();
    const along = (part) => low + clamp(part, 0, 1) * (high - low);
    return [along(1 - (y - top) / side), along((x - left) / side)];
  }

  draw([up, right]) {
    if (!this.width) return;
    const context = this.begin();
    const { side, left, top, low, high } = this.frame();
    const known = this.cells.filter((value) => value !== null);
    const [lowest, highest] = [Math.min(...known), Math.max(...known)];
    const count = this.values.length;
    // values stand at the nodes; cells reach half a step beyond the frame, which cuts them
    const cell = side / (count - 1);
    context.save();
    context.beginPath();
    context.rect(left, top, side, side);
    context.clip();
    this.cells.forEach((value, index) => {
      if (value === null) return;
      const color = 3 * Math.round(255 * ((value - lowest) / (highest - lowest || 1)));
      context.fillStyle = `rgb(${this.colors.slice(color, color + 3)})`;
      const [i, j] = [Math.floor(index / count), index % count];
      context.fillRect(left + (j - 0.5) * cell - 0.5, top + (i - 0.5) * cell - 0.5, cell + 1, cell + 1);
    });
    context.restore();
    context.strokeStyle = context.fillStyle = this.ink;
    context.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
    this.axis(context, [low, high], [left, left + side], top + side, this.title[1]);
    context.save();
    context.translate(left, top + side);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(this.title[0], side / 2, -24);
    context.restore();
    context.textAlign = "right";
    for (const [value, y] of [[low, top + side], [0, top + side / 2 + 4], [high, top + 8]]) context.fillText(formatNumber(value), left - 5, y);
    const x = left + ((clamp(right, low, high) - low) / (high - low)) * side;
    const y = top + side - ((clamp(up, low, high) - low) / (high - low)) * side;
    for (const [style, width] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
