import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../src/database/queryable.ts'
import { createDatabase } from '../src/index.ts'
import {
  type Catalog,
  type CatalogColumn,
  type CatalogFunction,
  type CatalogRelation,
  findFunctions,
  findRelation,
  loadCatalog,
} from '../src/operation.ts'
import { testDatabase } from './support/database.ts'
import { relationshipLines } from './support/relationship-text.ts'

const tables = `
  create schema api; create schema outside; create schema shared;
  comment on schema api is 'What is served';
  create type shared.mood as enum ('good', 'bad');
  create domain api.code as varchar(8) not null default 'none';
  create domain api.short_code as api.code;
  create domain api.feeling as shared.mood;
  create table api.people (
    id int primary key, name varchar(40) not null default 'nobody', mentor int references api.people);
  create table api.books (
    id int primary key, isbn text unique, author int references api.people, editor int,
    constraint edited foreign key (editor) references api.people);
  create table api.covers (book int primary key references api.books, image bytea);
  create table api.prizes (year int, name text, primary key (year, name));
  create table api.wins (
    year int, prize text, person int references api.people, note text, primary key (year, prize, person),
    foreign key (year, prize) references api.prizes);
  create table api.champions (
    year int, prize text, person int unique references api.people, primary key (year, prize, person),
    foreign key (year, prize) references api.prizes);
  create table api.friends (
    one int references api.people, other int references api.people, since date, primary key (since, one, other));
  create table outside.things (id int primary key, owner int references api.people);
  create table shared.labels (id int primary key, book int references api.books);
  create table api.loans (day date, book int references api.books, primary key (day, book)) partition by range (day);
  create table api.loans_old partition of api.loans for values from (minvalue) to ('2026-01-01');
  create table api.notices (
    loan_day date, loan_book int, foreign key (loan_day, loan_book) references api.loans,
    unique (loan_book, loan_day));
  create table api.indexed (book int references api.books);
  create unique index on api.indexed (book);

  create table api.columns (
    id int generated always as identity, code api.short_code, feeling api.feeling, mood shared.mood,
    letters char(3), tag varchar[], doubled int generated always as (1 + 1) stored, at timestamptz default now());
  comment on table api.columns is 'All kinds';
  comment on column api.columns.mood is 'How it is';
  create view api.joined as select w.note from api.wins w join api.people p on p.id = w.person;
  create view api.simple as select note from api.wins;
  create view api.triggered as select 1 as one;
  create function api.swallow() returns trigger language plpgsql as 'begin return new; end';
  create trigger takes instead of insert on api.triggered for each row execute function api.swallow();
  create materialized view api.stored as select 1 as one;
`

const functions = `
  create function api.title(api.books) returns text language sql as 'select 1::text';
  create function outside.title(api.books) returns int language sql as 'select 1';
  create function outside.shout(api.books) returns varchar language sql as 'select 1::varchar';
  create function shared.elsewhere(api.books) returns text language sql as 'select 1::text';
  create function api.pair(api.books) returns setof int language sql as 'select 1';
  create function api.nothing(api.books) returns void language sql as 'select null::void';
  create function api.prizes(api.people) returns setof api.prizes language sql as 'select * from api.prizes';
  create function api.first_book(api.people) returns setof api.books rows 1 language sql as 'select * from api.books';
  create function api.any_book(api.people) returns api.books language sql as 'select * from api.books';
  create function api.things(api.people) returns setof outside.things language sql as 'select * from outside.things';

  create type api.point as (x int, y varchar(3));
  create function api.letter(c character, b bit default '1', variadic more int[] default '{}') returns int
    language sql stable set statement_timeout = '1s' set work_mem = '2MB' as 'select 1';
  comment on function api.letter is 'Summary';
  create function api.book() returns api.books language sql as 'select * from api.books';
  create function api.outs(in a int, out b int, out c text) language sql as 'select 1, null::text';
  create function api.one_out(inout a int) language sql as 'select a';
  create function api.listed() returns table (n int) language sql as 'select 1';
  create function api.point() returns api.point language sql as 'select null::api.point';
  create function api.over(a int, b int) returns int language sql as 'select 1';
  create function api.over(a int) returns int language sql as 'select 1';
  create function api.over(a text) returns int language sql as 'select 1';
  create domain api."text/Plain" as text; create domain api."*/*" as bytea;
  create function api.plain() returns api."text/Plain" language sql as 'select null::api."text/Plain"';
  create function api.plains(state api."text/Plain", next api.books) returns api."text/Plain"
    language sql as 'select state';
  create function api.whole(state api."*/*", next anyelement) returns api."*/*" language sql as 'select state';
  create aggregate api.all_books(api.books) (sfunc = api.plains, stype = api."text/Plain");
  create aggregate api.all_rows(anyelement) (sfunc = api.whole, stype = api."*/*");
`

