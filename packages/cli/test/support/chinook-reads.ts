/** Requests of the Chinook test, each with the SQL whose rows it must answer. */
export const reads: readonly (readonly [path: string, sql: string])[] = [
  // Whole tables.
  ['album?order=album_id', 'select * from album order by album_id'],
  ['artist?order=artist_id', 'select * from artist order by artist_id'],
  ['customer?order=customer_id', 'select * from customer order by customer_id'],
  ['employee?order=employee_id', 'select * from employee order by employee_id'],
  ['genre?order=genre_id', 'select * from genre order by genre_id'],
  ['invoice?order=invoice_id', 'select * from invoice order by invoice_id'],
  ['invoice_line?order=invoice_line_id', 'select * from invoice_line order by invoice_line_id'],
  ['media_type?order=media_type_id', 'select * from media_type order by media_type_id'],
  ['playlist?order=playlist_id', 'select * from playlist order by playlist_id'],
  ['playlist_track?order=playlist_id,track_id', 'select * from playlist_track order by playlist_id, track_id'],
  ['track?order=track_id', 'select * from track order by track_id'],
  // Each operator, on each kind of column.
  ['album?album_id=eq.7', 'select * from album where album_id = 7'],
  ['artist?name=eq.AC/DC', `select * from artist where name = 'AC/DC'`],
  ['artist?name=eq.Mot%C3%B6rhead', `select * from artist where name = 'Motörhead'`],
  ['invoice?total=eq.0.99&order=invoice_id', 'select * from invoice where total = 0.99 order by invoice_id'],
  [
    'invoice?invoice_date=eq.2021-01-01&order=invoice_id',
    `select * from invoice where invoice_date = '2021-01-01' order by invoice_id`,
  ],
  ['customer?country=neq.USA&order=customer_id', `select * from customer where country <> 'USA' order by customer_id`],
  [
    'customer?company=neq.Google Inc.&order=customer_id',
    `select * from customer where company <> 'Google Inc.' order by customer_id`,
  ],
  ['invoice?total=gt.13.86&order=invoice_id', 'select * from invoice where total > 13.86 order by invoice_id'],
  ['invoice?total=gte.13.86&order=invoice_id', 'select * from invoice where total >= 13.86 order by invoice_id'],
  ['track?milliseconds=lt.10000&order=track_id', 'select * from track where milliseconds < 10000 order by track_id'],
  ['track?milliseconds=lte.6373&order=track_id', 'select * from track where milliseconds <= 6373 order by track_id'],
  [
    'invoice?invoice_date=gte.2025-06-01T00:00:00&order=invoice_id',
    `select * from invoice where invoice_date >= '2025-06-01' order by invoice_id`,
  ],
  ['genre?name=gt.R&order=name', `select * from genre where name > 'R' order by name`],
  ['genre?genre_id=in.(1,3,99)&order=genre_id', 'select * from genre where genre_id in (1, 3, 99) order by genre_id'],
  [
    'artist?name=in.("AC/DC","Black Label Society")&order=artist_id',
    `select * from artist where name in ('AC/DC', 'Black Label Society') order by artist_id`,
  ],
  [
    'artist?name=in.("Antônio Carlos Jobim","Guns N\' Roses")&order=artist_id',
    `select * from artist where name in ('Antônio Carlos Jobim', 'Guns N'' Roses') order by artist_id`,
  ],
  [
    'invoice?total=in.(0.99,25.86)&order=invoice_id',
    'select * from invoice where total in (0.99, 25.86) order by invoice_id',
  ],
  ['genre?genre_id=in.()', 'select * from genre where false'],
  ['track?name=like.*Rock*&order=track_id', `select * from track where name like '%Rock%' order by track_id`],
  ['track?name=like.Rock_*&order=track_id', `select * from track where name like 'Rock_%' order by track_id`],
  ['track?name=ilike.*LOVE*&order=track_id', `select * from track where name ilike '%love%' order by track_id`],
  ['track?name=like.*100%25*&order=track_id', `select * from track where name like '%100%%' order by track_id`],
  ['customer?company=is.null&order=customer_id', 'select * from customer where company is null order by customer_id'],
  [
    'customer?company=is.not_null&order=customer_id',
    'select * from customer where company is not null order by customer_id',
  ],
  ['employee?reports_to=is.null', 'select * from employee where reports_to is null'],
  ['track_flag?is_long=is.true&order=track_id', 'select * from track_flag where is_long is true order by track_id'],
  ['track_flag?is_angus=is.false&order=track_id', 'select * from track_flag where is_angus is false order by track_id'],
  [
    'track_flag?is_angus=is.unknown&order=track_id',
    'select * from track_flag where is_angus is unknown order by track_id',
  ],
  // Each of them negated.
  ['album?album_id=not.eq.7&order=album_id', 'select * from album where not album_id = 7 order by album_id'],
  ['genre?genre_id=not.in.(1,2)&order=genre_id', 'select * from genre where not genre_id in (1, 2) order by genre_id'],
  ['track?composer=not.like.*a*&order=track_id', `select * from track where not composer like '%a%' order by track_id`],
  [
    'track?composer=not.ilike.*a*&order=track_id',
    `select * from track where not composer ilike '%a%' order by track_id`,
  ],
  ['customer?fax=not.is.null&order=customer_id', 'select * from customer where fax is not null order by customer_id'],
  ['invoice?total=not.gt.0.99&order=invoice_id', 'select * from invoice where not total > 0.99 order by invoice_id'],
  // Together: several on one column, and, or, not, nested.
  [
    'track?milliseconds=gte.200000&milliseconds=lt.201000&order=track_id',
    'select * from track where milliseconds >= 200000 and milliseconds < 201000 order by track_id',
  ],
  [
    'customer?or=(country.eq.Brazil,city.eq.Paris)&order=customer_id',
    `select * from customer where country = 'Brazil' or city = 'Paris' order by customer_id`,
  ],
  [
    'customer?not.or=(country.eq.Brazil,country.eq.USA)&order=customer_id',
    `select * from customer where not (country = 'Brazil' or country = 'USA') order by customer_id`,
  ],
  [
    'track?and=(genre_id.eq.1,or(composer.is.null,milliseconds.gt.500000))&order=track_id',
    'select * from track where genre_id = 1 and (composer is null or milliseconds > 500000) order by track_id',
  ],
  [
    'track?or=(and(genre_id.eq.2,media_type_id.eq.2),not.and(unit_price.eq.0.99,album_id.lt.340))&order=track_id',
    'select * from track where (genre_id = 2 and media_type_id = 2) or not (unit_price = 0.99 and album_id < 340) order by track_id',
  ],
  [
    'customer?or=(first_name.in.(Luís,"Frank"),last_name.like.S*)&country=neq.Canada&order=customer_id',
    `select * from customer where (first_name in ('Luís', 'Frank') or last_name like 'S%') and country <> 'Canada' order by customer_id`,
  ],
  [
    'playlist_track?playlist_id=eq.17&track_id=eq.2095',
    'select * from playlist_track where playlist_id = 17 and track_id = 2095',
  ],
  // Order, with its nulls; pages.
  [
    'customer?order=company.asc.nullsfirst,customer_id.desc',
    'select * from customer order by company asc nulls first, customer_id desc',
  ],
  [
    'customer?order=company.desc.nullslast,customer_id',
    'select * from customer order by company desc nulls last, customer_id',
  ],
  ['customer?order=company.desc,customer_id', 'select * from customer order by company desc, customer_id'],
  ['customer?order=state.nullslast,customer_id', 'select * from customer order by state nulls last, customer_id'],
  [
    'invoice?order=total.desc,invoice_date.asc,invoice_id&limit=10',
    'select * from invoice order by total desc, invoice_date, invoice_id limit 10',
  ],
  ['track?order=track_id&limit=5&offset=3500', 'select * from track order by track_id limit 5 offset 3500'],
  ['track?order=track_id&limit=0', 'select * from track limit 0'],
  // Columns, aliases and casts.
  ['album?select=title,album_id&order=album_id', 'select title, album_id from album order by album_id'],
  [
    'album?select=id:album_id,name:title&order=album_id.desc&limit=4',
    'select album_id as id, title as name from album order by album_id desc limit 4',
  ],
  [
    'invoice?select=invoice_id::text,total::float8,day:invoice_date::date&order=invoice_id',
    'select invoice_id::text, total::float8, invoice_date::date as day from invoice order by invoice.invoice_id',
  ],
  [
    'track?select=price:unit_price::text,bytes::numeric&order=track_id&limit=50',
    'select unit_price::text as price, bytes::numeric from track order by track_id limit 50',
  ],
]
