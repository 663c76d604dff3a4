-- The demo's own tables, which its sql jobs work on. They belong to the role that those jobs run as.
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION millrace_sql;
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    placed_at timestamptz NOT NULL DEFAULT now(),
    customer integer NOT NULL,
    marketplace text NOT NULL,
    total_cents integer NOT NULL,
    state text NOT NULL CHECK (state IN ('paid', 'posted', 'returned'))
);
CREATE INDEX orders_paid ON app.orders (id) WHERE state = 'paid';
CREATE TABLE app.ledger (
    order_id bigint PRIMARY KEY,
    posted_at timestamptz NOT NULL DEFAULT now(),
    cents integer NOT NULL
);
CREATE TABLE app.sales_daily (day date PRIMARY KEY, orders bigint NOT NULL, cents bigint NOT NULL);
CREATE TABLE app.stock (
    warehouse text NOT NULL,
    product integer NOT NULL,
    pieces integer NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (warehouse, product)
);
CREATE TABLE app.carts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer NOT NULL, touched_at timestamptz NOT NULL);
INSERT INTO app.orders (placed_at, customer, marketplace, total_cents, state)
SELECT now() - n * interval '20 minutes', 1 + n * 37 % 4000, (ARRAY['own-shop', 'bazaar', 'tradewinds'])[1 + n % 3], 500 + n * 7919 % 20000, 'posted'
FROM generate_series(1, 2000) AS n;
INSERT INTO app.stock (warehouse, product, pieces)
SELECT warehouse, product, product * 31 % 120 FROM unnest(ARRAY['genoa', 'lyon', 'rotterdam']) AS warehouse, generate_series(1, 300) AS product;
INSERT INTO app.carts (customer, touched_at) SELECT n * 13 % 4000, now() - n * interval '1 hour' FROM generate_series(1, 1500) AS n;
ALTER TABLE app.orders OWNER TO millrace_sql;
ALTER TABLE app.ledger OWNER TO millrace_sql;
ALTER TABLE app.sales_daily OWNER TO millrace_sql;
ALTER TABLE app.stock OWNER TO millrace_sql;
ALTER TABLE app.carts OWNER TO millrace_sql;
