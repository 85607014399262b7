// The cube browser's arithmetic: no document, no model, so that Node can test it.
// Images are typed arrays in C order; positions and centres are [row, column], rows grow downward.

/** @typedef {{center: number[], inner: number, outer: number}} Detector  lengths in detector pixels */

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

/** Lowest and highest value once the given fractions at either end are left out; values that are not finite are ignored. */
export function percentileLimits(values, below, above) {
  const step = Math.max(1, Math.floor(values.length / 20000));
  const sample = [];
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) sample.push(values[i]);
  if (!sample.length) return [0, 1];
  sample.sort((a, b) => a - b);
  const low = sample[Math.floor(below * (sample.length - 1))];
  const high = sample[Math.ceil((1 - above) * (sample.length - 1))];
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

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The probe position that an arrow key leads to, or null for another key. */
export function stepProbe(key, [row, column], [rows, columns], stride) {
  if (!ARROWS[key]) return null;
  const [down, right] = ARROWS[key];
  return [clamp(row + stride * down, 0, rows - 1), clamp(column + stride * right, 0, columns - 1)];
}

/** Which part of a detector is at [row, column]: "outer" or "inner" edge, "body", or null; reach in detector pixels. */
export function grabDetector({ center, inner, outer }, [row, column], reach) {
  const radius = Math.hypot(row - center[0], column - center[1]);
  const fromOuter = Math.abs(radius - outer);
  const fromInner = inner > 0 ? Math.abs(radius - inner) : Infinity;
  // a small disk must stay movable: its edge takes only the outer half of the way to the centre
  if (Math.min(fromOuter, fromInner) <= Math.min(reach, radius < outer ? outer / 2 : reach)) {
    return fromOuter <= fromInner ? "outer" : "inner";
  }
  return radius < outer ? "body" : null;
}

/** The detector after its part was dragged from one [row, column] to another, kept within the pattern. */
export function dragDetector(detector, part, from, to, [rows, columns]) {
  const radius = Math.hypot(to[0] - detector.center[0], to[1] - detector.center[1]);
  const largest = Math.hypot(rows, columns);
  if (part === "outer") return { ...detector, outer: clamp(radius, Math.max(0.5, detector.inner + 0.5), largest) };
  if (part === "inner") return { ...detector, inner: clamp(radius, 0, detector.outer - 0.5) };
  const center = [detector.center[0] + to[0] - from[0], detector.center[1] + to[1] - from[1]];
  return { ...detector, center: [clamp(center[0], 0, rows - 1), clamp(center[1], 0, columns - 1)] };
}

const RESIZES = { "+": [0, 0.5], "=": [0, 0.5], "-": [0, -0.5], "]": [0.5, 0], "[": [-0.5, 0] };

/** The detector that a key leads to (arrows move, + and - change the outer, ] and [ the inner radius), or null for another key. */
export function stepDetector(key, detector, shape, stride) {
  if (ARROWS[key]) {
    const [down, right] = ARROWS[key];
    return dragDetector(detector, "body", [0, 0], [stride * down, stride * right], shape);
  }
  if (!RESIZES[key]) return null;
  const [inward, outward] = RESIZES[key];
  const outer = clamp(detector.outer + outward, Math.max(0.5, detector.inner + 0.5), Math.hypot(...shape));
  return { ...detector, outer, inner: clamp(detector.inner + inward, 0, outer - 0.5) };
}

/** Parts of a detector pixel row, and how much of the row each makes up, that lie within a circle. */
function chords(row, center, radius) {
  const slices = 4;
  const found = [];
  for (let k = 0; k < slices; k++) {
    const distance = row + (k + 0.5) / slices - 0.5 - center[0];
    if (Math.abs(distance) < radius) {
      const half = Math.sqrt(radius * radius - distance * distance);
      // pixel edges count from 0: the centre of pixel 0 is at 0.5
      found.push([center[1] - half + 0.5, center[1] + half + 0.5, 1 / slices]);
    }
  }
  return found;
}

/**
 * The preview of a cube: whole patterns of the scan rows that have arrived, and, arranged by detector pixel, running sums
 * along detector rows, with which the image of any disk or ring costs a few array additions whatever its area.
 */
export class Preview {
  /**
   * @param {{scan: number[], detector: number[], shape: number[], binning: number, bits: number}} sizes
   *   scan and detector shape of the cube; shape, binning and bits of a preview pattern
   */
  constructor({ scan, detector, shape, binning, bits }) {
    Object.assign(this, { scan, detector, shape, binning });
    this.top = 2 ** bits - 1;
    this.rows = new Array(scan[0]).fill(null);
    this.arrived = 0;
    // 64 MiB of running sums at most
    this.cell = binning;
    const positions = scan[0] * scan[1];
    const cells = (size) => Math.ceil(size / this.cell);
    while (positions * cells(detector[0]) * (cells(detector[1]) + 1) > 2 ** 24) this.cell += binning;
    this.cells = [cells(detector[0]), cells(detector[1])];
    this.sums = new Float32Array(this.cells[0] * (this.cells[1] + 1) * positions);
  }

