import { PlinthError } from '../errors.ts'
import type { Output, Reading } from './operation.ts'

/** Turns the text PostgreSQL sent for one value into a JavaScript value. */
export type Decoder = (text: string) => unknown

const asIs: Decoder = (text) => text
const asBoolean: Decoder = (text) => text === 't'

function asBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw unreadable('bytea in the escape format', "set bytea_output to 'hex'")
  const bytes = new Uint8Array((text.length - 2) / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i + 2, 2 * i + 4), 16)
  return bytes
}

/** Beyond 2^53 a number would be another integer than the one in the database. */
function asSafeInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw unreadable('a bigint beyond 2^53 as a number', 'read the column as bigint or string')
}

function asBigInt(text: string): bigint {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  throw unreadable('a numeric that is no integer as a bigint', 'read the column as string')
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw unreadable('json that is none', 'look for what changes answers on their way here')
  }
}

/** The value is in the database all right, and so may be the write that returned it. */
export function unreadable(what: string, hint: string): PlinthError {
  return new PlinthError('InvalidValue', `PostgreSQL answered ${what}, which cannot be read.`, {
    hint,
    outcome: 'unknown',
  })
}

/**
 * Years 0001 to 9999 in a zone of whole hours, which is nearly all: JavaScript reads them itself, four times as fast.
 */
const isUsualInstant = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d$/

/**
 * Reads `2026-11-20 13:45:00.123456+01`. Without a zone the time is taken as UTC, whatever the zone of this process:
 * two services must read the same instant. `infinity` and years beyond 275760 have no Date and stay text.
 */
function asDate(text: string): Date | string {
  if (isUsualInstant.test(text)) return new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`)
  const match =
    /^(\d{4,6})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d(?::?\d\d)?(?::?\d\d)?)?( BC)?$/.exec(
      text,
    )
  if (!match) return text
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z', era] = match
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const date = new Date(Date.UTC(2000, 0, 1, Number(hour), Number(minute), Number(second), milliseconds))
  // Date.UTC reads years below 100 as 19xx, hence the detour. The year before 1 is 1 BC, which is JavaScript's year 0.
  date.setUTCFullYear(era ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day))
  const instant = new Date(date.getTime() - zoneOffsetMs(zone))
  return Number.isNaN(instant.getTime()) ? text : instant
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.slice(1).replaceAll(':', '').padEnd(6, '0')
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4)) * 60 + Number(digits.slice(4, 6))
  return (zone.startsWith('-') ? -1 : 1) * seconds * 1000
}

const BOOL = 16
const BYTEA = 17
const INT8 = 20
const INT2 = 21
const INT4 = 23
const OID = 26
const JSON_OID = 114
const FLOAT4 = 700
const FLOAT8 = 701
const TIMESTAMP = 1114
const TIMESTAMPTZ = 1184
const JSONB = 3802

/**
 * The default JavaScript value of each PostgreSQL type; every type not named here is its text. int8 and numeric stay
 * text, because a JavaScript number would round them; timestamps become Date; bytea becomes Uint8Array.
 */
const scalars: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [BOOL, asBoolean],
  [BYTEA, asBytes],
  [INT2, Number],
  [INT4, Number],
  [OID, Number],
  [FLOAT4, Number],
  [FLOAT8, Number],
  [JSON_OID, asJson],
  [JSONB, asJson],
  [TIMESTAMP, asDate],
  [TIMESTAMPTZ, asDate],
])

/** Array type oid to element type oid, of the built-in types (pg_type.typarray). */
const elements: ReadonlyMap<number, number> = new Map([
  [1000, BOOL],
  [1001, BYTEA],
  [1005, INT2],
  [1007, INT4],
  [1016, INT8],
  [1028, OID],
  [199, JSON_OID],
  [1021, FLOAT4],
  [1022, FLOAT8],
  [1115, TIMESTAMP],
  [1185, TIMESTAMPTZ],
  [3807, JSONB],
  [1009, 25], // text
  [1015, 1043], // varchar
  [1014, 1042], // char(n)
  [1003, 19], // name
  [1231, 1700], // numeric
  [1182, 1082], // date
  [1183, 1083], // time
  [1270, 1266], // timetz
  [1187, 1186], // interval
  [2951, 2950], // uuid
  [1041, 869], // inet
  [651, 650], // cidr
  [1040, 829], // macaddr
  [775, 774], // macaddr8
  [1561, 1560], // bit
  [1563, 1562], // varbit
  [791, 790], // money
  [143, 142], // xml
  [1002, 18], // "char"
  [3643, 3614], // tsvector
  [3645, 3615], // tsquery
  [4073, 4072], // jsonpath
  [3905, 3904], // int4range
  [3927, 3926], // int8range
  [3907, 3906], // numrange
  [3909, 3908], // tsrange
  [3911, 3910], // tstzrange
  [3913, 3912], // daterange
])

const chosen: Readonly<Record<Reading, Decoder>> = {
  string: asIs,
  number: Number,
  bigint: asBigInt,
  date: asDate,
  json: asJson,
}

/** The decoder of a type, or of the way a table says to read it; an array is decoded element by element. */
export function decoderFor(oid: number, { read, array }: Pick<Output, 'read' | 'array'> = {}): Decoder {
  const element = elements.get(oid)
  const decode = scalarDecoder(element ?? oid, read)
  return element === undefined && !array ? decode : (text) => parseArray(text, decode)
}

function scalarDecoder(oid: number, read: Reading | undefined): Decoder {
  if (read === 'number' && oid === INT8) return asSafeInteger
  return read ? chosen[read] : (scalars.get(oid) ?? asIs)
}

/** PostgreSQL's own limit of dimensions. */
const arrayDepth = 6

/**
 * Reads PostgreSQL's array text, `{1,NULL,"a \"b\""}`. A leading `[0:2]=` gives bounds and is skipped. Over HTTP the
 * text comes from whoever answers, so one that never ends must not be read for ever.
 */
function parseArray(text: string, decode: Decoder): unknown[] {
  let at = text.indexOf('{') + 1
  const broken = (): Error => unreadable('an array that is none', 'look for what changes answers on their way here')
  const quoted = (): string => {
    let value = ''
    for (at++; text[at] !== '"'; at++) {
      if (at >= text.length) throw broken()
      if (text[at] === '\\') at++
      value += text[at]
    }
    at++
    return value
  }
  const plain = (): unknown => {
    const from = at
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at++
    const value = text.slice(from, at)
    return value === 'NULL' ? null : decode(value)
  }
  const list = (depth: number): unknown[] => {
    if (depth > arrayDepth) throw broken()
    const values: unknown[] = []
    while (text[at] !== '}' && at < text.length) {
      if (text[at] === '{') {
        at++
        values.push(list(depth + 1))
      } else values.push(text[at] === '"' ? decode(quoted()) : plain())
      if (text[at] === ',') at++
    }
    at++
    return values
  }
  return list(1)
}
