-- Rows of our own for chinook.test.ts. Tables and columns have the names of the Chinook sample database, so that the
-- same requests run on both; the rows are made up.
create table artist (artist_id serial primary key, name varchar(120));
create table album (
  album_id serial primary key, title varchar(160) not null, artist_id int not null references artist
);
create table employee (
  employee_id serial primary key, last_name varchar(20) not null, first_name varchar(20) not null,
  title varchar(30), reports_to int references employee, hire_date timestamp, city varchar(40)
);
create table customer (
  customer_id serial primary key, first_name varchar(40) not null, last_name varchar(20) not null,
  company varchar(80), city varchar(40), state varchar(40), country varchar(40), phone varchar(24), fax varchar(24),
  email varchar(60) not null, support_rep_id int references employee
);
create table genre (genre_id serial primary key, name varchar(120));
create table media_type (media_type_id serial primary key, name varchar(120));
create table track (
  track_id serial primary key, name varchar(200) not null, album_id int references album,
  media_type_id int not null references media_type, genre_id int references genre, composer varchar(220),
  milliseconds int not null, bytes int, unit_price numeric(10,2) not null
);
create table invoice (
  invoice_id serial primary key, customer_id int not null references customer, invoice_date timestamp not null,
  billing_city varchar(40), billing_country varchar(40), total numeric(10,2) not null
);
create table invoice_line (
  invoice_line_id serial primary key, invoice_id int not null references invoice, track_id int not null references track,
  unit_price numeric(10,2) not null, quantity int not null
);
create table playlist (playlist_id serial primary key, name varchar(120));
create table playlist_track (
  playlist_id int references playlist, track_id int references track, primary key (playlist_id, track_id)
);

insert into artist (name) values
  ('AC/DC'), ('Black Label Society'), ('Antônio Carlos Jobim'), ('Guns N'' Roses'), ('Motörhead'), (null);
insert into artist (name) select 'Artist ' || n from generate_series(7, 40) as n;
insert into album (title, artist_id) select 'Album "' || n || '", side ' || n % 2, 1 + n * 7 % 40
  from generate_series(0, 359) as n;
insert into genre (name) select (array['Rock', 'Tango', 'R&B', 'Ska', 'Blues'])[1 + n % 5] || ' ' || n
  from generate_series(1, 25) as n;
insert into media_type (name) values ('vinyl'), ('tape'), ('CD'), ('MP3'), (null);
insert into track (name, album_id, media_type_id, genre_id, composer, milliseconds, bytes, unit_price)
  select (array['Rock\n' || n, 'Rock_' || n, 'Love me, ' || n, '100% "quoted" ' || n, 'O''Ü ' || n])[1 + n % 5],
    case when n % 13 > 0 then 1 + n % 360 end, 1 + n % 5, 1 + n % 25,
    case n % 4 when 0 then 'Angus and Malcolm' when 1 then 'Bjørn' when 2 then '' end,
    6373 + n * 7919 % 600000, case when n % 11 > 0 then n * 104729 % 10000000 end,
    case when n % 10 = 0 then 1.99 else 0.99 end
  from generate_series(0, 3599) as n;
insert into employee (last_name, first_name, title, reports_to, hire_date, city) values
  ('Ås', 'Ada', 'manager', null, '2002-08-14 09:30:00.25', 'Bergen'), ('Berg', 'Bo', null, 1, '2003-05-01', null),
  ('Cruz', 'Cid', 'clerk', 2, null, 'Paris');
insert into customer (first_name, last_name, company, city, state, country, phone, fax, email, support_rep_id)
  select (array['Luís', 'Frank', 'Ida'])[1 + n % 3], (array['Silva', 'Holt', 'Schmidt', 'O''Neil'])[1 + n % 4] || n,
    case n % 3 when 0 then 'Google Inc.' when 1 then 'Firm, ' || n end,
    (array['Paris', 'Oslo', 'Recife'])[1 + n % 3], case when n % 2 = 0 then 'ST' || n % 7 end,
    (array['Brazil', 'USA', 'Norway', 'Canada', 'France'])[1 + n % 5], '+47 ' || n,
    case when n % 4 = 0 then '+47 0' || n end, n || '@example.com', 1 + n % 3
  from generate_series(1, 59) as n;
insert into invoice (customer_id, invoice_date, billing_city, billing_country, total)
  select 1 + n % 59, timestamp '2021-01-01' + n * interval '4 days', 'Oslo', case when n % 3 > 0 then 'Norway' end,
    (array[0.99, 1.98, 3.96, 13.86, 25.86])[1 + n % 5]
  from generate_series(0, 411) as n;
insert into invoice_line (invoice_id, track_id, unit_price, quantity) select 1 + n % 412, n, 0.99, 1 + n % 3
  from generate_series(1, 2240) as n;
insert into playlist (name) select 'Playlist ' || n from generate_series(1, 18) as n;
insert into playlist_track select 1, n from generate_series(1, 100) as n;
insert into playlist_track select 17, n from generate_series(2090, 2100) as n;