  get complete() {
    return this.arrived === this.scan[0];
  }

  /** Take a scan row: quantised square roots, (scan_x, ky, kx), between lowest and highest. */
  add(row, quantised, lowest, highest) {
    if (!this.rows[row]) this.arrived++;
    this.rows[row] = { quantised, lowest, factor: (highest - lowest) / (this.top * this.top) };
    const [height, width] = this.shape;
    const [cellRows, cellColumns] = this.cells;
    const positions = this.scan[0] * this.scan[1];
    const pattern = new Float32Array(height * width);
    const sums = new Float32Array(cellRows * cellColumns);
    const grouped = this.cell / this.binning;
    for (let column = 0; column < this.scan[1]; column++) {
      this.pattern([row, column], pattern);
      sums.fill(0);
      for (let y = 0, i = 0; y < height; y++) {
        const tall = Math.min(this.binning, this.detector[0] - y * this.binning);
        const first = Math.floor(y / grouped) * cellColumns;
        for (let x = 0; x < width; x++, i++) {
          const wide = Math.min(this.binning, this.detector[1] - x * this.binning);
          sums[first + Math.floor(x / grouped)] += pattern[i] * tall * wide;
        }
      }
      let target = row * this.scan[1] + column;
      for (let y = 0; y < cellRows; y++) {
        let running = 0;
        this.sums[target] = 0;
        target += positions;
        for (let x = 0; x < cellColumns; x++, target += positions) {
          running += sums[y * cellColumns + x];
          this.sums[target] = running;
        }
      }
    }
  }

  /** The nearest scan row that has arrived, or -1. */
  nearestRow(row) {
    for (let distance = 0; distance < this.scan[0]; distance++) {
      if (this.rows[row - distance]) return row - distance;
      if (this.rows[row + distance]) return row + distance;
    }
    return -1;
  }

  /** The pattern at a probe position, or at the nearest that has arrived; null while there is none. */
  pattern([row, column], into = new Float32Array(this.shape[0] * this.shape[1])) {
    const nearest = this.nearestRow(row);
    if (nearest < 0) return null;
    const { quantised, lowest, factor } = this.rows[nearest];
    const start = column * into.length;
    for (let i = 0; i < into.length; i++) {
      const root = quantised[start + i];
      into[i] = lowest + root * root * factor;
    }
    return into;
  }

  /** What each entry of the running sums contributes to a detector's image: [entry, weight] pairs. */
  weights({ center, inner, outer }) {
    const [cellRows, cellColumns] = this.cells;
    const nodes = cellColumns + 1;
    const dense = new Float64Array(cellRows * nodes);
    const add = (cellRow, edge, weight) => {
      const inside = clamp(edge, 0, this.detector[1]);
      const whole = Math.min(Math.floor(inside / this.cell), cellColumns - 1);
      const part = (inside - whole * this.cell) / Math.min(this.cell, this.detector[1] - whole * this.cell);
      dense[cellRow * nodes + whole] += weight * (1 - part);
      dense[cellRow * nodes + whole + 1] += weight * part;
    };
    for (let row = 0; row < this.detector[0]; row++) {
      const cellRow = Math.floor(row / this.cell);
      const tall = Math.min(this.cell, this.detector[0] - cellRow * this.cell);
      for (const [radius, sign] of [[outer, 1], [inner, -1]]) {
        for (const [from, to, share] of chords(row, center, radius)) {
          add(cellRow, to, (sign * share) / tall);
          add(cellRow, from, (-sign * share) / tall);
        }
      }
    }
    const found = [];
    dense.forEach((weight, entry) => Math.abs(weight) > 1e-12 && found.push([entry, weight]));
    return found;
  }

  /** The image of a virtual detector, (scan_y, scan_x); rows that have not arrived repeat the nearest. Null if none has. */
  image(detector) {
    if (!this.arrived) return null;
    const positions = this.scan[0] * this.scan[1];
    const image = new Float32Array(positions);
    for (const [entry, weight] of this.weights(detector)) {
      const start = entry * positions;
      for (let i = 0; i < positions; i++) image[i] += weight * this.sums[start + i];
    }
    if (!this.complete) {
      const columns = this.scan[1];
      for (let row = 0; row < this.scan[0]; row++) {
        const nearest = this.nearestRow(row);
        if (nearest !== row) image.copyWithin(row * columns, nearest * columns, (nearest + 1) * columns);
      }
    }
    return image;
  }
}

/** Bytes of a trait, whichever way the host wraps them, as a typed array of their own (aligned) memory. */
export function typedBytes(data, Type) {
  const view = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Type(view.slice().buffer);
}
