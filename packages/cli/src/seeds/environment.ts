import { type Environment, environments } from 'plinth/migrate'
import { UsageError } from '../command-line/usage-error.ts'

export function readEnvironment(what: string, text = 'development'): Environment {
  const found = environments.find((one) => one === text)
  if (found !== undefined) return found
  throw new UsageError(`${what} is ${text}; it must be ${environments.join(', ')}`)
}
