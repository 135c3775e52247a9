import type { PageOf } from './answer.ts'
import type { OrderBy } from './order-types.ts'
import type { Scalar } from './scalar-text.ts'
import type { Typed } from './operation.ts'
import type { Known, Selected, Selection } from './selection-types.ts'
import type { Where } from './where.ts'

export interface FindOptions<Row, K extends keyof Row> extends RowRange<Row> {
  /** Columns of the result. Default: all. */
  readonly select?: readonly K[]
}

/** Columns and relations to read. */
interface NestedSelect<Row, Related, S> {
  readonly select: S & Known<S, Row, Related>
}

export interface NestedFindOptions<Row, Related, S> extends NestedSelect<Row, Related, S>, RowRange<Row> {}

interface RowRange<Row> {
  readonly order?: OrderBy<Row>
  /** Rows at most. Default: no limit. */
  readonly limit?: number
  readonly offset?: number
}

export interface PageOptions<Row, K extends keyof Row> extends PageRange<Row> {
  /** Columns of the result. Default: all. */
  readonly select?: readonly K[]
}

export interface NestedPageOptions<Row, Related, S> extends NestedSelect<Row, Related, S>, PageRange<Row> {}

interface PageRange<Row> {
  /** The primary key is added as the last criterion, so that the order is total. Default: the primary key. */
  readonly order?: OrderBy<Row>
  /** Rows of a page. */
  readonly size: number
  /** `next` of the page before. */
  readonly after?: string | undefined
}

export interface UpsertOptions<Row> {
  /** Columns of the unique constraint that decides what is the same row. Default: the primary key. */
  readonly on?: readonly (keyof Row & string)[]
  /** Columns overwritten in an old row. Default: all that are given, but those of `on`. */
  readonly overwrite?: readonly (keyof Row & string)[]
}

/**
 * A key: its value, or an object of the key's columns. Drizzle's types do not tell which columns are the key, so a
 * column called id is taken for it here; what the key really is, is checked when the operation is built.
 */
export type KeyOf<Row> = ('id' extends keyof Row ? Row['id'] : Extract<Row[keyof Row], Scalar>) | Partial<Row>

/**
 * Builds operations on one table; knows no connection. Each method returns plain data to give to `run`. The SQL below
 * is that of `table(posts)` with the columns id, author and createdAt (`created_at`), without the alias of its rows
 * that stands before each column.
 *
 * Every method throws InvalidOperation for a column that does not exist, a condition that is undefined, and a value
 * that would not arrive unchanged.
 */
export interface Table<Row, New = Partial<Row>, Key = KeyOf<Row>, Related = object> {
  /**
   * The row with this key; RowNotFound when there is none.
   *
   *     posts.get(7)   select "id", "author", "created_at" as "createdAt" from "posts" where "id" = $1
   */
  get(key: Key): Typed<Row>
  get<K extends keyof Row>(key: Key, options: { readonly select: readonly K[] }): Typed<Pick<Row, K>>
  get<const S extends Selection<Row, Related>>(
    key: Key,
    options: NestedSelect<Row, Related, S>,
  ): Typed<Selected<Row, Related, S>>

  /**
   * The first matching row, or undefined. Without `order` it is any of them.
   *
   *     posts.first({ author: 7 }, { order: [{ createdAt: 'desc' }] })
   *     … where "author" = $1 order by "created_at" desc limit 1
   */
  first<K extends keyof Row = keyof Row>(
    where: Where<Row, Related>,
    options?: Omit<FindOptions<Row, K>, 'limit'>,
  ): Typed<Pick<Row, K> | undefined>
  first<const S extends Selection<Row, Related>>(
    where: Where<Row, Related>,
    options: Omit<NestedFindOptions<Row, Related, S>, 'limit'>,
  ): Typed<Selected<Row, Related, S> | undefined>

  /**
   * All matching rows.
   *
   *     posts.find({ author: { in: [7, 8] } }, { select: ['id'], limit: 10 })
   *     select "id" from "posts" where "author" = any($1) limit $2
   */
  find<K extends keyof Row = keyof Row>(
    where?: Where<Row, Related>,
    options?: FindOptions<Row, K>,
  ): Typed<Pick<Row, K>[]>

