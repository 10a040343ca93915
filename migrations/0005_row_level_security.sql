-- Each user sees and changes only rows of their own. Not FORCEd: the owner, who runs the background jobs across users,
-- is not bound by it; asUser becomes `authenticated`, which is. The policies name no role, so that they hold for every
-- role but the owner and those that bypass row-level security. `(select auth.uid())` is computed once per statement.
do $$
declare
  owned text;
begin
  foreach owned in array array['user_workflows', 'market_alerts', 'market_alert_matches', 'scraping_sessions', 'documents'] loop
    execute format('alter table %I enable row level security', owned);
    execute format(
      'create policy owner_only on %I for all using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()))',
      owned);
  end loop;
end
$$;

-- (bucket, path) is unique over all users: without a folder of one's own, one user could occupy another's path.
create policy own_folder on documents as restrictive for all using (true)
  with check (split_part(path, '/', 1) = (select auth.uid())::text);

do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    grant select on listings, market_data to authenticated;
    grant select, insert, update, delete on user_workflows, market_alerts, scraping_sessions, documents to authenticated;
    -- Matches are the system's to make: a user may read and dismiss them.
    grant select, delete on market_alert_matches to authenticated;
  end if;
  if exists (select from pg_roles where rolname = 'anon') then
    grant select on listings, market_data to anon;
  end if;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update, delete on listings, market_data, user_workflows, market_alerts, market_alert_matches,
      scraping_sessions, scraped_pages, documents to service_role;
  end if;
end
$$;
