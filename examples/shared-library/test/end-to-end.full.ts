import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createDatabase } from 'plinth'
import { startServerProcess } from 'plinth/testing'
import { ask, type FollowedPost, followedPost, post, startTraffic } from './support/client.ts'
import { startMailCatcher } from './support/mail-catcher.ts'
import { readRequests, runAsPrinted } from './support/readme.ts'
import { startRedis, withoutOwnRedis, withoutRedis } from './support/redis.ts'
import { runPlinth, runProgram, startService } from './support/service.ts'
import { until } from './support/until.ts'

// The whole system over real HTTP: both services as processes, a PostgreSQL, a Redis and a mail server to go with them.
// Each test is a step that stands on those before it.

const scope = new AsyncDisposableStack()
after(() => scope.disposeAsync())
const folder = await mkdtemp(join(tmpdir(), 'plinth-example-'))
scope.defer(() => rm(folder, { recursive: true, force: true }))

const postgres = scope.use(await startServerProcess({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } }))
const redis = withoutRedis ? undefined : scope.use(await startRedis())
const mails = scope.use(await startMailCatcher())
const environment = {
  DATABASE_URL: postgres.url,
  // Without one nobody listens there, and the services are degraded from the start.
  REDIS_URL: redis?.url ?? 'redis://127.0.0.1:9',
  SMTP_URL: mails.url,
}
for (const program of ['migrate', 'seed']) await runProgram(`database/src/${program}.ts`, environment)
const backend = scope.use(await startService('backend', environment))
const server = scope.use(await startService('server', environment))
const db = scope.use(createDatabase({ url: postgres.url, service: 'test' }))

// README.md registers her and lets her write; the two users and blogs before hers are the seed's.
const ada = { username: 'ada', email: 'ada@example.com', password: 'difference engine' }
const adasAccount = `${backend.url}/users/3`
const adasBlog = `${server.url}/blogs/3`

async function statusOf(service: { readonly url: string }): Promise<unknown> {
  return (await ask(`${service.url}/health`)).body['status']
}

async function logIn(email: string, password: string): Promise<string> {
  const { status, headers } = await post(`${backend.url}/sessions`, { email, password })
  assert.equal(status, 201)
  return headers.get('set-cookie')?.split(';')[0] ?? ''
}

test('the database, its migrations and the entities agree, and the lint has nothing to say', async () => {
  await runPlinth(['migrate', 'check'], environment)
  await runPlinth(['migrate', 'lint'], environment)
})

test('the requests of README.md are answered as it prints', async (t) => {
  const requests = await readRequests()
  assert.equal(requests.length, 7)
  const addresses = { 'http://localhost:3001': backend.url, 'http://localhost:3002': server.url }
  for (const { command, answer } of requests) {
    assert.deepEqual(await runAsPrinted(command, folder, addresses), answer, command)
    t.diagnostic(command.split('\n')[0] ?? '')
  }
})

test('a user and a blog come from what the article sends, without a session', async () => {
  const account = { username: 'johndoe', email: 'john@example.com', password: 'securepassword' }
  const user = await post(`${backend.url}/users`, account)
  const { id, ...registered } = user.body
  assert.deepEqual([user.status, registered], [201, { username: 'johndoe', email: 'john@example.com' }])
  for (const author of [{ author: 'Jane Roe' }, { author: null }, {}]) {
    const given = { title: 'My first blog', description: 'What it is about', ...author }
    const { status, body } = await post(`${server.url}/blogs`, given)
    assert.deepEqual([status, body], [201, { author: null, ...given, id: body['id'], userId: null }])
    assert.deepEqual((await ask(`${server.url}/blogs/${String(body['id'])}`)).body, body)
  }
  const johns = { title: 'His own', description: 'By his name', author: 'johndoe' }
  const { body } = await post(`${server.url}/blogs`, johns, await logIn(account.email, account.password))
  assert.deepEqual(body, { ...johns, id: body['id'], userId: id })
})

