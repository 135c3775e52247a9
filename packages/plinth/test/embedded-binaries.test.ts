import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chooseAccount } from '../src/embedded/account.ts'
import { defaultSearch, findBinaries } from '../src/embedded/binaries.ts'
import type { Search } from '../src/embedded/binaries.ts'
import { cached, cacheFolder } from '../src/embedded/cache.ts'
import { isPlinthError } from '../src/errors.ts'
import { onlyRoot, otherUid, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()
const account = chooseAccount(join(folder, 'none'))
const noMachine = (): string[] => []

function search(from: string, machine: () => readonly string[] = noMachine): Search {
  return { ...defaultSearch(), from: [from], machine }
}

function newCache(): string {
  return cacheFolder(join(folder, `cache-${Math.random().toString(36).slice(2)}`))
}

test('a platform without binaries is an error that names it and says what to do', async () => {
  for (const platform of ['win32', 'freebsd']) {
    await assert.rejects(findBinaries({ ...search(folder), platform, arch: 'mips' }, account, newCache()), (error) => {
      assert.ok(isPlinthError(error, 'EmbeddedUnavailable'))
      return error.message.includes(`${platform}-mips`) && /npm install|install PostgreSQL/.test(error.message)
    })
  }
})

test('without the npm package a PostgreSQL of the machine is taken, one that is too old is not', async () => {
  const bin = fakePostgres('postgres (PostgreSQL) 16.3')
  const old = fakePostgres('postgres (PostgreSQL) 14.9')
  const found = await findBinaries(
    search(folder, () => [old, bin]),
    account,
    newCache(),
  )
  assert.deepEqual(found, { bin, version: '16.3', major: 16 })
  await assert.rejects(
    findBinaries(
      search(folder, () => [old]),
      account,
      newCache(),
    ),
    (error) => isPlinthError(error, 'EmbeddedUnavailable') && /14\.9, too old/.test(error.message),
  )
})

test('a build that fails leaves nothing in the cache, and the next one builds again', async () => {
  const cache = newCache()
  await assert.rejects(
    cached(cache, 'part', () => Promise.reject(new TypeError('full disk'))),
    /full disk/,
  )
  assert.deepEqual(readdirSync(cache), [])
  const built = await cached(cache, 'part', async (draft) => writeFileSync(join(draft, 'file'), ''))
  assert.deepEqual(readdirSync(built), ['file'])
})

test('a link in the place of the cache is refused', () => {
  const link = join(folder, 'link')
  symlinkSync(newCache(), link)
  assert.throws(
    () => cacheFolder(link),
    (error) => isPlinthError(error, 'EmbeddedUnavailable'),
  )
})

test('the folder of somebody else in the place of the cache is refused', { skip: onlyRoot }, () => {
  const foreign = newCache()
  execFileSync('chown', [String(otherUid), foreign])
  assert.throws(() => cacheFolder(foreign), /belongs to uid/)
})

function fakePostgres(version: string): string {
  const bin = join(folder, version.replaceAll(/\W/g, '-'))
  mkdirSync(bin)
  writeFileSync(join(bin, 'postgres'), `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 })
  return bin
}
