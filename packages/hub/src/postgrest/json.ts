import type { Json } from 'plinth'
import type { Limits } from '../limits.ts'
import { invalidBody, tooMuch } from './refusals.ts'

declare global {
  interface JSON {
    /** A value that JSON.stringify writes as this text (Node 21, V8 11.4); TypeScript's library lacks it. */
    rawJSON(text: string): object
  }
}

/**
 * Reads a JSON body. A number that JavaScript cannot hold as it is written (a 64-bit id, `1.10`, `1e400`) is kept as
 * its source text, so PostgreSQL gets what the client sent.
 */
export function parseJson(body: Uint8Array, limits: Limits): Json {
  return parse(body, limits, (text) => JSON.parse(text, mayLoseDigits.test(text) ? keepSource : undefined))
}

/** Reads a body that a client of ours wrote: numbers are JavaScript's own, larger ones come as text. */
export function parsePlainJson(body: Uint8Array, limits: Limits): Json {
  return parse(body, limits, (text) => JSON.parse(text))
}

function parse(body: Uint8Array, limits: Limits, read: (text: string) => unknown): Json {
  const text = decodeText(body)
  checkDepth(text, limits.depth)
  try {
    // What JSON.parse makes is Json by its grammar.
    return read(text) as Json
  } catch {
    throw invalidBody('Empty or invalid json')
  }
}

/** The members of a JSON object that somebody else wrote; undefined for any other text. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Throws where the body is no UTF-8. */
export function decodeText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw invalidBody('Empty or invalid json', 'The body is not UTF-8.')
  }
}

/** A long run of digits, an exponent, a fraction ending in 0, or minus zero; false alarms only cost time. */
const mayLoseDigits = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|-0/

function keepSource(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || String(value) === context.source) return value
  return JSON.rawJSON(context.source)
}

/** Counted before parsing: what walks the parsed value may recurse. */
function checkDepth(text: string, most: number): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = stringEnd(text, at)
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
    if (depth > most) throw tooMuch(`JSON nested more than ${most} deep.`)
  }
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** A JSON object with named members: not null, a list, or a number kept as its source. */
export function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isKeptNumber(value)
}

/** A kept number has no prototype and one member, which JSON itself cannot produce. */
function isKeptNumber(value: object): boolean {
  return Object.getPrototypeOf(value) === null
}
