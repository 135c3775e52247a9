import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createDatabase, logObservations } from 'plinth'
import { type AskOptions, ask, hashed, testHub } from './support/hub.ts'
import { signedToken, soon } from './support/token.ts'

const hub = testHub()
const draw = (what: string): string => `${what}-${crypto.randomUUID().replaceAll('-', '')}`

/** What callers prove themselves with, what tokens are signed with, and what the hub logs in with. */
const secrets = {
  key: draw('key'),
  wrongKey: draw('wrong'),
  runKey: draw('run'),
  jwtSecret: draw('secret'),
  password: draw('password'),
  wrongPassword: draw('mistyped'),
  cookie: draw('cookie'),
}
const value = draw('value')

function token(claims: object): string {
  return signedToken({ role: hub.roles.backend, exp: soon, ...claims }, { secret: secrets.jwtSecret })
}

function urlWith(password: string, database: unknown): string {
  const url = new URL(process.env['PLINTH_TEST_DATABASE_URL'] ?? '')
  return Object.assign(url, { username: hub.roles.login, password, pathname: String(database) }).href
}

test('no secret is in an answer, a log, a fault or the admin port, and no value of a row in the last three', async () => {
  const [told, answers]: [unknown[], string[]] = [[], []]
  const log = (...said: unknown[]): void => void told.push(said)
  const [{ name } = {}] = await hub.sql('select current_database() as name')
  await hub.sql(`alter role ${hub.roles.login} password '${secrets.password}'`)

  using _logging = logObservations({ trace: log, debug: log, info: log, warn: log, error: log })
  await using database = createDatabase({ url: urlWith(secrets.password, name), service: 'watched' })
  await using locked = createDatabase({ url: urlWith(secrets.wrongPassword, name), service: 'locked' })
  const options = {
    services: { backend: { role: hub.roles.backend, keys: [hashed(secrets.key)] } },
    jwt: { secret: secrets.jwtSecret },
    runKey: secrets.runKey,
    admin: { port: 0 },
    onFault: log,
  }
  await using watched = hub.another({ ...options, database })
  await watched.listen({ port: 0 })

  const good = token({ sub: draw('subject') })
  const asked = async (path: string, given: AskOptions, method = 'GET', at = watched): Promise<void> => {
    const { text, headers } = await ask(at, method, path, { key: secrets.key, ...given })
    answers.push(text, ...[...headers].flat())
  }
  for (const key of [secrets.key, secrets.wrongKey, secrets.runKey, good, good.slice(0, -3), token({ exp: 1 })])
    for (const path of [`/users?name=eq.${value}`, '/users?id=eq.abc', '/rpc/fail_with?state=XX000', '/nowhere'])
      await asked(path, { key, headers: { cookie: `session=${secrets.cookie}` } })
  await asked('/users', { key: null, headers: { apikey: secrets.wrongKey } })
  await asked('/users', { key: null, headers: { authorization: `Basic ${secrets.wrongKey}` } })
  for (const more of [{ age: -1 }, { id: 1 }, { nope: 1 }, { extra: '\u0000' }])
    await asked('/users', { body: { name: value, ...more } }, 'POST')
  await asked('/-/run', { text: '{"kind":' }, 'POST')
  await asked('/users', {}, 'GET', hub.another({ ...options, database: locked }))
  for (const path of ['/config', '/schema_cache', '/health', '/ready'])
    told.push(await (await fetch(`${watched.adminUrl}${path}`)).text())

  const inside = inspect(told, { depth: 20, maxArrayLength: null, maxStringLength: null, showHidden: true })
  assert.ok(answers.join('\n').includes('PGRST301') && inside.includes('watched'))
  for (const [what, secret] of Object.entries({ ...secrets, good })) {
    assert.ok(!answers.join('\n').includes(secret), `${what} in an answer`)
    assert.ok(!inside.includes(secret), `${what} in what is told to others`)
  }
  assert.ok(!inside.includes(value), 'a value in what is told to others')
})