test("a name is its user's alone", async () => {
  const namesake = await post(`${backend.url}/users`, { ...ada, email: 'namesake@example.com' })
  assert.deepEqual([namesake.status, namesake.body['fields']], [409, ['username']])
  const blog = { title: 'Notes', description: 'Not by her', author: 'ada' }
  const guests = await post(`${server.url}/blogs`, blog)
  assert.deepEqual([guests.status, guests.body['fields']], [401, ['author']])
  assert.match(String(guests.body['title']), /log in/)
  const cookie = await logIn(ada.email, ada.password)
  const others = await post(`${server.url}/blogs`, { ...blog, author: 'grace' }, cookie)
  assert.deepEqual([others.status, others.body['fields']], [422, ['author']])
})

test('a password is stored as scrypt with its parameters, and no answer holds it', async () => {
  const { hash } = await db.one<{ hash: string }>('select password_hash as hash from users where email = $1', [
    ada.email,
  ])
  assert.match(hash, /^scrypt:16384:8:5:[\w+/=]{24}:[\w+/=]{44}$/)
  const cookie = await logIn(ada.email, ada.password)
  const answers = [await ask(adasAccount), await post(`${backend.url}/sessions`, ada)]
  const renamed = await ask(`${backend.url}/users/me/username`, 'PUT', { username: 'ada.king' }, cookie)
  for (const { status, body } of [...answers, renamed]) {
    assert.ok(status < 300)
    assert.doesNotMatch(JSON.stringify(body), /scrypt|assword/)
  }
})

test('what a client does wrong is refused with what is wrong', async () => {
  const cookie = await logIn(ada.email, ada.password)
  const short = await post(`${backend.url}/users`, { ...ada, email: 'no address', password: 'short' })
  assert.deepEqual([short.status, short.body['fields']], [422, ['email', 'password']])
  assert.equal((await post(`${backend.url}/sessions`, { ...ada, password: 'another one' })).status, 401)
  assert.equal(
    (await post(`${server.url}/blogs`, { title: 'Notes', description: 'Late' }, 'session=ended')).status,
    401,
  )
  assert.equal((await post(`${server.url}/blogs`, { title: 'x'.repeat(300), description: '' }, cookie)).status, 422)
  assert.equal((await ask(`${server.url}/blogs/4711`)).status, 404)
  assert.equal((await ask(`${server.url}/blogs?after=nonsense`)).status, 422)
  const bob = { ...ada, username: 'bob', email: 'bob@example.com' }
  await post(`${backend.url}/users`, bob)
  const bobs = await logIn(bob.email, bob.password)
  assert.equal((await ask(adasBlog, 'PUT', { title: 'Mine', description: 'now' }, bobs)).status, 403)
})

test('a change is seen by the next read, and a closed session is closed at once', async () => {
  const cookie = await logIn(ada.email, ada.password)
  for (const title of ['First', 'Second', 'Third']) {
    assert.equal((await ask(adasBlog, 'PUT', { title, description: 'On the engine' }, cookie)).status, 200)
    assert.equal((await ask(adasBlog)).body['title'], title)
  }
  assert.equal((await ask(`${backend.url}/sessions/mine`, 'DELETE', undefined, cookie)).status, 204)
  assert.equal((await post(`${server.url}/blogs`, { title: 'Late', description: 'Too late' }, cookie)).status, 401)
})

test('50 concurrent requests for one e-mail give one user and 49 clear conflicts', async (t) => {
  const carol = (n: number): object => ({ ...ada, username: `carol-${n}`, email: 'carol@example.com' })
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => post(`${backend.url}/users`, carol(n))))
  const conflicts = answers.filter(({ status }) => status === 409)
  assert.equal(answers.filter(({ status }) => status === 201).length, 1)
  assert.equal(conflicts.length, 49)
  for (const { body } of conflicts) assert.deepEqual([body['code'], body['fields']], ['UniqueViolation', ['email']])
  t.diagnostic(`201: 1, 409: ${conflicts.length}, each naming the field email`)
})

