// Teeth hook: a preload that changes one module as it is loaded, in each process and thread that inherits it.
import { registerHooks } from 'node:module'

/** What the hook reads, as JSON, from the variable `TEETH`. */
export interface Bite {
  /** A file URL. */
  readonly url: string
  readonly find: string
  readonly replace: string
}

const bite = JSON.parse(process.env['TEETH'] ?? '{}') as Bite

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    // A module that is loaded anew carries a query.
    if (url.split('?')[0] !== bite.url) return loaded
    const text = String(
      typeof loaded.source === 'object' ? Buffer.from(loaded.source as Uint8Array) : loaded.source,
    )
    return { ...loaded, source: text.split(bite.find).join(bite.replace) }
  },
})
