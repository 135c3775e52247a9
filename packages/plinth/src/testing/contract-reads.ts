import assert from 'node:assert/strict'
import { call } from '../operation/call.ts'
import { type ContractCase, members, people, posts, type Runner } from './contract-schema.ts'

async function addPeople(runner: Runner): Promise<void> {
  await runner.run(
    people.insertMany([
      { id: 1, email: 'ada@x.org', name: 'Ada', age: 36 },
      { id: 2, email: 'bob@x.org', name: 'Bob', age: 17 },
      { id: 3, email: 'cy@y.org', name: null, age: null },
      { id: 4, email: 'di@y.org', name: 'Di', age: 36 },
    ]),
  )
}

export const readCases: readonly ContractCase[] = [
  {
    title: 'get reads the row with a key, single or composite',
    check: async (runner) => {
      await addPeople(runner)
      await runner.run(members.insert({ team: 'a', person: 1 }))
      const ada = await runner.run(people.get(1))
      assert.equal(ada.name, 'Ada')
      assert.ok(ada.joined_at instanceof Date)
      assert.deepEqual(await runner.run(members.get({ person: 1, team: 'a' })), {
        team: 'a',
        person: 1,
        role: 'reader',
      })
    },
  },
  {
    title: 'first reads one row in an order, or undefined',
    check: async (runner) => {
      await addPeople(runner)
      const oldest = await runner.run(
        people.first({ age: { gt: 0 } }, { order: [{ age: 'desc' }, 'id'], select: ['id'] }),
      )
      assert.deepEqual(oldest, { id: 1 })
      assert.equal(await runner.run(people.first({ name: 'Nobody' })), undefined)
    },
  },
  {
    title: 'find reads the selected columns of the matching rows in their order, between offset and limit',
    check: async (runner) => {
      await addPeople(runner)
      const found = people.find(
        { age: { gte: 17 } },
        { select: ['email', 'id'], order: [{ id: 'desc' }], limit: 2, offset: 1 },
      )
      assert.deepEqual(await runner.run(found), [
        { email: 'bob@x.org', id: 2 },
        { email: 'ada@x.org', id: 1 },
      ])
      assert.equal((await runner.run(people.find())).length, 4)
    },
  },
  ...conditionCases(),
  {
    title: 'exists and count answer true or false and a number',
    check: async (runner) => {
      await addPeople(runner)
      assert.equal(await runner.run(people.exists({ name: 'Bob' })), true)
      assert.equal(await runner.run(people.exists({ name: 'Eve' })), false)
      assert.equal(await runner.run(people.count({ age: 36 })), 2)
      assert.equal(await runner.run(people.count()), 4)
    },
  },
  {
    title: 'pages hold every row once, in an order with equal values, nulls and mixed directions',
    check: async (runner) => {
      await runner.run(people.insert({ id: 1, email: 'ada@x.org' }))
      const ranks = [3, null, 1, 3, null, 2, 3, 1, 2, null]
      await runner.run(posts.insertMany(ranks.map((rank, i) => ({ id: i + 1, author: 1, title: `t${i % 2}`, rank }))))
      for (const direction of ['asc', 'desc', 'asc nulls first', 'desc nulls last'] as const) {
        const order = [{ rank: direction }, { title: 'desc' }] as const
        const all = await runner.run(posts.find({}, { order: [...order, 'id'], select: ['id'] }))
        assert.deepEqual(await allPages(runner, order), all, direction)
      }
    },
  },
  {
    title: 'a function is called for its rows, its value, or nothing',
    check: async (runner) => {
      await addPeople(runner)
      assert.equal(await runner.run(call<number>('contract_add', { a: 1, b: 2 }, 'value')), 3)
      assert.equal(await runner.run(call<number>('contract_add', { a: 1 }, 'value')), 11)
      assert.equal(await runner.run(call<string>('contract_total', { numbers: [1, 2, 3] }, 'value')), '6')
      assert.equal(
        await runner.run(call<string>('contract_field', { document: { a: 'é"' }, name: 'a' }, 'value')),
        'é"',
      )
      assert.equal(await runner.run(call('contract_nothing', {}, 'none')), undefined)
      const older = await runner.run(call<{ id: number }>('contract_older', { than: 35 }))
      assert.deepEqual(new Set(older.map(({ id }) => id)), new Set([1, 4]))
    },
  },
]

async function allPages(
  runner: Runner,
  order: Parameters<typeof posts.page>[1]['order'] & object,
): Promise<{ id: number }[]> {
  const rows: { id: number }[] = []
  let after: string | undefined
  for (let pages = 0; pages < 10; pages++) {
    const page = await runner.run(posts.page({}, { size: 3, order, after, select: ['id'] }))
    rows.push(...page.rows)
    after = page.next
    if (after === undefined) return rows
  }
  return assert.fail('the pages do not end')
}

function conditionCases(): readonly ContractCase[] {
  const cases: readonly [Parameters<typeof people.find>[0] & object, number[]][] = [
    [{ name: null }, [3]],
    [{ name: { neq: null } }, [1, 2, 4]],
    [{ age: { neq: 36 } }, [2]],
    [{ age: { gt: 17, lt: 40 } }, [1, 4]],
    [{ age: { lte: 17 } }, [2]],
    [{ email: { like: '%@x.org' } }, [1, 2]],
    [{ name: { ilike: 'b_B' } }, [2]],
    [{ id: { in: [1, 3, 99] } }, [1, 3]],
    [{ id: { in: [] } }, []],
    [{ id: { notIn: [1, 3] } }, [2, 4]],
    [{ not: { age: 36 } }, [2]],
    [{ or: [{ name: 'Bob' }, { name: null }] }, [2, 3]],
    [{ age: 36, and: [{ id: { gt: 1 } }, { not: { name: 'Bob' } }] }, [4]],
  ]
  return cases.map(([where, ids]) => ({
    title: `the condition ${JSON.stringify(where)} finds the rows it says`,
    check: async (runner) => {
      await addPeople(runner)
      const found = await runner.run(people.find(where, { order: ['id'] }))
      assert.deepEqual(
        found.map(({ id }) => id),
        ids,
      )
    },
  }))
}
