import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

// Where there is no Docker its files can at least be held against the sources that they name.

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
const dockerfile = read('Dockerfile')
const compose = read('docker-compose.yml')
const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = '']) => name)

test('what the Dockerfile copies is there', () => {
  const copied = namesIn(dockerfile, /^COPY (?!--)(.+) \S+$/gm).flatMap((paths) => paths.split(' '))
  assert.ok(copied.length > 10)
  const roots = [new URL('../../../', import.meta.url), new URL('../', import.meta.url)]
  assert.deepEqual(
    copied.filter((path) => !roots.some((root) => existsSync(new URL(path, root)))),
    [],
  )
})

test('the programs that are started are there, and the images are stages of the Dockerfile', () => {
  const programs = namesIn(dockerfile + compose, /(?:"|, )([\w/]+\.ts)\b/g)
  assert.deepEqual(programs, [
    'database/src/migrate.ts',
    'backend/src/main.ts',
    'server/src/main.ts',
    'database/src/seed.ts',
  ])
  for (const path of programs) assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path)
  const stages = namesIn(dockerfile, /^FROM \S+ AS (\S+)$/gm)
  for (const target of namesIn(compose, /target: (\w+)/g)) assert.ok(stages.includes(target), target)
})

test('what a service waits for is a service', () => {
  const services = namesIn(compose.split('\nservices:\n')[1] ?? '', /^ {2}(\w+):$/gm)
  assert.ok(services.length > 5)
  const awaited = namesIn(compose, /^ {6}(\w+): \{ condition/gm)
  assert.deepEqual(
    awaited.filter((name) => !services.includes(name)),
    [],
  )
})
