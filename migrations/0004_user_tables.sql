-- What belongs to users. Times of change are kept here, so that no client can forget them.
create function enhanced_integration_touch() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create table user_workflows (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  name text not null,
  state jsonb not null default '{}',
  status text not null default 'active',
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index user_workflows_user on user_workflows (user_id);

create table market_alerts (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  name text not null default 'Market alert',
  zipcode text,
  max_price numeric(14, 2),
  min_bedrooms numeric(5, 2),
  query text,
  criteria jsonb not null default '{}',
  active boolean not null default true,
  last_triggered_at timestamptz,
  trigger_count integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index market_alerts_user on market_alerts (user_id);
create index market_alerts_active on market_alerts (zipcode) where active;

-- One row per alert and listing: an alert tells of a listing once.
create table market_alert_matches (
  alert_id uuid not null references market_alerts (id) on delete cascade,
  listing_id uuid not null references listings (id) on delete cascade,
  user_id uuid not null,
  matched_at timestamptz not null default now(),
  told_at timestamptz, -- null: the user is still to be told
  primary key (alert_id, listing_id)
);
create index market_alert_matches_user on market_alert_matches (user_id, matched_at);
create index market_alert_matches_untold on market_alert_matches (matched_at) where told_at is null;
create index market_alert_matches_listing on market_alert_matches (listing_id);

create table scraping_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid, -- null: started by the system, and no user's to see
  source text not null default '',
  status text not null default 'running' check (status in ('pending', 'running', 'interrupted', 'completed', 'failed', 'cancelled')),
  pages_total integer,
  pages_done integer not null default 0,
  listings_found integer not null default 0,
  error text,
  cursor jsonb,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  updated_at timestamptz not null default now()
);
create index scraping_sessions_user on scraping_sessions (user_id);

create table scraped_pages (
  session_id uuid references scraping_sessions (id) on delete set null,
  source text not null,
  url text not null,
  page_hash text,
  status text not null default 'done',
  listings_count integer not null default 0,
  scraped_at timestamptz not null default now(),
  primary key (source, url)
);
create index scraped_pages_session on scraped_pages (session_id);

-- A file in storage and its row: pending until the upload is confirmed.
create table documents (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  bucket text not null default 'documents',
  path text not null,
  content_type text not null default 'application/octet-stream',
  size_bytes bigint,
  status text not null default 'pending' check (status in ('pending', 'stored', 'failed')),
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (bucket, path)
);
create index documents_user on documents (user_id);
create index documents_pending on documents (created_at) where status = 'pending';

do $$
declare
  touched text;
begin
  foreach touched in array array['user_workflows', 'market_alerts', 'scraping_sessions', 'documents'] loop
    execute format(
      'create trigger touch before update on %I for each row execute function enhanced_integration_touch()', touched);
  end loop;
end
$$;
