// The small plots below strain maps, in the page's own ink: the deformed cell, histograms and a line profile.
import { element } from "./canvas_view.mjs";
import { InkPlot } from "./ink_plot.mjs";
import { clamp, formatNumber, niceLength } from "./maths.mjs";
import { deform } from "./strain.mjs";

export const COMPONENTS = { e_xx: "#e4572e", e_yy: "#2e86e4", e_xy: "#2ea36b", rotation_deg: "#a05fd0" };
const EDGE = { left: 48, right: 12, top: 10, bottom: 34 };

class StrainPlot extends InkPlot {
  constructor({ title, label, help }) {
    super();
    this.canvas = element("canvas", { role: "img", "aria-label": label, title: help, class: "pw-plot" });
    this.note = element("span", { class: "pw-note" });
    this.tools = element("span", { class: "pw-tools" });
    this.node = element("section", { class: "pw-view", "aria-label": title }, element("header", {}, element("strong", {}, title), this.note, this.tools), this.canvas);
  }

  /** A frame with ticks; returns the function from values to the canvas. */
  frame(context, [x0, x1], [y0, y1], xTitle, yTitle) {
    const [left, right, top, bottom] = [EDGE.left, this.width - EDGE.right, EDGE.top, this.height - EDGE.bottom];
    const at = (x, y) => [left + ((x - x0) / (x1 - x0)) * (right - left), bottom - ((y - y0) / (y1 - y0)) * (bottom - top)];
    context.globalAlpha = 0.5;
    context.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    context.globalAlpha = 1;
    const ticks = (low, high, draw) => {
      const step = niceLength((high - low) / 3.5);
      for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + 1e-9 * step; value += step) draw(Math.abs(value) < step / 1e6 ? 0 : value);
    };
    context.textAlign = "center";
    ticks(x0, x1, (value) => {
      const [x] = at(value, y0);
      context.fillRect(x - 0.5, bottom, 1, 4);
      context.fillText(formatNumber(Number(value.toPrecision(6))), x, bottom + 15);
    });
    context.fillText(xTitle, (left + right) / 2, bottom + 29);
    context.textAlign = "right";
    ticks(y0, y1, (value) => {
      const [, y] = at(x0, value);
      context.fillRect(left - 4, y - 0.5, 4, 1);
      context.fillText(formatNumber(Number(value.toPrecision(6))), left - 6, y + 4);
    });
    context.save();
    context.translate(11, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(yTitle, 0, 0);
    context.restore();
    return at;
  }

  inside(context, act) {
    context.save();
    context.beginPath();
    context.rect(EDGE.left, EDGE.top, this.width - EDGE.left - EDGE.right, this.height - EDGE.top - EDGE.bottom);
    context.clip();
    act();
    context.restore();
  }
}

/** The unstrained cell, dashed, and the cell at the probe, exaggerated. */
export class CellPlot extends StrainPlot {
  draw(cell, here, exaggeration, axis) {
    if (!this.width) return;
    const context = this.begin();
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([h, k]) => [0, 1].map((i) => (h - 0.5) * cell[0][i] + (k - 0.5) * cell[1][i]));
    const reach = Math.max(...corners.map((corner) => Math.hypot(...corner)));
    const scale = (0.36 * Math.min(this.width, this.height)) / reach;
    const middle = [this.height / 2, this.width / 2];
    const path = (points) => {
      context.beginPath();
      points.forEach(([down, right]) => context.lineTo(middle[1] + scale * right, middle[0] + scale * down));
      context.closePath();
    };
    context.setLineDash([5, 4]);
    path(corners);
    context.stroke();
    context.setLineDash([]);
    if (here) {
      const moved = corners.map((corner) => deform(corner, here, exaggeration));
      path(moved);
      context.fillStyle = "rgba(10, 107, 214, 0.16)";
      context.fill();
      context.strokeStyle = "#0a6bd6";
      context.lineWidth = 2;
      context.stroke();
      context.fillStyle = "#0a6bd6";
      for (const [down, right] of moved) {
        context.beginPath();
        context.arc(middle[1] + scale * right, middle[0] + scale * down, 4, 0, 2 * Math.PI);
        context.fill();
      }
    }
    // the axes that the strain is along
    const [x0, y0, length] = [24, this.height - 22, 16];
    context.fillStyle = context.strokeStyle = this.ink;
    context.lineWidth = 1.4;
    for (const [name, degrees] of [["x", axis], ["y", axis + 90]]) {
      const [dx, dy] = [Math.cos((degrees * Math.PI) / 180), -Math.sin((degrees * Math.PI) / 180)];
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x0 + length * dx, y0 + length * dy);
      context.stroke();
      context.textAlign = "center";
      context.fillText(name, x0 + (length + 8) * dx, y0 + (length + 8) * dy + 4);
    }
  }
}

/** Counts of the three strains over one axis, with the probe's own as lines. */
export class HistogramPlot extends StrainPlot {
  draw(groups, limit, unit) {
    if (!this.width) return;
    const context = this.begin();
    const highest = Math.max(1, ...groups.flatMap(({ counts }) => counts));
    const at = this.frame(context, [-limit, limit], [0, 1.08 * highest], `strain (${unit})`, "positions");
    this.inside(context, () => {
      for (const { counts, color, here } of groups) {
        const width = (2 * limit) / counts.length;
        context.beginPath();
        counts.forEach((count, i) => {
          context.lineTo(...at(-limit + i * width, count));
          context.lineTo(...at(-limit + (i + 1) * width, count));
        });
        context.strokeStyle = context.fillStyle = color;
        context.lineWidth = 1.8;
        context.stroke();
        if (Number.isFinite(here)) {
          const [x, y] = at(clamp(here, -limit, limit), 0);
          context.beginPath();
          context.moveTo(x - 5, y);
          context.lineTo(x + 5, y);
          context.lineTo(x, y - 8);
          context.fill();
        }
      }
    });
  }
}

/** The three strains along a line, with bands of one standard deviation. */
export class ProfilePlot extends StrainPlot {
  draw(groups, limit, unit) {
    if (!this.width || !groups[0].points.length) return;
    const context = this.begin();
    const longest = groups[0].points.at(-1).x || 1;
    const at = this.frame(context, [0, longest], [-limit, limit], `distance (${unit})`, "strain (%)");
    this.inside(context, () => {
      for (const { points, color } of groups) {
        context.fillStyle = context.strokeStyle = color;
        const runs = [[]];
        for (const point of points) {
          if (Number.isFinite(point.y)) runs.at(-1).push(point);
          else if (runs.at(-1).length) runs.push([]);
        }
        for (const run of runs) {
          context.globalAlpha = 0.2;
          context.beginPath();
          run.forEach(({ x, y, error }) => context.lineTo(...at(x, y + error)));
          [...run].reverse().forEach(({ x, y, error }) => context.lineTo(...at(x, y - error)));
          context.fill();
          context.globalAlpha = 1;
          context.lineWidth = 1.8;
          context.beginPath();
          run.forEach(({ x, y }) => context.lineTo(...at(x, y)));
          context.stroke();
          for (const { x, y } of run) context.fillRect(at(x, y)[0] - 1.5, at(x, y)[1] - 1.5, 3, 3);
        }
      }
    });
  }
}
