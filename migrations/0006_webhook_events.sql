-- The transactional outbox: written in the transaction of the change it tells of, delivered afterwards. Claim with
-- `for update skip locked`; a dedupe_key makes telling twice impossible.
create table webhook_events (
  id uuid primary key default gen_random_uuid(),
  event_type text not null,
  payload jsonb not null default '{}',
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  last_error text,
  next_attempt_at timestamptz not null default now(),
  delivered_at timestamptz,
  dedupe_key text unique,
  created_at timestamptz not null default now()
);
create index webhook_events_due on webhook_events (next_attempt_at) where status = 'pending';
create index webhook_events_delivered on webhook_events (delivered_at) where status = 'delivered';
