-- Supabase's roles and helpers, so that its users' claims mean the same here. What exists already (a Supabase project,
-- a Neon project with row-level security switched on) is left as it is.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin', wanted);
      -- Roles belong to the whole server: a migration of another database may be a moment faster.
      exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
          raise notice 'the role % is missing and cannot be created by %: asUser needs it', wanted, current_user;
      end;
    end if;
  end loop;

  begin
    alter role service_role bypassrls;
  exception when others then
    raise notice 'service_role does not bypass row-level security: %', sqlerrm;
  end;

  -- Becoming a user is what asUser does: the connecting role must be a member of the user roles.
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if exists (select from pg_roles where rolname = wanted) and not pg_has_role(current_user, wanted, 'member') then
      begin
        execute format('grant %I to %I', wanted, current_user);
      exception when others then
        raise notice '% cannot become %: %', current_user, wanted, sqlerrm;
      end;
    end if;
  end loop;
end
$$;

create schema if not exists auth;

do $$
begin
  if to_regprocedure('auth.jwt()') is null then
    create function auth.jwt() returns jsonb language sql stable as $f$
      select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb, '{}'::jsonb)
    $f$;
  end if;
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable as $f$
      select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
    $f$;
  end if;
  if to_regprocedure('auth.role()') is null then
    create function auth.role() returns text language sql stable as $f$
      select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role', '')
    $f$;
  end if;
end
$$;

do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('grant usage on schema auth to %I', wanted);
      exception when insufficient_privilege then
        raise notice 'usage of the schema auth cannot be granted to %: %', wanted, sqlerrm;
      end;
    end if;
  end loop;
end
$$;
