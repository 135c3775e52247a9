import assert from 'node:assert/strict'
import { table } from '../operation/table.ts'
import { type ContractCase, members, people, posts } from './contract-schema.ts'

export const writeCases: readonly ContractCase[] = [
  {
    title: 'insert gives the row back with its defaults',
    check: async (runner) => {
      const ada = await runner.run(people.insert({ email: 'ada@x.org' }))
      assert.equal(typeof ada.id, 'number')
      assert.equal(ada.name, null)
      assert.ok(ada.joined_at instanceof Date)
      assert.deepEqual(await runner.run(people.get(ada.id)), ada)
    },
  },
  {
    title: 'insertMany inserts rows of different columns in their order, and no row at all',
    check: async (runner) => {
      const rows = await runner.run(
        members.insertMany([
          { team: 'a', person: 1, role: 'owner' },
          { team: 'a', person: 2 },
        ]),
      )
      assert.deepEqual(
        rows.map(({ role }) => role),
        ['owner', 'reader'],
      )
      assert.deepEqual(await runner.run(members.insertMany([])), [])
    },
  },
  {
    title: 'insertMany inserts a row of defaults alone beside others',
    check: async (runner) => {
      const rows = await runner.run(table('contract_kind').insertMany([{ word: 'a' }, {}]))
      assert.deepEqual(
        rows.map(({ word }) => word),
        ['a', null],
      )
    },
  },
  {
    title: 'insertMany inserts all rows or none',
    check: async (runner) => {
      await assert.rejects(runner.run(people.insertMany([{ email: 'a@x.org' }, { email: 'a@x.org' }])))
    },
  },
  {
    title: 'upsert inserts a row, then overwrites what is given of it',
    check: async (runner) => {
      const made = await runner.run(people.upsert({ email: 'ada@x.org', name: 'Ada', age: 36 }, { on: ['email'] }))
      const again = await runner.run(people.upsert({ email: 'ada@x.org', name: 'Countess' }, { on: ['email'] }))
      assert.deepEqual(again, { ...made, name: 'Countess' })
      const kept = people.upsert({ email: 'ada@x.org', name: 'A', age: 37 }, { on: ['email'], overwrite: ['age'] })
      assert.deepEqual(await runner.run(kept), { ...again, age: 37 })
      assert.equal((await runner.run(members.upsert({ team: 'a', person: 1 }))).role, 'reader')
      assert.deepEqual(await runner.run(members.upsert({ team: 'a', person: 1 })), {
        team: 'a',
        person: 1,
        role: 'reader',
      })
    },
  },
  {
    title: 'getOrCreate inserts a row once and gives the old one back unchanged',
    check: async (runner) => {
      const made = await runner.run(people.getOrCreate({ email: 'ada@x.org', name: 'Ada' }, { on: ['email'] }))
      const got = await runner.run(people.getOrCreate({ email: 'ada@x.org', name: 'Other' }, { on: ['email'] }))
      assert.deepEqual(got, made)
      assert.equal(await runner.run(people.count()), 1)
    },
  },
  {
    title: 'twenty concurrent getOrCreate of one row make one row, and all get it',
    check: async (runner) => {
      const calls = Array.from({ length: 20 }, (_, i) =>
        runner.run(people.getOrCreate({ email: 'ada@x.org', name: `caller ${i}` }, { on: ['email'] })),
      )
      const rows = await Promise.all(calls)
      assert.equal(new Set(rows.map(({ id, name }) => `${id} ${name}`)).size, 1)
      assert.equal(await runner.run(people.count()), 1)
    },
  },
  {
    title: 'update changes the row with a key and gives it back',
    check: async (runner) => {
      const ada = await runner.run(people.insert({ email: 'ada@x.org', age: 36 }))
      assert.deepEqual(await runner.run(people.update(ada.id, { name: 'Ada', age: null })), {
        ...ada,
        name: 'Ada',
        age: null,
      })
      await runner.run(members.insert({ team: 'a', person: 1 }))
      assert.equal((await runner.run(members.update({ team: 'a', person: 1 }, { role: 'owner' }))).role, 'owner')
    },
  },
  {
    title: 'updateWhere and updateAll change the matching rows and count them',
    check: async (runner) => {
      await runner.run(
        people.insertMany([
          { email: 'a@x.org', age: 1 },
          { email: 'b@x.org', age: 2 },
        ]),
      )
      assert.equal(await runner.run(people.updateWhere({ age: { gt: 1 } }, { name: 'two' })), 1)
      assert.equal(await runner.run(people.updateWhere({ age: 99 }, { name: 'none' })), 0)
      assert.equal(await runner.run(people.updateAll({ age: 5 })), 2)
      assert.equal(await runner.run(people.count({ age: 5 })), 2)
    },
  },
  {
    title: 'delete gives the deleted row back; deleteWhere and deleteAll count',
    check: async (runner) => {
      const [first, ...others] = await runner.run(
        people.insertMany([1, 2, 3, 4].map((id) => ({ id, email: `${id}@x.org` }))),
      )
      assert.deepEqual(await runner.run(people.delete(1)), first)
      assert.equal(await runner.run(people.deleteWhere({ id: { in: [2, 1] } })), 1)
      assert.equal(await runner.run(people.deleteAll()), others.length - 1)
      assert.equal(await runner.run(people.exists()), false)
    },
  },
  {
    title: 'a deleted row takes its dependents with it where the database says so',
    check: async (runner) => {
      const ada = await runner.run(people.insert({ email: 'ada@x.org' }))
      await runner.run(posts.insert({ author: ada.id, title: 'Notes' }))
      await runner.run(people.delete(ada.id))
      assert.equal(await runner.run(posts.count()), 0)
    },
  },
]
