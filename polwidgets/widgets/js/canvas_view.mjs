// An image on a canvas with its title, colour bar, scale bar and readout.
import { clamp, fitImage, formatNumber, niceLength, paint, toImage } from "./maths.mjs";

/** A document element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Change a text only where it differs: the layout is then left alone. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** What a host calls to show a view, which gives back how to close it; one that cannot start says so in its place. */
export const mounted = (View, failure) => ({ model, el }) => {
  try {
    const view = new View(model, el);
    return () => view.close();
  } catch (error) {
    el.append(element("div", { class: "pw-message", role: "alert" }, `${failure}: ${error.message}`));
    throw error;
  }
};

/** A titled canvas with a colour bar and a readout. */
export class CanvasView {
  constructor({ title, label, help, colors, shape, name, limits = true }) {
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
      ...(limits ? [element("div", { class: "pw-limits" }, this.lowText, this.bar, this.highText, this.auto)] : []),
      this.readout);
    this.picture = document.createElement("canvas");
    this.width = this.height = 0;
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

  /** Give the canvas as many pixels as the screen has for it. Only here is the layout asked, which would cost every frame. */
  measure() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.fit = fitImage(this.shape, this.width, this.height);
  }

  /** Draw the picture into the canvas, over the view's shape whatever the picture's pixels; returns the drawing context. */
  draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.imageSmoothingEnabled = false;
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

  say(text) {
    write(this.readout, text);
  }

  /** Where a pointer event is on the image. */
  pointer(event) {
    const box = this.canvas.getBoundingClientRect();
    return toImage(this.fit, event.clientX - box.left, event.clientY - box.top);
  }

  /** Show limits in the sliders and texts; slider positions are relative to the full range, finer at the low end. */
  showLimits([low, high], [lowest, highest]) {
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
    write(this.lowText, formatNumber(low));
    write(this.highText, formatNumber(high));
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
