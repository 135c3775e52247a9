import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HubOptions } from '@plinth/hub'
import fc from 'fast-check'
import { nearestName } from '../src/postgrest/nearest-name.ts'
import { ask, hashed, keys, testHub } from './support/hub.ts'
import type { Roles } from './support/sample.ts'

describe('the nearest name', () => {
  const cases: readonly (readonly [
    name: string,
    among: readonly string[],
    least: number,
    nearest: string | undefined,
  ])[] = [
    ['filmz', ['films', 'people'], 0.75, 'films'],
    ['Flims', ['films'], 0.6, 'films'],
    ['fxxxs', ['films'], 0.75, undefined],
    // Two of eight characters are a quarter: just enough.
    ['projecxx', ['projects'], 0.75, 'projects'],
    ['shows_2026', ['shows', 'show'], 0.33, 'shows'],
    ['cat', ['car', 'cut'], 0.5, 'car'],
    ['', [''], 0.33, undefined],
    ['x'.repeat(300), ['x'.repeat(299)], 0.33, undefined],
    ['filmz', Array.from({ length: 501 }, () => 'films'), 0.75, undefined],
  ]
  for (const [name, among, least, nearest] of cases)
    test(`of ${name.slice(0, 20)} is ${nearest}`, () => assert.equal(nearestName(name, among, least), nearest))

  /** Levenshtein's distance as its definition has it. */
  function distance(one: string, other: string): number {
    if (one === '' || other === '') return one.length + other.length
    const rest = distance(one.slice(1), other.slice(1))
    if (one[0] === other[0]) return rest
    return 1 + Math.min(rest, distance(one.slice(1), other), distance(one, other.slice(1)))
  }

  test('is one with the share of characters that need no edit', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(text, text, fc.constantFrom(0.33, 0.5, 0.75), (one, other, least) => {
        const alike = 1 - distance(one, other) / Math.max(one.length, other.length)
        assert.equal(nearestName(one, [other], least), alike + 1e-9 >= least ? other : undefined)
      }),
    )
  })
})

const cinema = ({ backend }: Roles): string => `
  create table films (id int primary key, title text, budget int);
  create table showings (id int primary key, film int references films);
  create function greeting(name text) returns text language sql immutable as 'select $1';
  create function greeting(name text, mood text) returns text language sql immutable as 'select $1';
  grant all on films, showings to ${backend}`

const services = (role: string): NonNullable<HubOptions['services']> => ({
  backend: { role, keys: [hashed(keys.backend)] },
  narrow: {
    role,
    keys: [hashed('narrow-key')],
    allow: { tables: { films: { columns: ['id', 'title'], operations: ['select'] } } },
  },
})

describe('a hint names what was likely meant', () => {
  const hub = testHub(({ backend }) => ({ services: services(backend) }), cinema)
  const cases: readonly (readonly [path: string, code: string, hint: string | null])[] = [
    ['/filmz', 'PGRST205', "Perhaps you meant the table 'public.films'"],
    ['/theatres', 'PGRST205', null],
    ['/films?select=showing(id)', 'PGRST200', "Perhaps you meant 'showings' instead of 'showing'."],
    ['/films?select=showings!ghost(id)', 'PGRST200', null],
    ['/films?select=titel', '42703', 'Perhaps you meant to reference the column "films.title".'],
    ['/films?actors=eq.1', '42703', null],
    ['/films?select=bud', '42703', null],
    ['/rpc/greting', 'PGRST202', 'Perhaps you meant to call the function public.greeting'],
    ['/rpc/greeting?nam=x', 'PGRST202', 'Perhaps you meant to call the function public.greeting(name)'],
    ['/rpc/greeting?moods=y&name=x', 'PGRST202', 'Perhaps you meant to call the function public.greeting(mood, name)'],
    ['/rpc/greeting?zzzzzzzzzzzzzzzzzz=x', 'PGRST202', null],
  ]
  for (const [path, code, hint] of cases)
    test(`${path}: ${hint}`, async () => {
      const { json } = await hub.ask('GET', path)
      assert.deepEqual([json.code, json.hint], [code, hint])
    })

  test('and never what is hidden from the caller', async () => {
    for (const path of ['/showing', '/films?select=budgets', '/films?select=showing(id)', '/rpc/greting']) {
      const { json } = await ask(hub.hub, 'GET', path, { key: 'narrow-key' })
      assert.equal(json.hint, null, path)
    }
    const { json } = await ask(hub.hub, 'GET', '/filmz', { key: 'narrow-key' })
    assert.equal(json.hint, "Perhaps you meant the table 'public.films'")
  })
})