test('the database is stopped and started under traffic: 503 meanwhile, and nothing acknowledged is lost', async (t) => {
  const cookie = await logIn(ada.email, ada.password)
  for (const url of [adasBlog, adasAccount, `${backend.url}/users/me`])
    assert.equal((await ask(url, 'GET', undefined, cookie)).status, 200)
  const write = (n: number): ReturnType<typeof post> =>
    post(`${server.url}/blogs`, { title: `Outage ${n}`, description: 'Saved or refused' }, cookie)
  await using traffic = startTraffic(8, write)
  await until('blogs are written', async () => traffic.acknowledged.length > 50)
  await postgres.stop()
  await until('both services say 503', async () => {
    const healths = await Promise.all([backend, server].map(({ url }) => ask(`${url}/health`)))
    return healths.every(({ status, headers }) => status === 503 && headers.has('retry-after'))
  })
  for (const { url } of [backend, server]) assert.equal((await ask(`${url}/live`)).status, 200)
  const refusal = await write(0)
  assert.deepEqual([refusal.status, refusal.headers.get('retry-after')], [503, '5'])
  if (redis) {
    assert.equal((await ask(adasBlog)).body['title'], 'Third')
    assert.equal((await ask(adasAccount)).body['username'], 'ada.king')
    assert.equal((await ask(`${backend.url}/users/me`, 'GET', undefined, cookie)).body['username'], 'ada.king')
    t.diagnostic('cached reads were served while the database was away, to who is logged in too')
  }
  await using late = await startService('backend', environment)
  assert.equal((await ask(`${late.url}/health`)).status, 503)
  const before = traffic.acknowledged.length
  await postgres.start()
  const from = performance.now()
  await until('blogs are written again', async () => traffic.acknowledged.length > before + 50)
  t.diagnostic(`50 more blogs were written ${Math.round(performance.now() - from)} ms after the start`)
  await until('a service that was started meanwhile is ready', async () => (await statusOf(late)) !== 'down')
  assert.equal(await late.stop(), 0)
  await traffic.stop()
  await assertSaved('blogs', traffic.acknowledged)
  t.diagnostic(`answers by status: ${JSON.stringify(Object.fromEntries(traffic.statuses))}`)
})

test('Redis is stopped and started under traffic: everything goes on', { skip: withoutOwnRedis }, async (t) => {
  const cookie = await logIn(ada.email, ada.password)
  await using traffic = startTraffic(4, (n) =>
    post(`${server.url}/blogs`, { title: `Slow ${n}`, description: 'Saved' }, cookie),
  )
  await until('blogs are written', async () => traffic.acknowledged.length > 20)
  await redis?.stop()
  for (const service of [backend, server])
    await until('health says degraded', async () => (await statusOf(service)) === 'degraded')
  const before = traffic.acknowledged.length
  await until('blogs are written without Redis', async () => traffic.acknowledged.length > before + 20)
  assert.equal((await ask(adasBlog)).status, 200)
  assert.equal((await ask(`${server.url}/health`)).status, 200)
  await redis?.start()
  for (const service of [backend, server]) await until('health says up', async () => (await statusOf(service)) === 'up')
  await traffic.stop()
  assert.deepEqual([...traffic.statuses.keys()], [201])
  t.diagnostic(`${traffic.acknowledged.length} blogs were written, and no request failed`)
})

