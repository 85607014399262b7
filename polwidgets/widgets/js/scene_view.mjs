// Atoms of a scene in three dimensions: drag turns, the wheel zooms, a slice leaves out the rest. All of it in the browser.
import { element, mounted, write } from "./canvas_view.mjs";
import { Slider } from "./controls.mjs";
import { clamp, formatNumber, niceLength, typedBytes } from "./maths.mjs";
import { boxEdges, fromTheBack, project, slice, turnBy } from "./scene_maths.mjs";

const AXES = ["down", "right", "beam"];
const UPRIGHT = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const RADIANS_PX = 0.008;
const SPRITE = 48; // pixels of the picture of an atom that all of its kind are copies of
const FOG = 6; // shades from near to far
const MOVING = 20000; // atoms drawn while it moves; the rest follow when it rests

class SceneView {
  constructor(model, el) {
    this.model = model;
    this.scene = model.get("scene");
    this.positions = typedBytes(this.scene.positions, Float32Array);
    this.radii = typedBytes(this.scene.radii, Float32Array);
    this.labels = Object.fromEntries(Object.entries(this.scene.labels).map(([name, label]) => [name, typedBytes(label.values, Uint16Array)]));
    this.center = this.scene.box.map((edge) => edge / 2);
    this.size = Math.hypot(...this.scene.box);
    this.drawn = 0; // pictures drawn; tests wait for them
    this.canvas = element("canvas", {
      tabindex: "0", role: "application", "aria-label": "Atoms of the scene",
      title: "Drag or arrow keys: turn. Wheel, + and -: zoom. 0 or double click: as the electrons see it.",
    });
    this.canvas.style.aspectRatio = "1.25";
    this.addControls();
    this.readout = element("output", { class: "pw-readout" });
    this.legend = element("div", { class: "pw-legend" });
    this.node = element("div", { class: "pw-browser pw-scene", role: "group", "aria-label": "Scene" },
      element("section", { class: "pw-view", "aria-label": "Atoms" },
        element("header", {}, element("strong", {}, this.scene.title), this.tools), this.canvas, this.legend, ...this.sliders.map((slider) => slider.node), this.readout));
    el.append(this.node);
    this.node.scene = this;
    this.listen();
    this.viewChanged = () => this.show(model.get("view"));
    model.on("change:view", this.viewChanged);
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.canvas);
    this.show(model.get("view"));
  }

  addControls() {
    const option = (name) => element("option", { value: name }, name);
    this.colorBy = element("select", { "aria-label": "Colour by" }, ...Object.keys(this.labels).map(option));
    this.axis = element("select", { "aria-label": "Slice along" }, ...AXES.map(option));
    this.colorBy.addEventListener("change", () => this.change({ color_by: this.colorBy.value }));
    this.axis.addEventListener("change", () => this.change({ axis: this.axis.value, low: 0, high: this.scene.box[AXES.indexOf(this.axis.value)] }));
    const save = element("button", { type: "button", title: "Save the picture as PNG" }, "PNG");
    save.addEventListener("click", () => this.save());
    this.tools = element("span", { class: "pw-tools" }, this.colorBy, this.axis, save);
    const max = Math.max(...this.scene.box);
    const control = (name, label, help) => new Slider({ name, label, help, min: 0, max, step: 0.1, unit: "Å" }, (change) => this.change(change));
    this.sliders = [control("low", "Slice from", "atoms before it are left out"), control("high", "Slice to", "atoms behind it are left out")];
  }

  listen() {
    const { canvas } = this;
    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      this.turn(event.clientX - held[0], event.clientY - held[1]);
      held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.change({ turn: UPRIGHT, zoom: 1 }));
    canvas.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: [-12, 0], ArrowRight: [12, 0], ArrowUp: [0, -12], ArrowDown: [0, 12] }[event.key];
      const zoom = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 }[event.key];
      if (!turn && !zoom && event.key !== "0") return;
      event.preventDefault();
      event.stopPropagation(); // the notebook would take the keys
      if (turn) this.turn(...turn);
      else if (zoom) this.zoom(zoom);
      else this.change({ turn: UPRIGHT, zoom: 1 });
    });
  }

  turn(dx, dy) {
    this.change({ turn: turnBy(this.view.turn, dx * RADIANS_PX, dy * RADIANS_PX) });
  }

  zoom(factor) {
    this.change({ zoom: clamp(this.view.zoom * factor, 0.3, 20) });
  }

  /** A move of the user: drawn at once, told to Python when it rests. */
  change(change) {
    this.moving = true;
    this.show({ ...this.view, ...change });
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.draw();
      this.model.set("view", { ...this.view });
      this.model.save_changes();
    }, 200);
  }

  show(view) {
    const axis = AXES.indexOf(view.axis);
    const [low, high] = [Math.min(view.low, view.high), Math.max(view.low, view.high)];
    const range = `${axis} ${low} ${high}`;
    if (range !== this.range) this.chosen = slice(this.positions, axis, low, high);
    this.range = range;
    this.view = { ...view };
    this.colorBy.value = view.color_by;
    this.axis.value = view.axis;
    for (const slider of this.sliders) slider.show(Number(view[slider.name]));
    this.color();
    const all = this.positions.length / 3;
    write(this.readout, `${this.chosen.length === all ? all : `${this.chosen.length} of ${all}`} atoms · box ${this.scene.box.map((edge) => formatNumber(edge)).join(" × ")} Å (down × right × beam)`);
    this.draw();
  }

  /** One picture of an atom for every colour and shade, and the legend. */
  color() {
    const { names, colors } = this.scene.labels[this.view.color_by];
    if (this.colored === this.view.color_by) return;
    this.colored = this.view.color_by;
    this.sprites = colors.map((color) => Array.from({ length: FOG }, (_, fog) => sprite(color, fog / (FOG - 1))));
    this.legend.replaceChildren(...names.slice(0, 12).map((name, index) => {
      const patch = element("i", {});
      patch.style.background = colors[index];
      return element("span", {}, patch, name);
    }));
  }

  measure() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.draw();
  }

  draw() {
    if (this.frame || !this.width) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, this.width, this.height);
    const scale = (Math.min(this.width, this.height) / this.size) * 1.05 * this.view.zoom;
    const place = (right, down) => [this.width / 2 + right * scale, this.height / 2 + down * scale];
    const every = this.moving ? Math.ceil(this.chosen.length / MOVING) : 1;
    const chosen = every === 1 ? this.chosen : this.chosen.filter((_, index) => index % every === 0);
    const projected = project(this.positions, this.center, this.view.turn);
    this.paintBox(context, place);
    const labels = this.labels[this.view.color_by];
    const order = fromTheBack(projected, chosen);
    const [back, front] = order.length ? [projected[3 * order[0] + 2], projected[3 * order.at(-1) + 2]] : [0, 0];
    for (const index of order) {
      const [x, y] = place(projected[3 * index], projected[3 * index + 1]);
      const radius = Math.max(1, this.radii[index] * scale);
      if (x < -radius || y < -radius || x > this.width + radius || y > this.height + radius) continue;
      const fog = Math.round(((projected[3 * index + 2] - front) / (back - front || 1)) * (FOG - 1));
      context.drawImage(this.sprites[labels[index]][fog], x - radius, y - radius, 2 * radius, 2 * radius);
    }
    this.paintScale(context, scale);
    this.drawn++;
  }

  paintBox(context, place) {
    context.strokeStyle = "#9aa0a6";
    context.lineWidth = 1;
    context.beginPath();
    for (const ends of boxEdges(this.scene.box)) {
      const corners = project(Float32Array.from(ends.flat()), this.center, this.view.turn);
      context.moveTo(...place(corners[0], corners[1]));
      context.lineTo(...place(corners[3], corners[4]));
    }
    context.stroke();
    // where down, right and beam point, in the left upper corner
    const axes = project(Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]), [0, 0, 0], this.view.turn);
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = context.strokeStyle = "#333";
    AXES.forEach((name, axis) => {
      const [x, y] = [48 + 26 * axes[3 * axis], 44 + 26 * axes[3 * axis + 1]];
      context.beginPath();
      context.moveTo(48, 44);
      context.lineTo(x, y);
      context.stroke();
      context.fillText(name, x + 3, y + (axis === 2 ? -5 : 4));
    });
  }

  paintScale(context, scale) {
    const length = niceLength(this.width / scale / 4);
    context.fillStyle = "#222";
    context.fillRect(12, this.height - 14, length * scale, 4);
    context.font = "600 13px system-ui, sans-serif";
    context.fillText(length >= 10 ? `${formatNumber(length / 10)} nm` : `${formatNumber(length)} Å`, 12, this.height - 20);
  }

  save() {
    this.canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: "scene.png" });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  close() {
    this.model.off("change:view", this.viewChanged);
    this.resized.disconnect();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }
}

/** A shaded ball; far ones fade towards white. */
function sprite(color, fog) {
  const canvas = element("canvas", { width: SPRITE, height: SPRITE });
  const context = canvas.getContext("2d");
  const middle = SPRITE / 2;
  context.beginPath();
  context.arc(middle, middle, middle - 1, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  const light = context.createRadialGradient(middle * 0.7, middle * 0.65, 1, middle, middle, middle);
  light.addColorStop(0, "rgba(255, 255, 255, 0.75)");
  light.addColorStop(0.45, "rgba(255, 255, 255, 0)");
  light.addColorStop(1, "rgba(0, 0, 0, 0.55)");
  context.fillStyle = light;
  context.fill();
  context.fillStyle = `rgba(255, 255, 255, ${0.6 * fog})`;
  context.fill();
  return canvas;
}

export default { render: mounted(SceneView, "The scene could not be shown") };
