import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readClaimPath } from '../src/identity/claim-path.ts'

const claims = {
  role: 'plain',
  'https://example.com/role': { key: 'far' },
  app: { roles: ['other', 'author', 'app_admin', 5], 'a-b': [{ name: 'deep' }] },
}

for (const [path, found] of [
  ['$.role', 'plain'],
  ['$.app.roles[1]', 'author'],
  ['$.app.roles[-2]', 'app_admin'],
  ["$['https://example.com/role'].key", 'far'],
  ['$["https://example.com/role"]["key"]', 'far'],
  ["$.app['a-b'][0].name", 'deep'],
  ["$.app.roles[?(@ == 'author')]", 'author'],
  ["$.app.roles[?@ == 'author']", 'author'],
  ["$.app.roles[?(@ != 'other')]", 'author'],
  ["$.app.roles[?search(@, '^app_')]", 'app_admin'],
  // As it was before release 16.
  ['.role', 'plain'],
  ['.app."a-b"[0].name', 'deep'],
  ['.app.roles[0]', 'other'],
  ['.app.roles[?(@ == "author")]', 'author'],
  ['.app.roles[?(@ ^== "app_")]', 'app_admin'],
  ['.app.roles[?(@ ==^ "min")]', 'app_admin'],
  ['.app.roles[?(@ *== "utho")]', 'author'],
  // Not there.
  ['$.none', undefined],
  ['$.role.x', undefined],
  ['$.role[0]', undefined],
  ['$.app.roles[9]', undefined],
  ['$.app.roles.length', undefined],
  ['$.constructor', undefined],
  ['$.__proto__', undefined],
  ["$.app.roles[?(@ == 'none')]", undefined],
] as const) {
  test(`${path} is ${found}`, () => assert.equal(readClaimPath(path, 'roleClaim')(claims), found))
}

for (const path of [
  '',
  '$',
  'role',
  '$.',
  '$..role',
  '$.*',
  '$.a[',
  "$.a[?(@ == 'x')].b",
  "$.a[?search(@, '[')]",
  "$['a'",
]) {
  test(`${path || 'an empty text'} is no path`, () => {
    assert.throws(() => readClaimPath(path, 'jwt.roleClaim'), { code: 'InvalidOption', message: /^jwt\.roleClaim is / })
  })
}
