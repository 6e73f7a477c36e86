"""Everything PostgreSQL has, to Parquet and back, and straight to a table: the same by SQL."""

from __future__ import annotations

from pathlib import Path

from projects import hygge, write_project
from servers import Postgres

TORTURE = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'Ünïcode ''quoted''');
CREATE DOMAIN cents AS numeric(12,2);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE torture (
  id int PRIMARY KEY, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
  n numeric, n2 numeric(12,2), n50 numeric(50,20), n99 numeric(99,3), m money, c cents,
  b boolean, t text, v varchar(10), ch char(5), nm name, by bytea,
  d date, ti time, tz timetz, ts timestamp, tstz timestamptz, iv interval,
  u uuid, j json, jb jsonb, ip inet, net cidr, mac macaddr,
  bits bit(3), bv varbit, p point, bx box, r int4range, rt tstzrange, tv tsvector,
  e mood, row_ pair, ai int[], at text[], an numeric[], ab bool[], ad date[], o oid
);
INSERT INTO torture (id) VALUES (0);
INSERT INTO torture VALUES
 (1, -32768, -2147483648, -9223372036854775808, '-0', 0.1::float8 + 0.2::float8,
  '-12345678901234567890123456789.000000000000000001', -9999999999.99,
  '-123456789012345678901234567890.12345678901234567891', repeat('9', 96)::numeric,
  '-92233720368547758.08', 0.01, true, '', '', '', '', '',
  '0044-03-15 BC', '00:00:00', '23:59:59.999999-15:59', '4713-01-01 00:00:00 BC',
  '0001-01-01 00:00:00+00', '-178000000 years', '00000000-0000-0000-0000-000000000000', '{}',
  'null', '0.0.0.0/0', '::/0', '00:00:00:00:00:00', '000', '', '(-0,1e300)', '((1,1),(0,0))',
  'empty', '(,)', '', 'sad', '(,)', '{}', '{}', '{}', '{}', '{}', 0),
 (2, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN', 'NaN', 9999999999.99,
  0.00000000000000000001, 0.001, '92233720368547758.07', 9999999999.99, false,
  E'tab\\t nl\\n cr\\r bs\\\\ quote" '' 🧶 \\u0001', 'åäö🧶', 'ab', 'Mixed "Name"', '\\x00ff5c',
  '5874897-12-31', '23:59:59.999999', '00:00:00+15:59', '294246-12-31 23:59:59.999999',
  '9999-12-31 23:59:59.999999+00', '1 mon -1 day 00:00:00.000001',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', '{"b" : 1,  "a": [1.50, null, "\\u00e9"]}',
  '{"b": 1, "a": [1.50, null]}', '255.255.255.255', '10.0.0.0/8',
  'ff:ff:ff:ff:ff:ff', '101', '1011', '(1.1,2.2)', '((3,4),(1,2))', '[1,10)',
  '["2020-01-01 00:00:00+00","2021-01-01 00:00:00+00")', '''a'':1 ''b'':2A',
  'Ünïcode ''quoted''', '(1,"x,""y")', '{1,NULL,-2147483648}', '{"a,b",NULL,"","NULL","q\\"q"}',
  '{1.50,NULL,NaN}', '{t,f,NULL}', '{2020-02-29,infinity}', 4294967295),
 (3, 0, 0, 9007199254740993, '3.4028235e38', '1.7976931348623157e308', 'Infinity', 0, 0, 0, 0, 0,
  NULL, 'NULL', 'null', ' x', 'x', '\\x', '1970-01-01', '12:30', '12:30+02', 'epoch', 'epoch', '0',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,2]', '"text"',
  '::1', '::1/128', '08:00:2b:01:02:03', '010', '0', '(0,0)', '((0,0),(0,0))', '[1,1]', 'empty',
  'plain', 'ok', '(2,NULL)', '{0}', '{x}', '{0.000}', '{f}', '{0044-03-15 BC}', 42);
"""
SAME = """
SELECT id FROM torture t FULL JOIN {other} o USING (id)
WHERE (t.*)::text IS DISTINCT FROM (o.*)::text
"""
TYPES = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum
"""
WIDENED = {
    "m": "numeric(21,2)",
    "o": "bigint",
    "v": "text",
    "ch": "text",
    "nm": "text",
    "c": "numeric(12,2)",
}
"""What comes back as another type that holds the same values."""


def project(tmp_path: Path, server: Postgres) -> Path:
    url = f"type: postgres\nurl: {server.url}\nschema: {server.schema}\n"
    return write_project(
        tmp_path / "project",
        {
            "homes/db.yml": url,
            "homes/lake.yml": "type: parquet\npath: data/lake\n",
            "stores/db.yml": url,
            "stores/lake.yml": "type: parquet\npath: data/lake\n",
            "flows/out.yml": "home: db\nstore: lake\nentity: torture\n",
            "flows/back.yml": "home: lake\nstore: db\nentity: torture\ninto: back\nafter: [out]\n",
            "flows/straight.yml": "home: db\nstore: db\nentity: torture\ninto: straight\n",
        },
    )


def test_every_type_comes_back_the_same_by_way_of_files_and_straight(
    tmp_path: Path, postgres: Postgres
) -> None:
    with postgres.connect() as connection:
        connection.execute(TORTURE.encode())
    # Infinite times are refused by name: see test_postgres_reading.
    result = hygge(project(tmp_path, postgres), "go")
    assert result.returncode == 0, result.stdout + result.stderr
    postgres.run("ALTER TABLE torture ALTER m TYPE numeric(21,2), ALTER o TYPE bigint")
    original = postgres.run(TYPES.format(table="torture"))
    for copy in ("back", "straight"):
        assert postgres.run(SAME.format(other=copy)) == []
        kinds = [(name, kind) for name, kind, _ in postgres.run(TYPES.format(table=copy))]
        assert kinds == [(name, WIDENED.get(name, kind)) for name, kind, _ in original]


def test_a_text_of_a_hundred_megabytes_comes_back(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE torture AS SELECT 1 AS id, repeat('hygge 🧶 0123456789', 4500000) AS t"
    )
    assert postgres.run("SELECT octet_length(t) > 90000000 FROM torture") == [(True,)]
    result = hygge(project(tmp_path, postgres), "go", "out", "back")
    assert result.returncode == 0, result.stdout + result.stderr
    assert postgres.run("SELECT count(*) FROM torture JOIN back USING (id, t)") == [(1,)]
