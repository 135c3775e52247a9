import { sizeRefused, noMediaType } from './refusals.ts'

export interface Accepted {
  readonly isSingular: boolean
  readonly contentType: string
}

const arrays: Accepted = { isSingular: false, contentType: 'application/json; charset=utf-8' }
const singular: Accepted = { isSingular: true, contentType: 'application/vnd.pgrst.object+json; charset=utf-8' }

const offered: ReadonlyMap<string, Accepted> = new Map([
  ['*/*', arrays],
  ['application/*', arrays],
  ['application/json', arrays],
  ['application/vnd.pgrst.array', { ...arrays, contentType: 'application/vnd.pgrst.array+json; charset=utf-8' }],
  ['application/vnd.pgrst.array+json', { ...arrays, contentType: 'application/vnd.pgrst.array+json; charset=utf-8' }],
  ['application/vnd.pgrst.object', singular],
  ['application/vnd.pgrst.object+json', singular],
])

/** The best of what the Accept header lists. A parameter such as `nulls=stripped` is not offered, so never matches. */
export function acceptMediaType(accept: string | undefined): Accepted {
  if (accept === undefined || accept.trim() === '') return arrays
  const wanted = accept.split(',').map(parseAccepted)
  const best = wanted
    .filter(({ type, quality }) => quality > 0 && offered.has(type))
    .sort((a, b) => b.quality - a.quality)[0]
  const accepted = best && offered.get(best.type)
  if (accepted === undefined) throw noMediaType(accept)
  return accepted
}

function parseAccepted(part: string): { type: string; quality: number } {
  const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
  const others = parameters.filter((parameter) => !parameter.startsWith('q=') && !parameter.startsWith('charset='))
  return {
    type: [type, ...others].join(';'),
    quality: quality === undefined ? 1 : /^[01](\.\d{0,3})?$/.test(quality) ? Number(quality) : 0,
  }
}

/** One media type comes in. Parsers that disagree about the type of a body are a known hole, so the match is exact. */
export function checkContentType(contentType: string | undefined): void {
  if (contentType === undefined) return
  if (!/^application\/json(?: ?; ?charset="?utf-8"?)?$/i.test(contentType))
    throw sizeRefused(415, `Content-Type not acceptable: ${contentType.slice(0, 200)}. Send application/json.`)
}
