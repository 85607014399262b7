// Asking Python through traits, which is all that both hosts have.

/** Asks Python one thing at a time, the most urgent first; every request gets a reply, so the queue cannot stick. */
export class Requests {
  constructor(model) {
    this.model = model;
    this.name = Math.random().toString(36).slice(2);
    this.count = 0;
    this.waiting = new Map();
    this.current = null;
    this.receive = () => {
      const reply = this.model.get("reply");
      if (!this.current || reply.id !== this.current.id) return;
      const { done } = this.current;
      this.current = null;
      done(reply);
      this.next();
    };
    model.on("change:reply", this.receive);
  }

  /** Kinds are asked in the order pattern, image, chunk; a newer request of a kind replaces one not yet sent. */
  ask(kind, body, done) {
    this.waiting.set(kind, { body, done });
    this.next();
  }

  next() {
    if (this.current) return;
    const kind = ["pattern", "image", "chunk"].find((name) => this.waiting.has(name));
    if (!kind) return;
    const { body, done } = this.waiting.get(kind);
    this.waiting.delete(kind);
    this.current = { id: `${this.name}:${this.count++}`, done };
    this.model.set("request", { id: this.current.id, kind, ...body });
    this.model.save_changes();
  }

  close() {
    this.model.off("change:reply", this.receive);
  }
}
