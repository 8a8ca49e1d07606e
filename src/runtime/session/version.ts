// The versions that a result depends on.
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const manifest = z.object({ version: z.string() })
const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')

export const VERSIONS = {
  skein: manifest.parse(JSON.parse(text)).version,
  node: process.versions.node,
}
