import { invalidPath, unparsable } from '../postgrest/refusals.ts'

export interface Parameter {
  readonly name: string
  readonly value: string
}

export interface Target {
  /** Decoded path segments, without empty ones at the end. */
  readonly path: readonly string[]
  readonly parameters: readonly Parameter[]
}

/** Splits and decodes path and query. A broken percent sequence is refused: guessing would change what is asked for. */
export function parseUrl(url: string): Target {
  const [pathText = '', ...query] = url.split('?')
  const path = pathText.split('/').slice(1)
  if (path.at(-1) === '') path.pop()
  return { path: path.map(decodeSegment), parameters: parseQuery(query.join('?')) }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw invalidPath()
  }
}

function parseQuery(query: string): readonly Parameter[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      // PostgREST ignores a parameter without a value; on a DELETE a mistyped filter would then empty the table.
      if (equals < 0)
        throw unparsable(`parameter (${part.slice(0, 200)})`, part.length, 'unexpected end of input expecting "="')
      return { name: decodePart(part.slice(0, equals)), value: decodePart(part.slice(equals + 1)) }
    })
}

/** A name or value of a query. */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    throw unparsable(`parameter (${part.slice(0, 200)})`, 0, 'expecting percent-encoded UTF-8')
  }
}
