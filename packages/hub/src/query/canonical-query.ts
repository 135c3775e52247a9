import type { Parameter } from './url.ts'

/** The parameters in one order and one spelling, with the question mark; empty where there are none. */
export function canonicalQuery(parameters: readonly Parameter[]): string {
  const sorted = parameters.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const written = sorted.map(({ name, value }) => `${encodeForm(name)}=${encodeForm(value)}`)
  return written.length === 0 ? '' : `?${written.join('&')}`
}

/** As a form: what a URL needs not encode stays as it is, a space is a plus. */
export function encodeForm(text: string): string {
  if (plain.test(text)) return text
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(reserved, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

const plain = /^[\w.~-]*$/
const reserved = /[!'()*]/g
