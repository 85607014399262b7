// The widgets' arithmetic: no document, no model, so that Node can test it.
// Images are typed arrays in C order; positions and centres are [row, column], rows grow downward.

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The largest of 1, 2, 5 times a power of ten that is not above `length`. */
export function niceLength(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  // the factor forgives the last bit: 0.3 / 0.1 is 2.9999999999999996
  return [5, 2, 1].find((digit) => digit * power <= length * (1 + 1e-9)) * power;
}

/** A number as a person writes it: four significant digits, no tail of zeros. */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return "no value";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Finite values, at most about 4000 of them, in ascending order: enough for colour limits at every frame. */
export function sortedSample(values) {
  const step = Math.max(1, Math.floor(values.length / 4000));
  const sample = new Float64Array(Math.ceil(values.length / step));
  let count = 0;
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) sample[count++] = values[i];
  return sample.subarray(0, count).sort();
}

/** Lowest and highest of sorted values once the given fractions at either end are left out. */
export function percentileLimits(sorted, below, above) {
  if (!sorted.length) return [0, 1];
  const low = sorted[Math.floor(below * (sorted.length - 1))];
  const high = sorted[Math.ceil((1 - above) * (sorted.length - 1))];
  return high > low ? [low, high] : [low, low + (Math.abs(low) || 1)];
}

const LOG_DECADES = 1000;
const CURVES = {
  linear: (u) => u,
  sqrt: Math.sqrt,
  log: (u) => Math.log1p(LOG_DECADES * u) / Math.log1p(LOG_DECADES),
};

/** Index into a table of 256 colours for 4096 even steps between the colour limits. */
export function colorCurve(scale) {
  return Uint8Array.from({ length: 4096 }, (_, i) => Math.round(255 * CURVES[scale](i / 4095)));
}

/** Values into RGBA pixels. Whatever is no number becomes transparent. */
export function paint(values, [low, high], scale, colors, pixels) {
  const curve = colorCurve(scale);
  const factor = 4095 / (high - low);
  for (let i = 0, p = 0; i < values.length; i++, p += 4) {
    const value = values[i];
    const color = 3 * curve[Math.round(clamp((value - low) * factor, 0, 4095)) || 0];
    pixels[p] = colors[color];
    pixels[p + 1] = colors[color + 1];
    pixels[p + 2] = colors[color + 2];
    pixels[p + 3] = Number.isNaN(value) ? 0 : 255;
  }
}

/** How an image of rows x columns fits into a canvas without distortion: pixel size and left upper corner. */
export function fitImage([rows, columns], width, height) {
  const zoom = Math.min(width / columns, height / rows);
  return { zoom, left: (width - zoom * columns) / 2, top: (height - zoom * rows) / 2 };
}

/** Canvas coordinates to image [row, column]; the centre of pixel 0 is 0. */
export const toImage = ({ zoom, left, top }, x, y) => [(y - top) / zoom - 0.5, (x - left) / zoom - 0.5];

/** Image [row, column] to canvas [x, y]. */
export const toCanvas = ({ zoom, left, top }, [row, column]) => [left + (column + 0.5) * zoom, top + (row + 0.5) * zoom];

/** [down, right] of the arrow keys. */
export const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The probe position that an arrow key leads to, or null for another key. */
export function stepProbe(key, [row, column], [rows, columns], stride) {
  if (!ARROWS[key]) return null;
  const [down, right] = ARROWS[key];
  return [clamp(row + stride * down, 0, rows - 1), clamp(column + stride * right, 0, columns - 1)];
}

/** Bytes of a trait, whichever way the host wraps them, as a typed array of their own (aligned) memory. */
export function typedBytes(data, Type) {
  const view = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Type(view.slice().buffer);
}
