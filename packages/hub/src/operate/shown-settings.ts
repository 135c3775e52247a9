import type { ServiceOptions } from '../identity/service-key.ts'
import type { JwtOptions } from '../identity/token.ts'

/** Where the options of a hub hold secrets. */
interface Secrets {
  readonly runKey?: string
  readonly jwt?: JwtOptions
  readonly services?: Readonly<Record<string, ServiceOptions>>
}

const masked = '***'

/** The options as the admin port shows them: a secret is no more than that it is there. */
export function shownSettings({ runKey, jwt, services = {}, ...plain }: Secrets): object {
  const named = Object.entries(services).map(([name, { keys = [], ...service }]) => {
    return [name, { ...service, keys: keys.map(() => masked) }] as const
  })
  return {
    ...plain,
    ...(runKey === undefined ? {} : { runKey: masked }),
    ...(jwt === undefined ? {} : { jwt: shownJwt(jwt) }),
    services: Object.fromEntries(named),
  }
}

/** Public keys are no secret, but a set may hold shared ones as well. */
function shownJwt({ secret, keys, keysUrl, ...jwt }: JwtOptions): object {
  return {
    ...jwt,
    ...(secret === undefined ? {} : { secret: masked }),
    ...(keys === undefined ? {} : { keys: masked }),
    ...(keysUrl === undefined ? {} : { keysUrl: withoutLogin(keysUrl) }),
  }
}

function withoutLogin(text: string): string {
  return URL.parse(text)?.host === undefined
    ? masked
    : text.replace(/\/\/[^/@]*@/, `//${masked}@`).replace(/\?.*$/s, '?***')
}
