#!/usr/bin/env node
// The door of the command line: says what is missing where Node is too old to read what lies behind it.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `skein needs Node 24 or newer, and this is ${process.versions.node}. In a checkout, "npm ci" brings one: ` +
      `start skein with "npm start", "npx skein ..." or "npm run ...".\n`,
  )
  process.exit(2)
}
const { main } = await import('../src/cli/main.ts')
process.exitCode = await main(process.argv)
