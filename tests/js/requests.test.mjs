import assert from "node:assert/strict";
import test from "node:test";
import { Requests } from "../../polwidgets/widgets/js/requests.mjs";

/** A model that keeps what is asked and replies when told to. */
class Model {
  constructor() {
    this.asked = [];
    this.listeners = new Set();
  }
  on(_, listener) {
    this.listeners.add(listener);
  }
  off(_, listener) {
    this.listeners.delete(listener);
  }
  set(_, request) {
    this.asked.push(request);
  }
  save_changes() {}
  get() {
    return this.reply;
  }
  answer(reply) {
    this.reply = reply;
    for (const listener of this.listeners) listener();
  }
}

test("one request at a time, the most urgent first, the newest of its kind", () => {
  const model = new Model();
  const requests = new Requests(model, ["pattern", "image", "chunk"]);
  const done = [];
  requests.ask("chunk", { index: 0 }, (reply) => done.push(reply.kind));
  requests.ask("image", { outer: 1 }, (reply) => done.push(reply.kind));
  requests.ask("pattern", { probe: [0, 0] }, () => done.push("stale"));
  requests.ask("pattern", { probe: [1, 2] }, (reply) => done.push(reply.kind));
  for (let i = 0; i < 3; i++) {
    assert.equal(model.asked.length, i + 1);
    model.answer({ id: model.asked[i].id, kind: model.asked[i].kind });
  }
  assert.deepEqual(done, ["chunk", "pattern", "image"]);
  assert.deepEqual(model.asked[1].probe, [1, 2]);
});

test("replies to another browser of the same kernel are left alone", () => {
  const model = new Model();
  const requests = new Requests(model, ["pattern", "image", "chunk"]);
  let count = 0;
  requests.ask("pattern", {}, () => count++);
  model.answer({ id: "another:0" });
  assert.equal(count, 0);
  model.answer({ id: model.asked[0].id });
  assert.equal(count, 1);
  requests.close();
  assert.equal(model.listeners.size, 0);
});

test("silence is told, the newest question is asked nevertheless, and an answer ends it", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const model = new Model();
  const heard = [];
  const requests = new Requests(model, ["pattern", "chunk"], (silent) => heard.push(silent));
  const done = [];
  requests.ask("chunk", { index: 3 }, () => done.push("chunk"));
  requests.ask("pattern", { probe: [0, 0] }, () => done.push("pattern"));
  context.mock.timers.tick(10_000);
  assert.deepEqual(heard, [true]);
  requests.ask("pattern", { probe: [1, 1] }, () => done.push("newest"));
  model.answer({ id: model.asked.at(-1).id });
  assert.deepEqual(heard, [true, false]);
  // what was never answered is asked again
  assert.equal(model.asked.at(-1).index, 3);
  model.answer({ id: model.asked.at(-1).id });
  assert.deepEqual(done, ["newest", "chunk"]);
});

test("a channel that is closed is told at once", () => {
  const model = new Model();
  model.save_changes = () => {
    throw new Error("no comm channel");
  };
  const heard = [];
  const requests = new Requests(model, ["pattern"], (silent) => heard.push(silent));
  requests.ask("pattern", {}, () => {});
  assert.deepEqual(heard, [true]);
  requests.close();
});
