// Asking Python through traits, which is all that both hosts have.

const SILENCE_MS = 4000; // after this long without a reply the user is told

/** Asks Python one thing at a time, the most urgent first; every request gets a reply, so the queue cannot stick. */
export class Requests {
  /**
   * @param {object} model
   * @param {string[]} kinds  the most urgent first
   * @param {(silent: boolean) => void} [heard]  told when Python stops answering, and when it answers again
   */
  constructor(model, kinds, heard = () => {}) {
    Object.assign(this, { model, kinds, heard });
    this.name = Math.random().toString(36).slice(2);
    this.count = 0;
    this.waiting = new Map();
    this.current = null;
    this.silent = false;
    this.receive = () => {
      const reply = this.model.get("reply");
      if (!this.current || reply.id !== this.current.id) return;
      const { done } = this.current;
      this.listen(false);
      this.current = null;
      done(reply);
      this.next();
    };
    model.on("change:reply", this.receive);
  }

  /** A newer request of a kind replaces one not yet sent. */
  ask(kind, body, done) {
    this.waiting.set(kind, { body, done });
    this.next();
  }

  /** Drop a request not yet sent. */
  forget(kind) {
    this.waiting.delete(kind);
  }

  next() {
    // a kernel that was restarted never answers what the old one was asked
    if (this.current && !this.silent) return;
    const kind = this.kinds.find((name) => this.waiting.has(name));
    if (!kind) return;
    const { body, done } = this.waiting.get(kind);
    this.waiting.delete(kind);
    // what was never answered waits for its turn again, unless something newer of its kind does
    if (this.current && !this.waiting.has(this.current.kind)) this.waiting.set(this.current.kind, this.current);
    this.current = { id: `${this.name}:${this.count++}`, kind, body, done };
    clearTimeout(this.overdue);
    this.overdue = setTimeout(() => this.listen(true), SILENCE_MS);
    try {
      this.model.set("request", { id: this.current.id, kind, ...body });
      this.model.save_changes();
    } catch {
      this.listen(true); // there is nobody at the other end any more
    }
  }

  listen(silent) {
    clearTimeout(this.overdue);
    if (silent !== this.silent) this.heard(silent);
    this.silent = silent;
  }

  close() {
    clearTimeout(this.overdue);
    this.model.off("change:reply", this.receive);
  }
}