let database: Database
let catalog: Catalog

before(async () => {
  const { url } = await testDatabase({ script: tables + functions })
  database = createDatabase({ url })
  catalog = await loadCatalog(database, ['api', 'shared'], ['outside'])
})
after(() => database.close())

function relation(name: string): CatalogRelation {
  const found = findRelation(catalog, name)
  assert.ok(found, `no ${name}`)
  return found
}

function column(of: string, name: string): Partial<CatalogColumn> {
  const { oid: _, ...found } = relation(of).columns.get(name) ?? assert.fail(`no ${of}.${name}`)
  return found
}

function only(name: string): CatalogFunction {
  const [found, ...others] = findFunctions(catalog, name)
  assert.equal(others.length, 0)
  return found ?? assert.fail(`no ${name}`)
}

test('a foreign key makes a relationship and its opposite, named after the constraint', () => {
  assert.deepEqual(relationshipLines(relation('books')), [
    'one to one covers by covers_book_fkey: id = book',
    'one to many indexed by indexed_book_fkey: id = book',
    'one to many loans by loans_book_fkey: id = book',
    'many to one people by books_author_fkey: author = id',
    'many to one people by edited: editor = id',
    'one to many labels by labels_book_fkey: id = book',
  ])
})

test('a foreign key that is a key of its table is one to one, whatever the order of its columns', () => {
  assert.deepEqual(relationshipLines(relation('covers')), ['one to one books by covers_book_fkey: book = id'])
  assert.deepEqual(relationshipLines(relation('notices')), [
    'one to one loans by notices_loan_day_loan_book_fkey: loan_day = day, loan_book = book',
  ])
})

test('a unique index that is no constraint leaves a foreign key many to one', () => {
  assert.deepEqual(relationshipLines(relation('indexed')), ['many to one books by indexed_book_fkey: book = id'])
})

test('a table with two foreign keys in its primary key joins what they refer to, also composite ones', () => {
  assert.deepEqual(
    relationshipLines(relation('prizes')).filter((line) => line.startsWith('many to many')),
    [
      'many to many people by wins_year_prize_fkey and wins_person_fkey: ' +
        'year = year, name = prize through wins, person = id',
    ],
  )
})

test('a foreign key that is a key by itself makes no junction', () => {
  const through = relation('people').relationships.flatMap(({ join }) =>
    join.kind === 'through' ? [join.relation.name] : [],
  )
  assert.deepEqual(new Set(through), new Set(['friends']))
  const ofPrizes = relation('prizes').relationships.filter(({ join }) => join.kind === 'through')
  assert.deepEqual(
    ofPrizes.map(({ names }) => names),
    [['wins_year_prize_fkey', 'wins_person_fkey']],
  )
})

test('a relation that refers to itself has both sides of each relationship', () => {
  assert.deepEqual(
    relationshipLines(relation('people')).filter((line) => line.includes(' people by ')),
    [
      'one to many people by people_mentor_fkey: id = mentor',
      'many to one people by people_mentor_fkey: mentor = id',
      'many to many people by friends_one_fkey and friends_other_fkey: id = one through friends, other = id',
      'many to many people by friends_other_fkey and friends_one_fkey: id = other through friends, one = id',
    ],
  )
})

test('a relationship leads to another schema that is read, and to no other', () => {
  assert.deepEqual(relationshipLines(relation('labels')), ['many to one books by labels_book_fkey: book = id'])
  assert.ok(relation('people').relationships.every(({ to }) => to.name !== 'things'))
})

test('a partitioned table has the relationships, its partitions are not there', () => {
  assert.deepEqual(relationshipLines(relation('loans')), [
    'many to one books by loans_book_fkey: book = id',
    'one to one notices by notices_loan_day_loan_book_fkey: day = loan_day, book = loan_book',
  ])
  assert.equal(findRelation(catalog, 'loans_old'), undefined)
  assert.equal(relation('notices').foreignKeys.length, 1)
})

test('a function of a row that yields rows is a relationship; one named like the relation takes its place', () => {
  const { relationships } = relation('people')
  assert.deepEqual(
    relationshipLines(relation('people')).filter((line) => line.startsWith('computed')),
    ['computed books by any_book: one', 'computed books by first_book: one', 'computed prizes by prizes: many'],
  )
  assert.equal(relationships.filter(({ to }) => to.name === 'prizes').length, 1)
})

