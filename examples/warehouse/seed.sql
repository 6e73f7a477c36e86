-- A shop of ten related tables, made up: the same rows every time.
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
SET search_path TO shop;

CREATE TYPE order_status AS ENUM ('open', 'paid', 'sent', 'returned');

CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL, in_eu boolean NOT NULL);
INSERT INTO countries VALUES
  ('DK', 'Danmark', true), ('NO', 'Norge', false), ('SE', 'Sverige', true), ('DE', 'Deutschland', true),
  ('IS', 'Ísland', false), ('FI', 'Suomi', true), ('PL', 'Polska', true), ('NL', 'Nederland', true);

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  full_name text NOT NULL,
  email text,
  country char(2) NOT NULL REFERENCES countries,
  preferences jsonb NOT NULL DEFAULT '{}',
  signed_up timestamptz NOT NULL,
  loyalty uuid NOT NULL
);
INSERT INTO customers (full_name, email, country, preferences, signed_up, loyalty)
SELECT 'Kunde Nr. ' || n,
       CASE WHEN n % 13 = 0 THEN NULL ELSE 'kunde' || n || '@example.com' END,
       (ARRAY['DK', 'NO', 'SE', 'DE', 'IS', 'FI', 'PL', 'NL'])[1 + n % 8],
       jsonb_build_object('letter', n % 2 = 0, 'size', 30 + n % 12),
       timestamptz '2021-01-01 08:00+01' + n * interval '37 minutes',
       md5('loyal ' || n)::uuid
FROM generate_series(1, 4000) AS n;

CREATE TABLE addresses (
  customer_id bigint NOT NULL REFERENCES customers,
  kind text NOT NULL CHECK (kind IN ('home', 'work')),
  street text NOT NULL,
  postcode text NOT NULL,
  PRIMARY KEY (customer_id, kind)
);
INSERT INTO addresses
SELECT id, kind, 'Hyggevej ' || id % 200, lpad((id * 7 % 9999)::text, 4, '0')
FROM customers CROSS JOIN unnest(ARRAY['home', 'work']) AS kind WHERE kind = 'home' OR id % 3 = 0;

CREATE TABLE suppliers (id int PRIMARY KEY, name text NOT NULL, country char(2) REFERENCES countries);
INSERT INTO suppliers SELECT n, 'Uldspinderi ' || n, (ARRAY['DK', 'NO', 'IS'])[1 + n % 3]
FROM generate_series(1, 40) AS n;

CREATE TABLE categories (id int PRIMARY KEY, parent_id int REFERENCES categories, name text NOT NULL);
INSERT INTO categories VALUES
  (1, NULL, 'Uld'), (2, NULL, 'Lys'), (3, 1, 'Garn'), (4, 1, 'Plaider'), (5, 2, 'Stearinlys'), (6, 2, 'Lamper');

CREATE TABLE products (
  sku text PRIMARY KEY,
  category_id int NOT NULL REFERENCES categories,
  supplier_id int NOT NULL REFERENCES suppliers,
  title text NOT NULL,
  price numeric(10, 2) NOT NULL,
  weight_kg real,
  tags text[] NOT NULL
);
INSERT INTO products
SELECT 'P-' || lpad(n::text, 5, '0'), 3 + n % 4, 1 + n % 40, 'Vare ' || n || ' 🧶',
       (n * 37 % 100000) / 100.0, CASE WHEN n % 9 = 0 THEN NULL ELSE (n % 500) / 8.0 END,
       CASE WHEN n % 5 = 0 THEN ARRAY['ny', 'tilbud'] WHEN n % 2 = 0 THEN ARRAY['blød'] ELSE '{}' END
FROM generate_series(1, 1200) AS n;

CREATE TABLE stock (
  sku text NOT NULL REFERENCES products,
  place text NOT NULL,
  pieces int NOT NULL,
  counted_on date NOT NULL,
  PRIMARY KEY (sku, place)
);
INSERT INTO stock
SELECT sku, place, length(sku || place) * 3, date '2026-01-01'
FROM products CROSS JOIN unnest(ARRAY['Aarhus', 'Bergen', 'Malmö']) AS place;

CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  status order_status NOT NULL,
  ordered_at timestamptz NOT NULL,
  note text
);
INSERT INTO orders
SELECT n, 1 + n % 4000, (ARRAY['open', 'paid', 'sent', 'returned'])[1 + n % 4]::order_status,
       timestamptz '2024-01-01' + n * interval '11 minutes',
       CASE WHEN n % 6 = 0 THEN 'ring på; "bag huset"' WHEN n % 11 = 0 THEN '' END
FROM generate_series(1, 30000) AS n;

CREATE TABLE order_lines (
  order_id bigint NOT NULL REFERENCES orders,
  line int NOT NULL,
  sku text NOT NULL REFERENCES products,
  pieces smallint NOT NULL CHECK (pieces > 0),
  price numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, line)
);
INSERT INTO order_lines
SELECT o.id, line, p.sku, 1 + (o.id + line) % 5, p.price
FROM orders AS o CROSS JOIN generate_series(1, 3) AS line
JOIN products AS p ON p.sku = 'P-' || lpad((1 + (o.id * 13 + line * 101) % 1200)::text, 5, '0')
WHERE line <= 1 + o.id % 3;

CREATE TABLE payments (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES orders,
  amount numeric(12, 2) NOT NULL,
  paid_at timestamp NOT NULL,
  took interval NOT NULL
);
INSERT INTO payments
SELECT o.id, o.id, sum(l.pieces * l.price), (o.ordered_at AT TIME ZONE 'UTC') + interval '3 hours', interval '90 seconds'
FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id WHERE o.status <> 'open'
GROUP BY o.id, o.ordered_at;

ANALYZE;
