export { fastifyDatabase } from './http/fastify.ts'
export type { FastifyDatabaseOptions } from './http/fastify.ts'
export { problemOf } from './http/problem.ts'
export type { Problem } from './http/problem.ts'