test('a function of a row that yields one value is a computed column, in its own schema before the search path', () => {
  const { computed } = relation('books')
  assert.deepEqual([...computed.keys()].toSorted(), ['shout', 'title'])
  assert.deepEqual(computed.get('title'), { schema: 'api', name: 'title', type: 'text', oid: 25 })
  assert.deepEqual(computed.get('shout'), { schema: 'outside', name: 'shout', type: 'character varying', oid: 1043 })
})

test('a column tells its default, limit, labels and comment, through domains', () => {
  const plain = { isNullable: true, hasDefault: false, isGenerated: false }
  assert.deepEqual(column('columns', 'code'), {
    name: 'code',
    type: 'api.short_code',
    baseType: 'character varying(8)',
    isNullable: false,
    hasDefault: true,
    isGenerated: false,
    default: "'none'::character varying",
    maxLength: 8,
  })
  const enumValues = ['good', 'bad']
  assert.deepEqual(column('columns', 'feeling'), {
    ...plain,
    name: 'feeling',
    type: 'api.feeling',
    baseType: 'shared.mood',
    enumValues,
  })
  const mood = { ...plain, name: 'mood', type: 'shared.mood', enumValues, comment: 'How it is' }
  assert.deepEqual(column('columns', 'mood'), mood)
  assert.deepEqual(column('columns', 'letters'), { ...plain, name: 'letters', type: 'character(3)', maxLength: 3 })
  assert.equal(column('columns', 'doubled').default, undefined)
  assert.equal(column('columns', 'at').default, 'now()')
  assert.equal(column('columns', 'id').isGenerated, true)
  assert.equal(relation('columns').comment, 'All kinds')
})

test('a view tells what can be written to it', () => {
  const all = { insert: true, update: true, delete: true }
  const none = { insert: false, update: false, delete: false }
  assert.deepEqual(relation('simple').accepts, all)
  assert.deepEqual(relation('joined').accepts, none)
  assert.deepEqual(relation('triggered').accepts, { ...none, insert: true })
  assert.deepEqual(relation('stored').accepts, none)
  assert.deepEqual(relation('loans').accepts, all)
})

test('a function tells its arguments with types that do not cut their values, its settings and comment', () => {
  const { args, settings, comment, volatility } = only('letter')
  assert.deepEqual(
    args.map(({ oid: _, ...arg }) => arg),
    [
      { name: 'c', type: 'bpchar', hasDefault: false, isVariadic: false },
      { name: 'b', type: '"bit"', hasDefault: true, isVariadic: false },
      { name: 'more', type: 'integer[]', hasDefault: true, isVariadic: true },
    ],
  )
  assert.deepEqual(
    { settings, comment, volatility },
    {
      settings: { statement_timeout: '1s', work_mem: '2MB' },
      comment: 'Summary',
      volatility: 'stable',
    },
  )
})

test('a function without names for its arguments has them under an empty name', () => {
  assert.deepEqual(
    only('title').args.map(({ name, type }) => ({ name, type })),
    [{ name: '', type: 'api.books' }],
  )
})

test('overloads come by the number of their arguments, then by their types', () => {
  assert.deepEqual(
    findFunctions(catalog, 'over').map(({ args }) => args.map(({ type }) => type)),
    [['integer'], ['text'], ['integer', 'integer']],
  )
})

test('a function tells what it returns: the relation, or the columns of its own', () => {
  const columns = (name: string): unknown => [...(only(name).returns.columns?.values() ?? [])]
  const int = (name: string): unknown => ({ name, type: 'integer', oid: 23 })
  assert.deepEqual(only('book').returns.relation, { schema: 'api', name: 'books' })
  assert.equal(only('book').returns.columns, undefined)
  assert.deepEqual(columns('outs'), [int('b'), { name: 'c', type: 'text', oid: 25 }])
  assert.deepEqual([only('one_out').returns.kind, columns('one_out')], ['row', [int('a')]])
  assert.deepEqual([only('listed').returns.isSet, columns('listed')], [true, [int('n')]])
  assert.deepEqual(columns('point'), [int('x'), { name: 'y', type: 'character varying(3)', oid: 1043 }])
})

test('a domain named like a media type makes a handler of the function or aggregate that yields it', () => {
  assert.equal(only('plain').returns.mediaType, 'text/plain')
  assert.deepEqual(relation('books').handlers, [{ mediaType: 'text/plain', schema: 'api', name: 'all_books' }])
  assert.deepEqual(catalog.handlers, [{ mediaType: '*/*', schema: 'api', name: 'all_rows' }])
  assert.deepEqual(relation('people').handlers, [])
})

test('a schema tells its comment', () => {
  assert.deepEqual([...catalog.comments], [['api', 'What is served']])
})

test('the time zones of the server are known', () => {
  assert.ok(catalog.timeZones.has('Europe/Berlin'))
  assert.ok(!catalog.timeZones.has('Europe/Atlantis'))
})
