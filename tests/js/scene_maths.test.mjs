// Turning, projecting and sorting the atoms of a scene.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxEdges, fromTheBack, multiply, project, slice, turnBy } from "../../polwidgets/widgets/js/scene_maths.mjs";

const UPRIGHT = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const close = (a, b, within = 1e-6) => a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) < within, `${a} is not ${b}`));

test("the first view is the electrons': right is right, down is down, beam goes away", () => {
  close([...project([2, 3, 4, 0, 0, 0], [1, 1, 1], UPRIGHT)], [2, 1, 3, -1, -1, -1]);
});

test("turns keep lengths, and dragging moves what faces the viewer along", () => {
  let turn = UPRIGHT;
  for (let i = 0; i < 50; i++) turn = turnBy(turn, 0.3, -0.2);
  const transposed = [0, 3, 6, 1, 4, 7, 2, 5, 8].map((i) => turn[i]);
  close(multiply(turn, transposed), UPRIGHT);
  const near = [0, 0, -1]; // before the centre, towards the viewer
  const [right] = project(near, [0, 0, 0], turnBy(UPRIGHT, 0.1, 0));
  assert.ok(right > 0);
  const down = project(near, [0, 0, 0], turnBy(UPRIGHT, 0, 0.1))[1];
  assert.ok(down > 0);
});

test("the farthest come first", () => {
  const points = Float32Array.from([0, 0, 5, 0, 0, -2, 0, 0, 9, 0, 0, 1]);
  assert.deepEqual([...fromTheBack(points, Uint32Array.of(0, 1, 2, 3))], [2, 0, 3, 1]);
  assert.deepEqual([...fromTheBack(points, Uint32Array.of(1, 2))], [2, 1]);
  assert.deepEqual([...fromTheBack(points, new Uint32Array())], []);
});

test("a slice is between two planes", () => {
  const points = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  assert.deepEqual([...slice(points, 2, 2, 5)], [0, 1]);
  assert.deepEqual([...slice(points, 0, 2.5, 3.5)], [1]);
});

test("a box has twelve edges, four along each axis", () => {
  const edges = boxEdges([2, 3, 5]);
  assert.equal(edges.length, 12);
  const lengths = edges.map(([a, b]) => Math.hypot(...a.map((x, i) => x - b[i]))).sort();
  assert.deepEqual(lengths, [2, 2, 2, 2, 3, 3, 3, 3, 5, 5, 5, 5]);
});
