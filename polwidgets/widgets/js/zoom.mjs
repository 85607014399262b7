// Zooming an image on its canvas: an image's fit (see fitImage) is all there is to change.
import { clamp } from "./maths.mjs";

const CLOSEST = 40; // screen pixels an image pixel

/** The fit after zooming by a factor about canvas point [x, y]; never smaller than `whole`, the fit of the whole image. */
export function zoomAbout(fit, whole, [rows, columns], [width, height], [x, y], factor) {
  const zoom = clamp(fit.zoom * factor, whole.zoom, Math.max(CLOSEST, whole.zoom));
  const scale = zoom / fit.zoom;
  return within({ zoom, left: x - (x - fit.left) * scale, top: y - (y - fit.top) * scale }, whole, [rows, columns], [width, height]);
}

/** The fit after dragging by [dx, dy] canvas pixels. */
export const panBy = (fit, whole, shape, size, [dx, dy]) => within({ ...fit, left: fit.left + dx, top: fit.top + dy }, whole, shape, size);

/** Where the image covers the canvas along an axis it stays covered, else it stays in the middle. */
function within({ zoom, left, top }, whole, [rows, columns], [width, height]) {
  const along = (place, length, size, middle) => (length * zoom <= size ? (zoom <= whole.zoom ? middle : (size - length * zoom) / 2) : clamp(place, size - length * zoom, 0));
  return { zoom, left: along(left, columns, width, whole.left), top: along(top, rows, height, whole.top) };
}

/** Let the wheel and plus, minus and 0 zoom views together; `fits` holds one fit that all of them share. */
export class SharedZoom {
  constructor(views, changed) {
    Object.assign(this, { views, changed });
    this.fit = null;
    for (const view of views) {
      view.canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        const box = view.canvas.getBoundingClientRect();
        this.zoom(view, [event.clientX - box.left, event.clientY - box.top], Math.exp(-event.deltaY / 300));
      }, { passive: false });
      view.canvas.addEventListener("keydown", (event) => {
        const factor = { "+": 1.3, "=": 1.3, "-": 1 / 1.3, 0: 0 }[event.key];
        if (factor === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        if (factor) this.zoom(view, [view.width / 2, view.height / 2], factor);
        else this.reset();
      });
      view.canvas.addEventListener("dblclick", () => this.reset());
    }
  }

  get zoomed() {
    return this.fit !== null;
  }

  zoom(view, at, factor) {
    this.set(view, zoomAbout(view.fit, view.whole, view.shape, [view.width, view.height], at, factor));
  }

  pan(view, by) {
    this.set(view, panBy(view.fit, view.whole, view.shape, [view.width, view.height], by));
  }

  reset() {
    this.fit = null;
    for (const view of this.views) if (view.whole) view.fit = view.whole;
    this.changed();
  }

  set(view, fit) {
    this.fit = fit.zoom > view.whole.zoom ? fit : null;
    for (const each of this.views) if (each.whole) each.fit = this.fit ?? each.whole;
    this.changed();
  }

  /** Measure the views; what was zoomed into is shown as a whole again when sizes changed. */
  measure() {
    for (const view of this.views) {
      const before = [view.width, view.height];
      const { fit } = view;
      view.measure();
      view.whole = view.fit;
      if (this.fit && view.width === before[0] && view.height === before[1]) view.fit = fit;
      else this.fit = null;
    }
  }
}
