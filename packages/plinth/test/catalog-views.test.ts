import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readOrigins } from '../src/catalog/view-definition.ts'
import type { Database } from '../src/database/queryable.ts'
import { createDatabase } from '../src/index.ts'
import { type Catalog, type CatalogRelation, findRelation, loadCatalog } from '../src/operation.ts'
import { testDatabase } from './support/database.ts'
import { relationshipLines } from './support/relationship-text.ts'

/** The tables are in a schema that is not read; the views in `api` show them, some through views in between. */
const script = `
  create schema inside; create schema api; create schema between;
  create table inside.people (id int primary key, name text);
  create table inside.books (
    id int primary key, title text, author int references inside.people,
    editor int constraint edited references inside.people);
  create table inside.covers (book int primary key references inside.books);
  create table inside.shelves (room int, shelf int, primary key (room, shelf));
  create table inside.placed (
    book int references inside.books, room int, shelf int, primary key (book, room, shelf),
    constraint stands foreign key (room, shelf) references inside.shelves);

  create view api.people as select id as person, name from inside.people;
  create view api.books as
    select upper(b.title) as loud, b.id as book, (select count(*) from inside.covers) as covers, b.author
    from (select * from inside.books) x join inside.books b on b.id = x.id
    where b.id in (select book from inside.placed) order by b.title;
  create view api.covers as select * from inside.covers;
  create materialized view api.shelves as select shelf as s, room as r from inside.shelves;
  create view api.placed as select book, room, shelf, room as again from inside.placed;
  create view between.books as select id as number, author as by, editor from inside.books;
  create view api.far as select number as n, by as b, editor as e from between.books;
  create view api.without_key as select title, author from inside.books;
  create view api.half as select room from inside.shelves;
  create view api.both as select p.id as p, b.id as b, b.author from inside.people p join inside.books b on b.author = p.id;
  create view api.united as select id, author from inside.books union all select id, editor from inside.books;
  create view api.grouped as select author, count(*) as n from inside.books group by author;
  create view api.named as with x as (select id as y, author as z from inside.books) select y, z from x;
  create view api."odd {view" as select id as ":resno 9 {", author as "x}" from inside.books "{ali)as";
  create view api.ring as select id, author from inside.books;
  create view api.ring_other as select id, author from api.ring;
  create or replace view api.ring as select id, author from api.ring_other;
`

let database: Database
let catalog: Catalog

before(async () => {
  const { url } = await testDatabase({ script })
  database = createDatabase({ url })
  catalog = await loadCatalog(database, ['api'], ['between'])
})
after(() => database.close())

function relation(name: string): CatalogRelation {
  return findRelation(catalog, name) ?? assert.fail(`no ${name}`)
}

/** Those to the relations named alone. */
function lines(name: string, ...to: readonly string[]): string[] {
  return relationshipLines(relation(name)).filter((line) => to.some((one) => line.includes(` ${one} by `)))
}

test('a view has the foreign keys of the tables it shows, by its own names, to tables and views', () => {
  assert.deepEqual(lines('books', 'people', 'covers', 'placed'), [
    'one to one covers by covers_book_fkey: book = book',
    'many to one people by books_author_fkey: author = person',
    'one to many placed by placed_book_fkey: book = book',
  ])
})

test('a view is traced through views of the extra search path', () => {
  assert.deepEqual(lines('far', 'people', 'covers'), [
    'one to one covers by covers_book_fkey: n = book',
    'many to one people by books_author_fkey: b = person',
    'many to one people by edited: e = person',
  ])
  assert.deepEqual(relation('far').primaryKey, ['n'])
})

test('a view of a schema that is neither read nor searched is not looked through', async () => {
  const alone = await loadCatalog(database, ['api'])
  assert.deepEqual(findRelation(alone, 'far')?.relationships, [])
  assert.equal(alone.relations.get('api')?.size, catalog.relations.get('api')?.size)
})

test('a materialized view, and a view that shows a column of a composite key twice, once for each choice', () => {
  assert.deepEqual(lines('shelves', 'placed'), [
    'one to many placed by stands: r = again, s = shelf',
    'one to many placed by stands: r = room, s = shelf',
  ])
  assert.deepEqual(lines('placed', 'shelves'), [
    'many to one shelves by stands: again = r, shelf = s',
    'many to one shelves by stands: room = r, shelf = s',
  ])
})

test('a view of a junction is one', () => {
  assert.deepEqual(lines('shelves', 'books'), [
    'many to many books by stands and placed_book_fkey: r = room, s = shelf through placed, book = book',
  ])
})

test('two views of one table are not joined by the one foreign key that leads to both', () => {
  assert.deepEqual(lines('books', 'far'), [])
})

test('a view has the primary keys of all tables it shows, and none that it shows in part', () => {
  assert.deepEqual(relation('people').primaryKey, ['person'])
  assert.deepEqual(relation('both').primaryKey, ['p', 'b'])
  assert.deepEqual(relation('placed').primaryKey, ['book', 'room', 'shelf'])
  assert.deepEqual(relation('half').primaryKey, [])
  assert.deepEqual(relation('half').relationships, [])
})

test('a view that joins both sides of a foreign key refers to itself', () => {
  assert.deepEqual(lines('both', 'both'), [
    'one to many both by books_author_fkey: p = author',
    'many to one both by books_author_fkey: author = p',
  ])
})

test('columns come through grouping and common table expressions, not through a union', () => {
  assert.deepEqual(lines('grouped', 'people'), ['many to one people by books_author_fkey: author = person'])
  assert.deepEqual(lines('named', 'people'), ['many to one people by books_author_fkey: z = person'])
  assert.deepEqual(relation('united').relationships, [])
})

test('names that look like the tree itself do not lead astray', () => {
  assert.deepEqual(lines('odd {view', 'people'), ['many to one people by books_author_fkey: x} = person'])
  assert.deepEqual(relation('odd {view').primaryKey, [':resno 9 {'])
})

test('views that show each other in a ring have no origin', () => {
  assert.deepEqual(relation('ring').relationships, [])
  assert.deepEqual(relation('ring_other').primaryKey, [])
})

test('of a definition the entries of the outermost query alone are read', () => {
  const definition =
    '({QUERY :rtable ({RANGETBLENTRY :subquery {QUERY :targetList ({TARGETENTRY :expr {VAR :varno 1} :resno 1 ' +
    ':resname inner\\}\\ :resno\\ 7 :resorigtbl 5 :resorigcol 6 :resjunk false})}}) :targetList ({TARGETENTRY ' +
    ':expr {VAR :varno 1} :resno 2 :resname a :ressortgroupref 0 :resorigtbl 8 :resorigcol 9 :resjunk false} ' +
    '{TARGETENTRY :expr {CONST} :resno 3 :resname <> :resorigtbl 0 :resorigcol 0 :resjunk false})})'
  assert.deepEqual([...readOrigins(definition)], [[2, { id: 8, number: 9 }]])
})
