-- Required: vector (embeddings) and pg_trgm (typo-tolerant titles). Both exist on Neon and Supabase.
create extension if not exists vector;
create extension if not exists pg_trgm;

-- Welcome where the server has them and lets us; nothing below depends on them. gen_random_uuid() is built in.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['uuid-ossp', 'btree_gin', 'postgis', 'pg_cron'] loop
    if exists (select from pg_available_extensions where name = wanted and installed_version is null) then
      begin
        execute format('create extension %I', wanted);
      exception when others then
        raise notice 'the optional extension % was left out: %', wanted, sqlerrm;
      end;
    end if;
  end loop;
end
$$;
