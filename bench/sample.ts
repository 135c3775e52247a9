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

/** Tables, and for HTTP a login that owns nothing and may become the service's role. */
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
    create table posts (id int primary key, author int not null references users, title text not null);
    create index on posts (author);
    insert into posts select i, (i + 1) / 2, 'Post ' || i from generate_series(1, 2 * ${userCount}) i;
    create table comments (id int primary key, post int not null references posts, text text not null);
    create index on comments (post);
    insert into comments select i, (i + 1) / 2, 'comment ' || i from generate_series(1, 4 * ${userCount}) i;
    create role ${login} login noinherit password 'bench';
    create role ${service} login password 'bench';
    grant ${service} to ${login};
    grant select, insert on users, entries, posts, comments to ${service};
    analyze;`
}

/** A function that reads a setting of the request: from then on a hub brings them along. */
export const readingSql = `
  create function asker() returns text language sql stable as
    $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;`

/** 2,000 tables that nobody asks for, a hundred in one statement: all in one outlast its time limit on a busy machine. */
export const manyTablesSql: string = Array.from(
  { length: 20 },
  (_, at) => `
  do $$ begin for i in ${100 * at + 1}..${100 * at + 100} loop
    execute format('create table t%s (id int primary key, a text, b int references users, c timestamptz)', i);
  end loop; end $$;`,
).join('')

/** Every operation takes another user, so that concurrent transactions do not wait for each other's row locks. */
export function userOf(operation: number): number {
  return (operation % userCount) + 1
}
