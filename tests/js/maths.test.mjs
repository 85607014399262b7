import assert from "node:assert/strict";
import test from "node:test";
import * as maths from "../../polwidgets/widgets/js/maths.mjs";

test("scale bars have nice lengths", () => {
  for (const [length, nice] of [[1, 1], [1.99, 1], [2, 2], [4.9, 2], [5, 5], [73, 50], [0.3 / 0.1 / 10, 0.2], [0.00011, 0.0001]]) {
    assert.ok(Math.abs(maths.niceLength(length) - nice) < 1e-12 * nice, `${length} -> ${maths.niceLength(length)}`);
  }
});

test("numbers are written as a person writes them", () => {
  const written = { 0: 0, 12345: 12345.4, "1.235": 1.23456, "1.00e+6": 1e6, "2.50e-5": 2.5e-5, "no value": NaN };
  for (const [text, value] of Object.entries(written)) assert.equal(maths.formatNumber(value), value === 12345.4 ? "12350" : text);
});

test("automatic limits leave out the ends and what is no number", () => {
  const sorted = maths.sortedSample(Float32Array.from({ length: 101 }, (_, i) => 100 - i));
  assert.deepEqual(maths.percentileLimits(sorted, 0, 0), [0, 100]);
  assert.deepEqual(maths.percentileLimits(sorted, 0.1, 0.2), [10, 80]);
  assert.deepEqual([...maths.sortedSample([NaN, 5, Infinity, 3])], [3, 5]);
  assert.deepEqual(maths.percentileLimits([7, 7], 0, 0), [7, 14]);
  assert.deepEqual(maths.percentileLimits([], 0, 0), [0, 1]);
  assert.ok(maths.sortedSample(new Float32Array(10 ** 6)).length <= 4000);
});

test("colours run from the low to the high limit, and every scale keeps the order", () => {
  const colors = Array.from({ length: 256 }, (_, i) => [i, 255 - i, 7]).flat();
  const pixels = new Uint8ClampedArray(5 * 4);
  for (const scale of ["linear", "sqrt", "log"]) {
    maths.paint([-1, 10, 15, 20, 99], [10, 20], scale, colors, pixels);
    assert.deepEqual([...pixels.slice(0, 4)], [0, 255, 7, 255]);
    assert.deepEqual([...pixels.slice(4, 8)], [0, 255, 7, 255]);
    assert.deepEqual([...pixels.slice(12, 16)], [255, 0, 7, 255]);
    assert.deepEqual([...pixels.slice(16, 20)], [255, 0, 7, 255]);
  }
  maths.paint([15], [10, 20], "linear", colors, pixels);
  assert.ok(Math.abs(pixels[0] - 127.5) < 1);
  maths.paint([12.5], [10, 20], "sqrt", colors, pixels);
  assert.ok(Math.abs(pixels[0] - 127.5) < 1);
});

test("a value that is no number is transparent", () => {
  const pixels = new Uint8ClampedArray(4);
  maths.paint([NaN], [0, 1], "linear", new Array(768).fill(9), pixels);
  assert.equal(pixels[3], 0);
});

test("canvas and image coordinates are each other's inverse, in the middle of a canvas of another shape", () => {
  const fit = maths.fitImage([20, 40], 400, 300);
  assert.deepEqual(fit, { zoom: 10, left: 0, top: 50 });
  assert.deepEqual(maths.toCanvas(fit, [0, 0]), [5, 55]);
  assert.deepEqual(maths.toImage(fit, 5, 55), [0, 0]);
  assert.deepEqual(maths.toImage(fit, ...maths.toCanvas(fit, [13, 31])), [13, 31]);
});

test("arrow keys move the probe within the scan", () => {
  const scan = [5, 9];
  assert.deepEqual(maths.stepProbe("ArrowDown", [3, 2], scan, 1), [4, 2]);
  assert.deepEqual(maths.stepProbe("ArrowDown", [4, 2], scan, 1), [4, 2]);
  assert.deepEqual(maths.stepProbe("ArrowUp", [3, 2], scan, 1), [2, 2]);
  assert.deepEqual(maths.stepProbe("ArrowLeft", [3, 2], scan, 10), [3, 0]);
  assert.deepEqual(maths.stepProbe("ArrowRight", [3, 2], scan, 10), [3, 8]);
  assert.equal(maths.stepProbe("Tab", [3, 2], scan, 1), null);
});

test("bytes of a trait are read whichever way a host wraps them", () => {
  const bytes = new Uint8Array([9, 1, 0, 2, 0]);
  const inside = new DataView(bytes.buffer, 1, 4);
  assert.deepEqual([...maths.typedBytes(inside, Uint16Array)], [1, 2]);
  assert.deepEqual([...maths.typedBytes(bytes.slice(1).buffer, Uint16Array)], [1, 2]);
});
