import assert from "node:assert/strict";
import test from "node:test";
import * as detectors from "../../polwidgets/widgets/js/detectors.mjs";

const ring = { shape: "ring", angles: [-45, 45], center: [10, 20], inner: 4, outer: 8 };
const shape = [32, 40];

test("a detector is grabbed at its edges and its body", () => {
  assert.equal(detectors.grabDetector(ring, [10, 28.4], 1), "outer");
  assert.equal(detectors.grabDetector(ring, [10, 16.3], 1), "inner");
  assert.equal(detectors.grabDetector(ring, [10, 26], 1), "body");
  assert.equal(detectors.grabDetector(ring, [10, 20], 1), "body");
  assert.equal(detectors.grabDetector(ring, [10, 30], 1), null);
  assert.equal(detectors.grabDetector({ ...ring, inner: 0, outer: 1 }, [10, 20], 3), "body", "a small disk stays movable");
});

test("dragging moves or resizes and keeps the detector sane", () => {
  assert.deepEqual(detectors.dragDetector(ring, "body", [9, 21], [12, 16], shape).center, [13, 15]);
  assert.deepEqual(detectors.dragDetector(ring, "body", [0, 0], [99, -99], shape).center, [31, 0]);
  assert.equal(detectors.dragDetector(ring, "outer", [0, 0], [13, 24], shape).outer, 5);
  assert.equal(detectors.dragDetector(ring, "outer", [0, 0], [10, 20], shape).outer, 4.5, "outside of the inner radius");
  assert.equal(detectors.dragDetector(ring, "inner", [0, 0], [10, 35], shape).inner, 7.5, "inside of the outer radius");
  assert.deepEqual([ring.center, ring.inner, ring.outer], [[10, 20], 4, 8], "the input stays as it is");
});

test("keys move and resize the detector", () => {
  assert.deepEqual(detectors.stepDetector("ArrowUp", ring, shape, 5).center, [5, 20]);
  assert.equal(detectors.stepDetector("+", ring, shape, 1).outer, 8.5);
  assert.equal(detectors.stepDetector("-", ring, shape, 1).outer, 7.5);
  assert.equal(detectors.stepDetector("]", ring, shape, 1).inner, 4.5);
  assert.equal(detectors.stepDetector("[", { ...ring, inner: 0.2 }, shape, 1).inner, 0);
  assert.equal(detectors.stepDetector("-", { ...ring, inner: 0, outer: 0.6 }, shape, 1).outer, 0.5);
  assert.equal(detectors.stepDetector("x", ring, shape, 1), null);
});

const segment = { ...ring, shape: "segment", angles: [20, 110] };

test("a segment's sides are grabbed and dragged, and it keeps some width", () => {
  const at = (angle, radius) => [10 - radius * Math.sin((angle * Math.PI) / 180), 20 + radius * Math.cos((angle * Math.PI) / 180)];
  assert.equal(detectors.grabDetector(segment, at(21, 6), 0.5), "start");
  assert.equal(detectors.grabDetector(segment, at(109, 6), 0.5), "stop");
  assert.equal(detectors.grabDetector(segment, at(65, 6), 0.5), "body");
  const near = (found, wanted) => found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-9, `${found}`));
  near(detectors.dragDetector(segment, "stop", at(110, 6), at(150, 6), shape).angles, [20, 150]);
  near(detectors.dragDetector(segment, "start", at(20, 6), at(-30, 6), shape).angles, [-30, 110]);
  near(detectors.dragDetector(segment, "stop", at(110, 6), at(21, 6), shape).angles, [20, 25]);
  const quadrants = { ...segment, shape: "quadrants right - left", angles: [-45, 45] };
  assert.equal(detectors.grabDetector(quadrants, at(-45, 6), 0.5), "turn");
  near(detectors.dragDetector(quadrants, "turn", at(-45, 6), at(-15, 6), shape).angles, [-15, 75]);
  near(detectors.stepDetector(".", segment, shape, 1).angles, [15, 105]);
  near(detectors.stepDetector(">", segment, shape, 1).angles, [15, 115]);
});

test("row intervals of every shape add up to its area, with its sign", () => {
  const area = (detector) => {
    let sum = 0;
    const step = 0.01;
    for (let row = -0.5 + step / 2; row < 40; row += step) for (const [from, to, sign] of detectors.rowIntervals(detector, row)) sum += sign * (to - from) * step;
    return sum;
  };
  const whole = Math.PI * (8 * 8 - 4 * 4);
  const near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 0.02 * whole, `${found} instead of ${wanted}`);
  const middle = { ...ring, center: [20.3, 18.6] };
  near(area(middle), whole);
  for (const angles of [[20, 110], [-100, 30], [170, 350], [-10, 340]]) near(area({ ...middle, shape: "segment", angles }), (whole * (angles[1] - angles[0])) / 360);
  near(area({ ...middle, shape: "quadrants right - left", angles: [-30, 60] }), 0);
  assert.equal(detectors.rowIntervals({ ...ring, shape: "point", center: [3.2, 7.8] }, 3.4)[0][0], 7.5);
});

test("quadrants count what is to the right against what is to the left", () => {
  const moment = (detector) => {
    let [down, right] = [0, 0];
    for (let row = 0; row < 40; row += 0.1) {
      for (const [from, to, sign] of detectors.rowIntervals(detector, row)) {
        right += sign * (to - from) * ((from + to) / 2 - 18);
        down += sign * (to - from) * (row - 20);
      }
    }
    return [Math.sign(Math.round(down)), Math.sign(Math.round(right))];
  };
  const quadrants = (name) => ({ shape: `quadrants ${name}`, center: [20, 18], inner: 0, outer: 9, angles: [-45, 45] });
  assert.deepEqual(moment(quadrants("right - left")), [0, 1]);
  assert.deepEqual(moment(quadrants("up - down")), [-1, 0]);
});
