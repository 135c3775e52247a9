import assert from 'node:assert/strict'
import { scryptSync } from 'node:crypto'
import { test } from 'node:test'
import { hashPassword, isPassword } from '../backend/src/password.ts'

test('a password is recognised by its hash, and no two hashes are alike', async () => {
  const [first, second] = await Promise.all([hashPassword('difference engine'), hashPassword('difference engine')])
  assert.notEqual(first, second)
  assert.equal(await isPassword('difference engine', first), true)
  assert.equal(await isPassword('analytical engine', first), false)
})

test('a hash of other parameters stays good', async () => {
  const salt = Buffer.from('sixteen bytes ..')
  const hash = scryptSync('difference engine', salt, 64, { N: 1024, r: 4, p: 1 })
  const stored = `scrypt:1024:4:1:${salt.toString('base64')}:${hash.toString('base64')}`
  assert.equal(await isPassword('difference engine', stored), true)
})
