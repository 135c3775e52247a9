import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryPoints, none, packageFolders, read, type SourceFile, sourceFiles, target } from './source-tree.ts'

const files = sourceFiles(/^(packages|tools|bench|faults|examples)\/.*\.tsx?$/)
const byPath = new Map(files.map((file) => [file.path, file]))
const entries = new Set(packageFolders().flatMap(entryPoints))

/** `export *` passes names on; what they name is used by whoever imports the outer file. */
function used(): Set<string> {
  const names = new Set<string>()
  const use = (path: string, name: string): void => {
    names.add(`${path} ${name}`)
    for (const one of byPath.get(path)?.imports ?? []) {
      const inner = one.isExport && one.names === 'all' ? target(path, one.from) : undefined
      if (inner !== undefined && inner !== path) use(inner, name)
    }
  }
  for (const file of files) {
    for (const one of file.imports) {
      const path = target(file.path, one.from)
      const source = path === undefined ? undefined : byPath.get(path)
      if (path === undefined || source === undefined) continue
      for (const name of one.names === 'all' ? source.exports : one.names) use(path, name)
    }
  }
  return names
}

function unused(file: SourceFile, names: ReadonlySet<string>): string[] {
  // Tests of types export what they declare, so that nothing in them counts as unused.
  if (entries.has(file.path) || /\/test\/types\/|\.config\.ts$/.test(file.path)) return []
  const open = file.exports.filter((name) => !file.spokenTypes.includes(name))
  return open.filter((name) => !names.has(`${file.path} ${name}`)).map((name) => `${file.path} exports ${name}`)
}

// A type may be exported for the signature that speaks of it; a function or constant only for somebody who uses it.
test('each export is imported somewhere or public', () => {
  const names = used()
  none(files.flatMap((file) => unused(file, names)))
})

test('each error code is in docs/errors.md, and nothing else is', () => {
  const union = read('packages/plinth/src/errors.ts').match(/export type ErrorCode =([\s\S]*?)\n\n/)?.[1] ?? ''
  const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code)
  const documented = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, code = '']) => code)
  assert.ok(codes.length > 20, 'the union ErrorCode was not found in errors.ts')
  none(codes.filter((code) => !documented.includes(code)).map((code) => `${code} is not in docs/errors.md`))
  none(documented.filter((code) => !codes.includes(code)).map((code) => `${code} is not an ErrorCode`))
})

test('each error code is thrown somewhere', () => {
  const sources = files.filter((file) => file.path.includes('/src/') && !file.path.endsWith('plinth/src/errors.ts'))
  const text = sources.map((file) => read(file.path)).join('\n')
  const codes = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, code = '']) => code)
  none(codes.filter((code) => !text.includes(`'${code}'`)))
})
