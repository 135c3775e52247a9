import type { JwtOptions } from '@plinth/hub'
import { textOrFile } from './secret-file.ts'
import { flag, text, type Values, whole, wrongValue } from './values.ts'

/** Undefined without `jwt-secret`: a token is then answered 500 with PGRST300, as PostgREST does. */
export function jwtOptions(values: Values): JwtOptions | undefined {
  const given = text(values, 'jwt-secret')
  if (given === undefined) return undefined
  const [audience, roleClaim] = [audienceOf(values), text(values, 'jwt-role-claim-key')]
  const cacheEntries = whole(values, 'jwt-cache-max-entries')
  return {
    ...keysOf(secretBytes(values, textOrFile('jwt-secret', given))),
    requireExpiry: false,
    ...(audience === undefined ? {} : { audience }),
    ...(roleClaim === undefined ? {} : { roleClaim }),
    ...(cacheEntries === undefined ? {} : { cacheEntries }),
  }
}

/** PostgREST takes the URL alphabet as well, and a dot as padding. */
function secretBytes(values: Values, given: string): Buffer {
  if (flag(values, 'jwt-secret-is-base64') !== true) return Buffer.from(given)
  const plain = given.trim().replaceAll('.', '=')
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain))
    throw wrongValue('jwt-secret', 'is no base64, as jwt-secret-is-base64 says')
  return Buffer.from(plain, 'base64')
}

/** A JSON Web Key, a set of them, or else a shared secret. */
function keysOf(secret: Buffer): Pick<JwtOptions, 'secret' | 'keys'> {
  const keys = parseKeys(secret.toString('utf8'))
  return keys === undefined ? { secret } : { keys }
}

function parseKeys(given: string): JwtOptions['keys'] {
  try {
    const value: unknown = JSON.parse(given)
    const isKeys = typeof value === 'object' && value !== null && ('kty' in value || 'keys' in value)
    return isKeys ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function audienceOf(values: Values): string | undefined {
  const audience = text(values, 'jwt-aud')
  if (audience?.includes(':') && !/^[a-z][a-z\d+.-]*:[!-~]+$/i.test(audience))
    throw wrongValue('jwt-aud', 'has a colon and is no URI')
  return audience
}