  /**
   * All matching rows with rows of other tables nested in them, of a table made with Drizzle's relations: one row is an
   * object or null, many are a list. Each nested value is the JavaScript value it would be at the top.
   *
   *     posts.find({ author: 7 }, { select: { id: true, writer: { name: true } } })
   *     select "id", … as "writer" from "posts" left join lateral (select "name" from "users" where …) on true where …
   */
  find<const S extends Selection<Row, Related>>(
    where: Where<Row, Related>,
    options: NestedFindOptions<Row, Related, S>,
  ): Typed<Selected<Row, Related, S>[]>

  /**
   * One page, and the cursor of the next. Reads no row twice and skips none however deep the page and whatever is
   * inserted meanwhile, unlike offset. An `after` that is no cursor of this order is InvalidValue.
   *
   *     posts.page({}, { size: 20, order: [{ createdAt: 'desc' }], after })
   *     … where ("created_at" <= $1 and ("created_at" < $2 or ("created_at" = $3 and "id" > $4))) order by
   *       "created_at" desc, "id" limit $5
   */
  page<K extends keyof Row = keyof Row>(
    where: Where<Row, Related>,
    options: PageOptions<Row, K>,
  ): Typed<PageOf<Pick<Row, K>>>
  page<const S extends Selection<Row, Related>>(
    where: Where<Row, Related>,
    options: NestedPageOptions<Row, Related, S>,
  ): Typed<PageOf<Selected<Row, Related, S>>>

  /** Whether any row matches: `select from "posts" where … limit 1`. */
  exists(where?: Where<Row, Related>): Typed<boolean>

  /** How many rows match: `select count(*) from "posts" where …`. */
  count(where?: Where<Row, Related>): Typed<number>

  /**
   * Inserts a row and gives it back with its defaults.
   *
   *     posts.insert({ author: 7 })
   *     insert into "posts" ("author") select "author" from json_populate_recordset(null::"posts", $1::json)
   *       returning …
   */
  insert(row: New): Typed<Row>

  /** Inserts rows in one statement, all or none. A column that only some rows have gets its default in the others. */
  insertMany(rows: readonly New[]): Typed<Row[]>

  /**
   * Inserts the row, or overwrites the one with the same key.
   *
   *     users.upsert({ email, name }, { on: ['email'] })
   *     insert into … on conflict ("email") do update set "name" = excluded."name" returning …
   */
  upsert(row: New, options?: UpsertOptions<Row>): Typed<Row>

  /**
   * The row with the same key as it is, or the given one inserted. Safe among concurrent callers: one inserts, all get
   * the same row. Inside a transaction above read committed, the losers get SerializationFailure and are retried.
   *
   *     with "found" as (select … where "email" = …), "made" as (insert … on conflict ("email") do nothing returning
   *       …) select … union all …
   */
  getOrCreate(row: New, options?: Pick<UpsertOptions<Row>, 'on'>): Typed<Row>

  /**
   * Changes the row with this key and gives it back; RowNotFound when there is none.
   *
   *     posts.update(7, { author: 8 })
   *     update "posts" set ("author") = (select "author" from json_populate_record(null::"posts", $1::json)) where
   *       "id" = $2 returning …
   */
  update(key: Key, changes: Partial<New>): Typed<Row>

  /** Changes the matching rows; the number of them. An empty condition is InvalidOperation: see `updateAll`. */
  updateWhere(where: Where<Row>, changes: Partial<New>): Typed<number>

  /** Changes every row of the table; the number of them. */
  updateAll(changes: Partial<New>): Typed<number>

  /** Deletes the row with this key and gives it back as it was; RowNotFound when there is none. */
  delete(key: Key): Typed<Row>

  /** Deletes the matching rows; the number of them. An empty condition is InvalidOperation: see `deleteAll`. */
  deleteWhere(where: Where<Row>): Typed<number>

  /** Deletes every row of the table; the number of them. */
  deleteAll(): Typed<number>
}
