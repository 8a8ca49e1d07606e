// Body buffer: memory for the bodies of answers, one after the other, so that a page of a megabyte is no new megabyte.

/** Holds one body: it is good until the next request that is given the same buffer. */
export class BodyBuffer {
  /** The first is as long as it must be: most bodies are one chunk. */
  #bytes = Buffer.alloc(0)
  #length = 0

  /** What has come of it. */
  get body(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length))
      larger.set(this.body)
      this.#bytes = larger
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }
}
