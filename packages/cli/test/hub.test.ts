import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../src/config/load-config.ts'
import { refusal, temporaryFolder } from './support/command.ts'
import { projectsIn } from './support/project.ts'

const cwd = temporaryFolder()
const project = projectsIn(cwd)
const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }

test('an option that an unset variable left empty is named', async () => {
  assert.match(await refusal(['hub', '--url', server.url, '--host', ''], { cwd }), /--host is empty\./)
})

for (const [name, config, message] of [
  ['unknown', 'export default { servises: {} }', /plinth\.config\.ts: servises is not a setting; known: url, host/],
  [
    'nested',
    "export default { services: { a: { role: 'a', key: 'x' } } }",
    /services\.a\.key is not a setting; known: role, keys/,
  ],
  [
    'type',
    "export default { services: { a: { role: 'a', keys: 'x' } } }",
    /services\.a\.keys must be a list, and is a string/,
  ],
  [
    'secret',
    'export default { jwt: { secret: process.env.NONE } }',
    /jwt\.secret must be a text, and is undefined \(is its env/,
  ],
  ['empty', 'export const config = {}', /has no default export/],
  ['broken', 'export default {', /cannot be run: /],
  ['throwing', "throw new TypeError('mine')", /cannot be run: mine/],
] as const) {
  test(`a configuration that is wrong (${name}) is refused with its place`, async () => {
    await assert.rejects(loadConfig(join(project(name, config), 'plinth.config.ts')), {
      code: 'InvalidOption',
      message,
    })
  })
}
