import type pg from 'pg'
import { openPool } from '../sql/pg.ts'
import type { Answers } from './fastify.ts'

interface Query {
  readonly name: string
  readonly text: string
}

/** The hub's answer for the same request, made the same way: PostgreSQL writes the JSON, the handler passes it on. */
const readOne: Query = {
  name: 'read_one',
  text: `select coalesce(json_agg(r), '[]')::text as body from (
    select id, name, email, age, active, joined from users where id = $1) r`,
}
const list: Query = {
  name: 'list',
  text: `select coalesce(json_agg(r), '[]')::text as body from (
    select id, name, email, age from users where age = $1 order by id limit $2) r`,
}
const embed: Query = {
  name: 'embed',
  text: `select coalesce(json_agg(r), '[]')::text as body from (
    select u.id, u.name, (
      select coalesce(json_agg(p), '[]') from (
        select p.id, p.title, (
          select coalesce(json_agg(c), '[]') from (
            select c.id, c.text from comments c where c.post = p.id) c) as comments
        from posts p where p.author = u.id) p) as posts
    from users u where u.id = $1) r`,
}
const insert: Query = {
  name: 'insert',
  text: `with r as (insert into entries (author, note) values ($1, $2) returning id, author, note, made)
    select coalesce(json_agg(r), '[]')::text as body from r`,
}

type Run = (query: Query, values: readonly unknown[]) => Promise<string>

export interface ByHand {
  readonly answers: Answers
  readonly pool: pg.Pool
}

/** One statement a request, as the login itself: who asks is not told to PostgreSQL. */
export function oneTrip(url: string): ByHand {
  const pool = openPool(url)
  return {
    pool,
    answers: answersBy(async (query, values) => bodyOf(await pool.query({ ...query, values: [...values] }))),
  }
}

/** PostgREST's sequence: BEGIN, the settings of the request, its statement, COMMIT, each awaited. */
export function fourTrips(url: string, role: string): ByHand {
  const pool = openPool(url)
  const settings = {
    name: 'settings',
    text: `select set_config('search_path', $1, true), set_config('role', $2, true),
      set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true),
      set_config('request.path', $5, true), set_config('request.headers', $6, true),
      set_config('request.cookies', $7, true)`,
    values: ['"public"', role, JSON.stringify({ role, sub: 'bench' }), 'GET', '/users', '{"host":"bench"}', '{}'],
  }
  const run: Run = async (query, values) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(settings)
      const answer = await client.query<{ body: string }>({ ...query, values: [...values] })
      await client.query('commit')
      client.release()
      return bodyOf(answer)
    } catch (error) {
      await client.query('rollback').then(
        () => client.release(),
        (failure: Error) => client.release(failure),
      )
      throw error
    }
  }
  return { pool, answers: answersBy(run) }
}

function answersBy(run: Run): Answers {
  return {
    read: (id) => run(readOne, [id]),
    list: (age, limit) => run(list, [age, limit]),
    embed: (id) => run(embed, [id]),
    insert: (author, note) => run(insert, [author, note]),
  }
}

function bodyOf({ rows }: pg.QueryResult<{ body: string }>): string {
  return rows[0]?.body ?? '[]'
}
