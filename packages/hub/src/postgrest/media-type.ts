import type { BodyFormat, MediaHandler } from 'plinth/operation'
import { noMediaType } from './refusals.ts'

/** How the answer is written, and the Content-Type that says so. */
export interface Accepted {
  readonly isSingular: boolean
  readonly contentType: string
  readonly format: BodyFormat
}

/** What can be made of the rows besides what every answer can be. */
export interface Makers {
  /** Aggregates whose argument is a row of the relation: none where `select` makes other rows of it. */
  readonly own: readonly MediaHandler[]
  /** Their argument's type. */
  readonly row?: { readonly schema: string; readonly name: string }
  /** Aggregates of rows of any kind. */
  readonly any: readonly MediaHandler[]
  /** The function's value is an answer in this type by itself. */
  readonly raw?: { readonly mediaType: string; readonly of: 'text' | 'bytea' }
}

/** The media types of the Accept header, the best first: by quality, then by how much each says. */
export function parseAccept(accept: string | undefined): readonly string[] {
  if (accept === undefined || accept.trim() === '') return [anything]
  return accept
    .split(',')
    .map(parseAccepted)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || b.precision - a.precision)
    .map(({ type }) => type)
}

function parseAccepted(part: string): { type: string; quality: number; precision: number } {
  const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
  const others = parameters.filter((parameter) => !parameter.startsWith('q=') && !parameter.startsWith('charset='))
  return {
    type: [type, ...others.map((parameter) => parameter.replaceAll(/[\s"]/g, ''))].join(';'),
    quality: quality === undefined ? 1 : /^[01](\.\d{0,3})?$/.test(quality) ? Number(quality) : 0,
    precision: others.length - type.split('*').length,
  }
}

/** The first of `wanted` that can be made. */
export function negotiate(wanted: readonly string[], makers: Makers): Accepted {
  for (const type of wanted) {
    const accepted = accept(type, makers)
    if (accepted !== undefined) return accepted
  }
  throw noMediaType(wanted.join(', '))
}

const anything = '*/*'
const json: Accepted = { isSingular: false, contentType: 'application/json; charset=utf-8', format: { kind: 'array' } }
const csv: Accepted = { isSingular: false, contentType: 'text/csv; charset=utf-8', format: { kind: 'csv' } }

const builtIn: ReadonlyMap<string, Accepted> = new Map([
  [anything, json],
  ['application/*', json],
  ['application/json', json],
  ['text/csv', csv],
  ['text/*', csv],
])

function accept(wanted: string, { own, row, any, raw }: Makers): Accepted | undefined {
  const vendored = vendoredType(wanted)
  if (vendored !== undefined) return vendored
  const [name = ''] = wanted.split(';', 1)
  const type = name.replace(/^application\/vnd\.pgrst\.array(\+json)?$/, 'application/json')
  if (raw !== undefined && (raw.mediaType === anything || raw.mediaType === type))
    return made(raw.mediaType, { kind: 'raw', of: raw.of })
  const handler = own.find(handles(anything)) ?? own.find(handles(type))
  if (handler !== undefined) return made(handler.mediaType, handlerFormat(handler, row))
  const general = any.find(handles(type))
  return general === undefined ? builtIn.get(type) : made(general.mediaType, handlerFormat(general, undefined))
}

/** These say how rows are wrapped; a handler of the database cannot take their place. */
function vendoredType(wanted: string): Accepted | undefined {
  const [, kind, parameters = ''] = /^application\/vnd\.pgrst\.(object|array)(?:\+json)?(?:;(.*))?$/.exec(wanted) ?? []
  const stripsNulls = parameters.split(';').includes('nulls=stripped')
  const isSingular = kind === 'object'
  if (!isSingular && !(kind === 'array' && stripsNulls)) return undefined
  const type = `application/vnd.pgrst.${kind}+json${stripsNulls ? ';nulls=stripped' : ''}`
  const format: BodyFormat = stripsNulls ? { kind: 'array', stripsNulls } : { kind: 'array' }
  return { isSingular, contentType: `${type}; charset=utf-8`, format }
}

const handles =
  (type: string) =>
  ({ mediaType }: MediaHandler): boolean =>
    mediaType === type

function handlerFormat({ schema, name }: MediaHandler, row: Makers['row']): BodyFormat {
  return { kind: 'handler', function: { schema, name }, ...(row && { row }) }
}

/** Text says its character set; a handler of everything says in `response.headers` what it made. */
function made(mediaType: string, format: BodyFormat): Accepted {
  const type = mediaType === anything ? 'application/octet-stream' : mediaType
  const isText = ['application/json', 'application/geo+json', 'text/csv', 'text/plain', 'text/xml'].includes(type)
  return { isSingular: false, contentType: isText ? `${type}; charset=utf-8` : type, format }
}
