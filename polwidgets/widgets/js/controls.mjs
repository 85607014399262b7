// Sliders with a number beside them.
import { element } from "./canvas_view.mjs";
import { clamp } from "./maths.mjs";

/** How many decimals a step needs. */
export const decimals = (step) => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));

/** A labelled slider and number for one quantity. */
export class Slider {
  /** @param {{name: string, label: string, min: number, max: number, step: number, unit: string, help: string}} control */
  constructor(control, onInput) {
    Object.assign(this, control);
    const range = { min: control.min, max: control.max, step: "any" };
    const help = `${control.label}${control.unit ? ` in ${control.unit}` : ""}: ${control.help}`;
    this.range = element("input", { type: "range", ...range, "aria-label": control.label, title: help });
    this.number = element("input", { type: "number", ...range, step: control.step, "aria-label": `${control.label}, value`, title: help });
    this.node = element("label", { class: "pw-slider", title: help },
      element("span", {}, control.label), this.range, this.number, element("span", { class: "pw-unit" }, control.unit));
    this.range.addEventListener("input", () => onInput({ [this.name]: this.rounded(Number(this.range.value)) }));
    this.range.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      event.stopPropagation(); // the notebook would take the arrows
      if (!steps) return;
      event.preventDefault();
      onInput({ [this.name]: this.rounded(clamp(this.value + steps * this.step * (event.shiftKey ? 10 : 1), this.min, this.max)) });
    });
    this.number.addEventListener("keydown", (event) => event.stopPropagation());
    this.number.addEventListener("change", () => {
      const value = Number(this.number.value);
      if (this.number.value !== "" && Number.isFinite(value)) onInput({ [this.name]: clamp(value, this.min, this.max) });
      else this.show(this.value);
    });
  }

  rounded(value) {
    return Number((Math.round(value / this.step) * this.step).toFixed(decimals(this.step)));
  }

  show(value) {
    this.value = value;
    if (Number(this.range.value) !== value) this.range.value = value;
    const text = String(Number(value.toFixed(decimals(this.step) + 1)));
    if (this.number.value !== text) this.number.value = text;
  }

  enable(enabled, why = "") {
    this.range.disabled = this.number.disabled = !enabled;
    this.node.classList.toggle("pw-off", !enabled);
    this.node.title = enabled ? "" : why;
  }
}
