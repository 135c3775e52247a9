import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../bin/plinth.js', import.meta.url))
const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 })
}

test('in a checkout the command runs from the sources, with no option for node', () => {
  const { status, stdout, stderr } = run([bin, '--version'])
  assert.equal(status, 0, stderr)
  assert.ok(typeof manifest === 'object' && manifest !== null && 'version' in manifest)
  assert.ok(stdout.includes(String(manifest.version)), stdout)
  assert.equal(stderr, '')
})

test('the command lists what it can do', () => {
  const { status, stdout } = run([bin, '--help'])
  assert.equal(status, 0)
  assert.match(stdout, /plinth/)
})

function runOn(version: string, path: string): ReturnType<typeof run> {
  const pretend = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`
  return run(['--import', pretend, path])
}

for (const version of ['20.20.2', '22.17.1']) {
  test(`Node ${version} is told in one line that it is too old`, () => {
    const { status, stdout, stderr } = runOn(version, bin)
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.equal(stderr, `plinth needs Node 22.18 or newer; this is Node ${version}.\n`)
  })

  test(`a script of the project that meets Node ${version} says how to get the project's own`, () => {
    const preflight = fileURLToPath(new URL('../../../tools/preflight.mjs', import.meta.url))
    const { status, stderr } = runOn(version, preflight)
    assert.equal(status, 1)
    assert.match(stderr, /^.*npm rebuild node.*\n$/)
  })
}
