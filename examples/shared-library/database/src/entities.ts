import { sql } from 'drizzle-orm'
import { bigint, check, index, pgTable, text, timestamp, varchar } from 'drizzle-orm/pg-core'

// What is stored. `plinth migrate generate` compares this file with the last migration and writes the next one.

const createdAt = () => timestamp('created_at', { withTimezone: true }).notNull().defaultNow()

/** Owned by the backend; the server reads the usernames. */
export const users = pgTable(
  'users',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    username: varchar('username', { length: 50 }).notNull().unique(),
    email: varchar('email', { length: 100 }).notNull().unique(),
    passwordHash: text('password_hash').notNull(),
    /** When the welcome mail was handed over. */
    welcomedAt: timestamp('welcomed_at', { withTimezone: true }),
    createdAt: createdAt(),
  },
  // Ada@example.com and ada@example.com are one address, whoever forgets to say so.
  (table) => [check('users_email_is_lower_case', sql`${table.email} = lower(${table.email})`)],
)

/** Owned by the backend; the server reads them. */
export const sessions = pgTable(
  'sessions',
  {
    /** SHA-256 of the token, so that whoever reads the table cannot log in with what is there. */
    tokenHash: text('token_hash').primaryKey(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('sessions_user_id_idx').on(table.userId), index('sessions_expires_at_idx').on(table.expiresAt)],
)

/** Owned by the server. */
export const blogs = pgTable(
  'blogs',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    title: varchar('title', { length: 200 }).notNull(),
    description: text('description').notNull(),
    /** The name it was written under: of a user then, or a guest's, who may have none. */
    author: varchar('author', { length: 50 }),
    /** Whose it is; null for a guest's. */
    userId: bigint('user_id', { mode: 'number' }).references(() => users.id),
    createdAt: createdAt(),
    updatedAt: timestamp('updated_at', { withTimezone: true })
      .notNull()
      .defaultNow()
      .$onUpdate(() => new Date()),
  },
  (table) => [index('blogs_user_id_idx').on(table.userId)],
)
