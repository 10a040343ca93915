-- Scraped listings. (source, source_key) is a listing's identity: scraping a page twice changes nothing.
create table listings (
  id uuid primary key default gen_random_uuid(),
  source text not null,
  source_key text not null,
  url text,
  title text not null,
  description text not null,
  price numeric(14, 2) not null check (price >= 0),
  bedrooms numeric(5, 2),
  bathrooms numeric(5, 2),
  sqft_living integer,
  sqft_lot integer,
  floors numeric(4, 1),
  waterfront boolean not null default false,
  view_rating smallint,
  condition_rating smallint,
  grade smallint,
  year_built smallint,
  year_renovated smallint,
  zipcode text,
  latitude double precision,
  longitude double precision,
  -- Changes with anything that is stored; the embedding is up to date while embedding_hash equals it.
  content_hash text not null,
  embedding vector({{embedding_dimensions}}),
  embedding_hash text,
  embedding_model text,
  search_text tsvector generated always as (
    setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', description), 'B')
  ) stored,
  scraped_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (source, source_key)
);

create index listings_price on listings (price);
create index listings_zipcode on listings (zipcode);
create index listings_title_trigram on listings using gin (title gin_trgm_ops);
create index listings_search_text on listings using gin (search_text);
-- The embedding queue: holds only what is still to be embedded.
create index listings_unembedded on listings (id) where embedding_hash is distinct from content_hash;
-- No HNSW index here. Below some 10,000 rows an exact scan is fast and never misses a neighbour, while building the
-- index takes seconds even for 2,000 small vectors; past that, `create index concurrently` is a step of its own.

create table market_data (
  zipcode text not null,
  period date not null,
  listings_count integer not null default 0,
  median_price numeric(14, 2),
  mean_price numeric(14, 2),
  min_price numeric(14, 2),
  max_price numeric(14, 2),
  median_price_per_sqft numeric(14, 2),
  computed_at timestamptz not null default now(),
  primary key (zipcode, period)
);
