import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIdentify } from '../src/identity/identify.ts'
import { repeatsName } from '../src/identity/repeated-name.ts'
import { defaultLimits } from '../src/limits.ts'
import { readContentType } from '../src/postgrest/content-type.ts'
import { parseCsv } from '../src/postgrest/csv.ts'
import { parseJson } from '../src/postgrest/json.ts'
import { parseAccept } from '../src/postgrest/media-type.ts'
import { parsePreferences } from '../src/postgrest/prefer.ts'
import { parseForm } from '../src/postgrest/request-body.ts'
import { withoutValue } from '../src/validation/rule-message.ts'
import { testReaders } from './support/hostile-text.ts'

const limits = { ...defaultLimits, depth: 1_000_000_000, rows: 1_000_000_000 }
const findNobody = createIdentify({
  findKey: () => undefined,
  hasKeys: true,
  verifyToken: undefined,
  anonymousRole: undefined,
  isPostgrest: false,
})

function readCredential(authorization: string): void {
  const headers = new Map([['authorization', authorization]])
  findNobody({ method: 'GET', url: '/', headers, body: new Uint8Array() }).catch(() => undefined)
}

testReaders({
  'a credential': (text) => readCredential(`Bearer ${text}`),
  'a part of a token': repeatsName,
  'a media type': parseAccept,
  'a content type': (text) => readContentType(text, false),
  'a preference': (text) => parsePreferences(`handling=strict,${text}`, true),
  JSON: (text) => parseJson(Buffer.from(text), limits),
  'JSON in a text': (text) => parseJson(Buffer.from(`{"a":"${text}`), limits),
  CSV: (text) => parseCsv(`a,b\n${text}`, limits),
  'a quoted field': (text) => parseCsv(`a,b\n"${text}`, limits),
  'a form': (text) => parseForm(Buffer.from(text), limits),
  'the message of a rule': (text) => withoutValue(text, 'x'),
})

test('a quoted field of CSV may be as long as a body', () => {
  const long = 'x'.repeat(20_000_000)
  assert.equal(parseCsv(`a\n"${long}"`, limits)[0]?.['a'], long)
})
