export { startEmbedded } from './embedded/server.ts'
export type { Embedded, EmbeddedOptions } from './embedded/server.ts'
