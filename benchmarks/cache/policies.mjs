// Eviction policies that were considered, in their plain form: for comparison, not for use.

/** SIEVE: a hand goes from the oldest to the newest and takes the first that was not read since it last passed. */
export class Sieve {
  #max;
  #nodes = new Map();
  #newest;
  #oldest;
  #hand;

  constructor(max) {
    this.#max = max;
  }

  read(key) {
    const known = this.#nodes.get(key);
    if (known) {
      known.visited = true;
      return true;
    }
    if (this.#nodes.size >= this.#max) this.#evict();
    const node = { key, visited: false, newer: undefined, older: this.#newest };
    if (this.#newest) this.#newest.newer = node;
    this.#newest = node;
    this.#oldest ??= node;
    this.#nodes.set(key, node);
    return false;
  }

  #evict() {
    let node = this.#hand ?? this.#oldest;
    while (node.visited) {
      node.visited = false;
      node = node.newer ?? this.#oldest;
    }
    this.#hand = node.newer;
    if (node.newer) node.newer.older = node.older;
    else this.#newest = node.older;
    if (node.older) node.older.newer = node.newer;
    else this.#oldest = node.newer;
    this.#nodes.delete(node.key);
  }
}

/** S3-FIFO: a small queue of new keys, a main queue of those read again, and a memory of those that left the small one. */
export class S3Fifo {
  #max;
  #small = new Map();
  #main = new Map();
  #ghosts = new Map();

  constructor(max) {
    this.#max = max;
  }

  read(key) {
    for (const queue of [this.#small, this.#main]) {
      const reads = queue.get(key);
      if (reads === undefined) continue;
      queue.set(key, Math.min(3, reads + 1));
      return true;
    }
    while (this.#small.size + this.#main.size >= this.#max) this.#evict();
    (this.#ghosts.delete(key) ? this.#main : this.#small).set(key, 0);
    return false;
  }

  #evict() {
    if (this.#small.size < Math.max(1, this.#max * 0.1) && this.#main.size > 0) {
      this.#evictMain();
      return;
    }
    const [key, reads] = this.#small.entries().next().value;
    this.#small.delete(key);
    if (reads > 1) {
      this.#main.set(key, 0);
      return;
    }
    this.#ghosts.set(key, true);
    if (this.#ghosts.size > this.#max * 0.9) this.#ghosts.delete(this.#ghosts.keys().next().value);
  }

  #evictMain() {
    for (;;) {
      const [key, reads] = this.#main.entries().next().value;
      this.#main.delete(key);
      if (reads === 0) return;
      this.#main.set(key, reads - 1);
    }
  }
}
