import { createHash } from 'node:crypto'

/** Column names are the same in SQL and in JavaScript, so that no contestant maps names another one does not. */
export interface User {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly age: number
  readonly active: boolean
  readonly last: number | null
  readonly joined: Date
}

export interface Entry {
  readonly id: number
  readonly author: number
  readonly note: string
  readonly made: Date
}

const userCount = 10_000

/** Connections of each contestant. */
export const poolSize = 10

export const serviceKey = 'bench-service-key'
export const serviceKeyHash: string = createHash('sha256').update(serviceKey).digest('hex')

export interface Roles {
  readonly login: string
  readonly service: string
}

/** Two tables, and for HTTP a login that owns nothing and may become the service's role. */
export function sampleSql({ login, service }: Roles): string {
  return `
    create table users (
      id int primary key, name text not null, email text not null unique, age int not null,
      active boolean not null default true, last int, joined timestamptz not null default '2026-01-01T00:00:00Z');
    create index on users (age);
    insert into users (id, name, email, age)
      select i, 'User ' || i, 'user' || i || '@example.com', 18 + i % 60 from generate_series(1, ${userCount}) i;
    create table entries (
      id int generated always as identity primary key, author int not null references users, note text not null,
      made timestamptz not null default now());
    create role ${login} login noinherit password 'bench';
    create role ${service} login password 'bench';
    grant ${service} to ${login};
    grant select, insert on users, entries to ${service};
    analyze users;`
}

/** Every operation takes another user, so that concurrent transactions do not wait for each other's row locks. */
export function userOf(operation: number): number {
  return (operation % userCount) + 1
}
