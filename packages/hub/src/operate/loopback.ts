import { isIP } from 'node:net'

/** Whether an address or a host leads to this machine alone, also as IPv6 writes an address of IPv4. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:/i, '')
  return plain === 'localhost' || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}
