#!/usr/bin/env node
// The door of the command line: says what is missing where Node is too old to read what lies behind it.
import * as modules from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `skein needs Node 24 or newer, and this is ${process.versions.node}. In a checkout, "npm ci" brings one: ` +
      `start skein with "npm start", "npx skein ..." or "npm run ...".\n`,
  )
  process.exit(2)
}
// What was compiled once is kept for the next start, which then takes a third of the time. It is kept where nobody
// else may write, and not in a shared folder: what lies there is run. The variable hands it on to threads.
// A place that depends on where somebody stands is none, and a user with a number and no name may have no home.
const told = process.env['XDG_CACHE_HOME'] ?? ''
const cache = isAbsolute(told) ? told : ownCache()
if (isAbsolute(cache)) {
  process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'skein', 'compiled')
  modules.enableCompileCache()
}
const { main } = await import('../src/cli/main.ts')
// What was lost of the output has set it already.
const code = await main(process.argv)
if (code !== 0) process.exitCode = code

function ownCache() {
  try {
    return join(homedir(), '.cache')
  } catch {
    return ''
  }
}
