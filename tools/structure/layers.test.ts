import { test } from 'node:test'
import {
  entryPoints,
  type Import,
  manifest,
  none,
  packageFolders,
  packageOf,
  type SourceFile,
  sourceFiles,
  target,
} from './source-tree.ts'

const publishing = ['observe/observation', 'observe/failure', 'observe/watch', 'observe/summary', 'observe/pool-counts']

// Each part of packages/plinth/src, lowest first, and the parts it may import. `types:` allows `import type` alone.
const layers: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  'observe/summary': [],
  'observe/failure': ['errors', 'observe/summary'],
  'observe/observation': ['errors', 'observe/failure'],
  'observe/watch': ['observe/observation', 'observe/failure', 'observe/summary'],
  'observe/pool-counts': ['observe/observation'],
  operation: ['errors'],
  catalog: ['errors', 'operation', 'types:database'],
  sql: ['errors', 'operation', 'types:catalog'],
  'driver/violated-columns': [],
  driver: ['errors', ...publishing, 'operation', 'driver/violated-columns'],
  'pg-pool': ['errors', ...publishing, 'sql', 'driver', 'types:database'],
  database: ['errors', ...publishing, 'operation', 'sql', 'driver', 'pg-pool'],
  http: ['errors', 'driver/violated-columns', 'types:database'],
  'hub-client': ['errors', 'observe/observation', 'operation'],
  embedded: ['errors', 'observe/observation'],
  observe: ['errors', 'observe/observation', 'observe/failure', 'observe/pool-counts'],
  migrate: ['errors', 'observe/observation', 'operation', 'sql', 'catalog', 'database', 'embedded'],
  inspect: ['errors', 'sql', 'types:catalog', 'database'],
  services: ['errors', ...publishing, 'operation', 'sql', 'catalog', 'database'],
  store: ['errors', 'observe/observation', 'operation', 'sql', 'catalog', 'database'],
  testing: [
    'errors',
    'observe/observation',
    'operation',
    'sql',
    'catalog',
    'driver',
    'database',
    'hub-client',
    'embedded',
  ],
}

// Packages that only these parts may import; everything else is refused by the manifest test below.
const reserved: Readonly<Record<string, readonly string[]>> = {
  pg: ['driver', 'pg-pool'],
  'drizzle-orm': ['operation'],
  '@sentry/node': ['observe'],
  '@opentelemetry/api': ['observe'],
  'prom-client': ['observe'],
}

const workspace: Readonly<Record<string, readonly string[]>> = {
  plinth: [],
  '@plinth/hub': ['plinth'],
  '@plinth/cli': ['plinth', '@plinth/hub'],
}

const library = 'packages/plinth/src/'
const sources = sourceFiles(/^packages\/[^/]+\/src\/.*\.ts$/)
const librarySources = sources.filter((file) => file.path.startsWith(library))

function partOf(path: string): string {
  const inside = path.slice(library.length).replace(/\.ts$/, '')
  return inside in layers ? inside : (inside.split('/')[0] ?? inside)
}

function isAllowed(from: string, to: string, isType: boolean): boolean {
  const allowed = layers[from] ?? []
  return from === to || allowed.includes(to) || (isType && allowed.includes(`types:${to}`))
}

function eachImport(
  files: readonly SourceFile[],
  refuse: (file: SourceFile, one: Import) => string | undefined,
): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((one) => {
      const reason = refuse(file, one)
      return reason === undefined ? [] : [`${file.path} imports ${one.from}: ${reason}`]
    }),
  )
}

test('a part of the library imports only the parts below it', () => {
  const entries = entryPoints('packages/plinth')
  const inner = librarySources.filter((file) => !entries.includes(file.path))
  const wrong = eachImport(inner, (file, one) => {
    const path = target(file.path, one.from)
    if (path === undefined || entries.includes(path)) return undefined
    const [from, to] = [partOf(file.path), partOf(path)]
    if (!(from in layers)) return `${from} has no line in the table of layers (tools/structure/layers.test.ts)`
    return isAllowed(from, to, one.isType) ? undefined : `${from} may import ${layers[from]?.join(', ') || 'nothing'}`
  })
  none(wrong)
})

