export { createTestDatabase } from './testing/test-database.ts'
export type { TestDatabase, TestDatabaseOptions } from './testing/test-database.ts'
