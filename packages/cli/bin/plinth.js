#!/usr/bin/env node
// Plain JavaScript that old versions of Node can parse, so that they can be told what is missing.
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const source = new URL('../src/main.ts', import.meta.url)

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`plinth needs Node 22.18 or newer; this is Node ${process.versions.node}.`)
  process.exitCode = 1
} else if (existsSync(source)) {
  // A checkout: the packages are run from their sources, which their export condition plinth-dev names. --conditions
  // would have to stand on the command line of node, where a bin has no say.
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...(context.conditions ?? []), 'plinth-dev'] }),
  })
  await import(source.href)
} else {
  await import('../dist/main.js')
}