test('nothing imports an entry point of its own package', () => {
  const entries = packageFolders().flatMap(entryPoints)
  const wrong = eachImport(sources, (file, one) => {
    const path = target(file.path, one.from)
    const own = manifest(file.path.split('/').slice(0, 2).join('/')).name
    const isOwn = (path !== undefined && entries.includes(path)) || packageOf(one.from) === own
    return isOwn && !entries.includes(file.path) ? 'an entry point of its own package' : undefined
  })
  none(wrong)
})

test('no relative import of a source leaves its package', () => {
  const wrong = eachImport(sources, (file, one) => {
    const path = target(file.path, one.from)
    const folder = file.path.split('/').slice(0, 2).join('/')
    return path === undefined || path.startsWith(`${folder}/src/`) ? undefined : `outside ${folder}/src`
  })
  none(wrong)
})

test('only driver and pg-pool import pg, only operation imports drizzle-orm, only observe what telemetry needs', () => {
  const wrong = eachImport(sources, (file, one) => {
    const name = (packageOf(one.from) ?? '').replace('@types/', '')
    const parts = reserved[name]
    if (parts === undefined) return undefined
    const isLibrary = file.path.startsWith(library)
    return isLibrary && parts.includes(partOf(file.path)) ? undefined : `only ${parts.join(' and ')} may`
  })
  none(wrong)
})

test('packages import each other downwards and only by their entry points', () => {
  const exported = new Set(
    packageFolders().flatMap((folder) => {
      const { name, exports = {} } = manifest(folder)
      return Object.keys(exports).map((key) => name + key.slice(1))
    }),
  )
  const wrong = eachImport(sources, (file, one) => {
    const name = packageOf(one.from)
    if (name === undefined || !(name in workspace)) return undefined
    if (!exported.has(one.from)) return 'not an entry point'
    const own = manifest(file.path.split('/').slice(0, 2).join('/')).name
    return workspace[own]?.includes(name) ? undefined : `${own} may import ${workspace[own]?.join(', ') || 'no other'}`
  })
  none(wrong)
})

test('each package a source imports is in its package.json', () => {
  const wrong = eachImport(sources, (file, one) => {
    const name = packageOf(one.from)
    if (name === undefined) return undefined
    const { dependencies, optionalDependencies, peerDependencies } = manifest(
      file.path.split('/').slice(0, 2).join('/'),
    )
    return name in { ...dependencies, ...optionalDependencies, ...peerDependencies } ? undefined : 'not declared'
  })
  none(wrong)
})

test('each dependency of a package is imported by it, or wanted as a peer by another of its dependencies', () => {
  const unused = packageFolders().flatMap((folder) => {
    const { name: own, dependencies = {} } = manifest(folder)
    const files = sources.filter((file) => file.path.startsWith(`${folder}/`))
    const imported = new Set(files.flatMap((file) => file.imports.map(({ from }) => packageOf(from))))
    const siblings = packageFolders().map((path) => manifest(path))
    const peers = siblings
      .filter(({ name }) => name in dependencies)
      .flatMap((one) => Object.keys(one.peerDependencies ?? {}))
    const extra = Object.keys(dependencies).filter((name) => !imported.has(name) && !peers.includes(name))
    return extra.map((name) => `${own} does not import ${name}`)
  })
  none(unused)
})

test('there are no import cycles, imports of types included', () => {
  const graph = new Map(
    sources.map((file) => [file.path, file.imports.flatMap((one) => target(file.path, one.from) ?? [])] as const),
  )
  none(cycles(graph))
})

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '))
    if (start >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}
