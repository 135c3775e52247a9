import assert from 'node:assert/strict'
import type { Embed, Outputs, Typed } from '../operation/operation.ts'
import { type ContractCase, members, people, posts, type Runner } from './contract-schema.ts'

const columns = (...names: string[]): { column: string }[] => names.map((column) => ({ column }))

const author = (outputs: Outputs, more: Partial<Embed> = {}): Embed => ({
  embed: { name: 'contract_person' },
  as: 'author',
  join: { kind: 'columns', on: [['author', 'id']] },
  rows: 'one',
  columns: outputs,
  ...more,
})

const written = (outputs: Outputs, more: Partial<Embed> = {}): Embed => ({
  embed: { name: 'contract_post' },
  as: 'posts',
  join: { kind: 'columns', on: [['id', 'author']] },
  rows: 'many',
  columns: outputs,
  ...more,
})

/** People of the same team, through its members. */
const team: Embed = {
  embed: { name: 'contract_person' },
  as: 'team',
  join: { kind: 'through', relation: { name: 'contract_member' }, on: [['team', 'team']], to: [['person', 'id']] },
  rows: 'many',
  columns: columns('name'),
  order: [{ column: 'id' }],
}

async function addPosts(runner: Runner): Promise<void> {
  const joined = new Date('2026-01-02T03:04:05.678Z')
  await runner.run(
    people.insertMany([
      { id: 1, email: 'ada@x.org', name: 'Ada "A," \\', joined_at: joined },
      { id: 2, email: 'bob@x.org', joined_at: joined },
    ]),
  )
  await runner.run(
    posts.insertMany([
      { id: 1, author: 1, title: 'a' },
      { id: 2, author: 1, title: '', rank: 5 },
      { id: 3, author: 2, title: '(b),' },
    ]),
  )
}

function read(name: string, outputs: Outputs): Typed<unknown> {
  return { kind: 'select', target: { name }, columns: outputs, order: [{ column: 'id' }], result: 'rows' }
}

export const nestedCases: readonly ContractCase[] = [
  {
    title: 'rows are nested in rows, to any depth, each value as at the top',
    check: async (runner) => {
      await addPosts(runner)
      const nested = author([...columns('name', 'joined_at'), written(columns('title'), { order: [{ column: 'id' }] })])
      const found = await runner.run(read('contract_post', [...columns('id'), nested]))
      const joined_at = new Date('2026-01-02T03:04:05.678Z')
      const ada = { name: 'Ada "A," \\', joined_at, posts: [{ title: 'a' }, { title: '' }] }
      assert.deepEqual(found, [
        { id: 1, author: ada },
        { id: 2, author: ada },
        { id: 3, author: { name: null, joined_at, posts: [{ title: '(b),' }] } },
      ])
    },
  },
  {
    title: 'nested rows have conditions, an order, a limit and an offset of their own, and may be none',
    check: async (runner) => {
      await addPosts(runner)
      const where = { kind: 'compare', column: 'title', operator: 'neq', value: 'a' } as const
      const last = written(columns('id', 'rank'), { where, order: [{ column: 'id', direction: 'desc' }], limit: 1 })
      const second = written(columns('id'), { as: 'second', order: [{ column: 'id' }], offset: 1 })
      assert.deepEqual(await runner.run(read('contract_person', [...columns('id'), last, second])), [
        { id: 1, posts: [{ id: 2, rank: 5 }], second: [{ id: 2 }] },
        { id: 2, posts: [{ id: 3, rank: null }], second: [] },
      ])
      const nobody = author(columns('id'), { where: { kind: 'in', column: 'id', values: [] } })
      const alone = await runner.run({
        kind: 'select',
        target: { name: 'contract_post' },
        columns: [nobody],
        limit: 1,
        result: 'row',
      })
      assert.deepEqual(alone, { author: null })
    },
  },
  {
    title: 'rows are nested through the table between them',
    check: async (runner) => {
      await addPosts(runner)
      await runner.run(
        members.insertMany([
          { team: 'x', person: 1 },
          { team: 'x', person: 2 },
        ]),
      )
      const found = await runner.run({
        kind: 'select',
        target: { name: 'contract_member' },
        columns: [...columns('person'), team],
        where: { kind: 'compare', column: 'person', operator: 'eq', value: '2' },
        result: 'row',
      })
      assert.deepEqual(found, { person: 2, team: [{ name: 'Ada "A," \\' }, { name: null }] })
    },
  },
  {
    title: 'a condition asks about rows that are not read, and so does a count',
    check: async (runner) => {
      await addPosts(runner)
      const where = { kind: 'embedded', embed: 'author', value: 'not_null' } as const
      const asked = author([], { where: { kind: 'compare', column: 'email', operator: 'eq', value: 'ada@x.org' } })
      const reading = { kind: 'select', target: { name: 'contract_post' }, where, result: 'rows' } as const
      const found = await runner.run({ ...reading, columns: [...columns('id'), asked], order: [{ column: 'id' }] })
      assert.deepEqual(found, [{ id: 1 }, { id: 2 }])
      const nobody = {
        ...asked,
        where: { kind: 'embedded', embed: 'posts', value: 'null' },
        columns: [written([])],
      } as const
      const counting = { kind: 'count', target: { name: 'contract_post' }, where, result: 'count' } as const
      assert.equal(await runner.run({ ...counting, columns: [asked] }), 2)
      assert.equal(await runner.run({ ...counting, columns: [nobody] }), 0)
    },
  },
  {
    title: 'a write gives back its rows with what they belong to',
    check: async (runner) => {
      await addPosts(runner)
      const changed = await runner.run({
        kind: 'update',
        target: { name: 'contract_post' },
        set: { rank: 9 },
        where: { kind: 'compare', column: 'author', operator: 'eq', value: '1' },
        returning: [...columns('id', 'rank'), author(columns('email'))],
        order: [{ column: 'id', direction: 'desc' }],
        result: 'rows',
      })
      assert.deepEqual(changed, [
        { id: 2, rank: 9, author: { email: 'ada@x.org' } },
        { id: 1, rank: 9, author: { email: 'ada@x.org' } },
      ])
    },
  },
]
