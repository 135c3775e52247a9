import type { Limits } from '../limits.ts'
import { sizeRefused } from '../postgrest/refusals.ts'
import type { Refusal } from '../refusal.ts'
import type { HubRequest } from './exchange.ts'

/** Sizes that a socket is already held to; `handle` is also called without one. */
export function checkSizes({ url, headers, body }: HubRequest, limits: Limits): void {
  if (url.length > limits.urlBytes)
    throw sizeRefused(414, `The URL is longer than ${limits.urlBytes} bytes. Long filters can go into a function.`)
  let headerBytes = 0
  for (const [name, value] of headers) headerBytes += name.length + value.length + 4
  if (headerBytes > limits.headerBytes) throw headersTooLarge(limits)
  if (body.length > limits.bodyBytes) throw bodyTooLarge(limits)
}

export function headersTooLarge({ headerBytes }: Limits): Refusal {
  return sizeRefused(431, `The headers are larger than ${headerBytes} bytes.`)
}

export function bodyTooLarge({ bodyBytes }: Limits): Refusal {
  return sizeRefused(413, `The body is larger than ${bodyBytes} bytes.`)
}
