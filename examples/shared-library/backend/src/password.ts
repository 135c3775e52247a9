import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

interface Cost {
  readonly N: number
  readonly r: number
  readonly p: number
}

const derive = promisify<string, Buffer, number, Cost, Buffer>(scrypt)

/**
 * One of OWASP's choices: 16 MiB and about 0.2 s of a core. Each hash keeps its own, so these can be raised and old
 * passwords stay good.
 */
const cost: Cost = { N: 2 ** 14, r: 8, p: 5 }
const bytes = 32

/** `scrypt:N:r:p:salt:hash` */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, bytes, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), hash.toString('base64')].join(':')
}

export async function isPassword(password: string, stored: string): Promise<boolean> {
  const [, N, r, p, salt = '', hash = ''] = stored.split(':')
  const expected = Buffer.from(hash, 'base64')
  const used = { N: Number(N), r: Number(r), p: Number(p) }
  const derived = await derive(password, Buffer.from(salt, 'base64'), expected.length, used)
  return timingSafeEqual(derived, expected)
}
