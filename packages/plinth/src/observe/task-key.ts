import type { DatabaseIdentity, TaskRef } from './observation.ts'

/** Of an attempt at a task among those of all databases of this process: ids are unique in a database alone. */
export function taskKey({ host, port, database }: DatabaseIdentity, { id, attempt }: TaskRef): string {
  return `${host}:${port}/${database} ${id} ${attempt}`
}
