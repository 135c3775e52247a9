import { splitServers } from '../driver/servers.ts'
import { hostOf } from '../driver/server-address.ts'

/** The hosts that a database with this url connects to; undefined for one that is no url. */
export function serverHosts(url: string): (string | undefined)[] {
  return splitServers(url).map((server) => {
    const parsed = URL.parse(server)
    return parsed ? hostOf(parsed) : undefined
  })
}
