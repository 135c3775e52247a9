import { createHmac } from 'node:crypto'

/** In ten minutes. */
export const soon: number = Math.floor(Date.now() / 1000) + 600

export interface TokenOptions {
  readonly secret: string | Uint8Array
  readonly header?: unknown
  readonly hash?: string
}

/** A token made by hand, so that it can be wrong; texts are taken as they are. */
export function signedToken(
  claims: unknown,
  { secret, header = { alg: 'HS256' }, hash = 'sha256' }: TokenOptions,
): string {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}
