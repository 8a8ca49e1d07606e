/*
 * Sum tree: the sum of a column of numbers of which few change between two looks at it.
 *
 * A complete binary tree in one array: leaf i is at size + i, the sum of two children at half their place, the whole sum
 * at 1. It depends on the numbers alone and not on the order in which they were set, as a running sum would; and a NaN
 * is gone from the sum with the number that was one.
 */
export class SumTree {
  #size = 1
  #nodes = new Float64Array(2)

  /** The sum of all numbers; 0 where none was set. */
  get sum(): number {
    return this.#nodes[1]!
  }

  get(i: number): number {
    return i < this.#size ? this.#nodes[this.#size + i]! : 0
  }

  /** @param i A whole number >= 0; those that were never set are 0. */
  set(i: number, x: number): void {
    if (i >= this.#size) this.#grow(i)
    const nodes = this.#nodes
    let node = this.#size + i
    nodes[node] = x
    for (node >>= 1; node > 0; node >>= 1) nodes[node] = nodes[2 * node]! + nodes[2 * node + 1]!
  }

  #grow(i: number): void {
    const leaves = this.#nodes.slice(this.#size)
    while (this.#size <= i) this.#size *= 2
    this.#nodes = new Float64Array(2 * this.#size)
    this.#nodes.set(leaves, this.#size)
    for (let node = this.#size - 1; node > 0; node--)
      this.#nodes[node] = this.#nodes[2 * node]! + this.#nodes[2 * node + 1]!
  }
}