test('SIGTERM under load: what a server had begun to read is answered, and what it refused it never began', async (t) => {
  const cookie = await logIn(ada.email, ada.password)
  const blogs = followPosts((n, onBegun) =>
    followedPost(`${server.url}/blogs`, { title: `Last ${n}`, description: 'Saved' }, cookie, onBegun),
  )
  const users = followPosts((n, onBegun) =>
    followedPost(
      `${backend.url}/users`,
      { ...ada, username: `last-${n}`, email: `last-${n}@example.com` },
      '',
      onBegun,
    ),
  )
  await using writing = startTraffic(8, blogs.send)
  await using registering = startTraffic(4, users.send)
  await until('both are busy', async () => writing.acknowledged.length > 50 && registering.acknowledged.length > 5)
  await until('each has begun with a request', async () => blogs.running.size > 0 && users.running.size > 0)
  const running = [blogs, users].map((posts) => [...posts.running])
  assert.deepEqual(await Promise.all([backend.stop(), server.stop()]), [0, 0])
  await Promise.all([writing.stop(), registering.stop()])
  for (const [i, posts] of [blogs, users].entries()) {
    assert.deepEqual([...posts.running], [], 'begun, and without an answer')
    for (const n of running[i] ?? []) assert.ok([201, 503].includes(posts.answered.get(n) ?? 0), `${n} was begun`)
    assert.deepEqual(
      [...posts.answered.values()].filter((status) => status !== 201 && status !== 503),
      [],
    )
    assert.ok(posts.refused.size > 0, 'nobody came too late')
  }
  await assertSaved('blogs', writing.acknowledged)
  await assertSaved('users', registering.acknowledged)
  const titles = [...blogs.refused].map((n) => `Last ${n}`)
  assert.deepEqual((await db.query('select title from blogs where title = any($1)', [titles])).rows, [])
  const emails = [...users.refused].map((n) => `last-${n}@example.com`)
  assert.deepEqual((await db.query('select email from users where email = any($1)', [emails])).rows, [])
  t.diagnostic(
    `${writing.acknowledged.length} blogs and ${registering.acknowledged.length} users: acknowledged, and there; ` +
      `${running.flat().length} requests were under way at SIGTERM`,
  )
})

test('a backend that is killed before the mail leaves it to the next', async () => {
  mails.isTaking = false
  const killed = await startService('backend', environment)
  const { status } = await post(`${killed.url}/users`, { ...ada, username: 'late', email: 'late@example.com' })
  assert.equal(status, 201)
  await killed[Symbol.asyncDispose]()
  assert.ok(!mails.received.includes('late@example.com'))
  mails.isTaking = true
  await using next = await startService('backend', environment)
  await until('the mail is there', async () => mails.received.includes('late@example.com'))
  // Killed too, it might not have written down that the mail is out, and the next one would send it again.
  assert.equal(await next.stop(), 0)
})

test('each registered user got one welcome mail, and nobody else did', async (t) => {
  // The tasks that the first backend left are done by the next.
  await using _ = await startService('backend', environment)
  const open = `select from plinth.task where name = 'welcome-mail' and state <> 'done'`
  await until('all mails are out', async () => (await db.query(open)).rowCount === 0)
  const { rows } = await db.query<{ email: string }>('select email from users where id > 2')
  assert.deepEqual(mails.received.toSorted(), rows.map(({ email }) => email).toSorted())
  t.diagnostic(`${rows.length} users, ${mails.received.length} mails`)
})

interface FollowedPosts {
  readonly send: (n: number) => Promise<FollowedPost>
  /** Begun by the server, and not answered yet. */
  readonly running: ReadonlySet<number>
  /** With their status. */
  readonly answered: ReadonlyMap<number, number>
  /** By a connection that failed before the server had begun. */
  readonly refused: ReadonlySet<number>
}

function followPosts(post: (n: number, onBegun: () => void) => Promise<FollowedPost>): FollowedPosts {
  const [running, refused] = [new Set<number>(), new Set<number>()]
  const answered = new Map<number, number>()
  const send = async (n: number): Promise<FollowedPost> => {
    const answer = await post(n, () => running.add(n))
    if (answer.status !== 0) {
      running.delete(n)
      answered.set(n, answer.status)
    } else if (!running.has(n)) refused.add(n)
    return answer
  }
  return { send, running, answered, refused }
}

async function assertSaved(
  table: 'blogs' | 'users',
  acknowledged: readonly { readonly id?: unknown }[],
): Promise<void> {
  const ids = acknowledged.map(({ id }) => Number(id))
  const { rows } = await db.query(`select from ${table} where id = any($1)`, [ids])
  assert.equal(rows.length, ids.length)
}
