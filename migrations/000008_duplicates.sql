-- The daily look for what was made twice in a target portal.
create table dispatch.duplicate_scan (
  target text primary key,
  due_at timestamptz not null default now(),
  kind text not null default 'deal' check (kind in ('deal', 'contact', 'company')),
  next_id bigint,
  last_id bigint,
  finished_at timestamptz
);
comment on table dispatch.duplicate_scan is 'how far the running scan of a target has come; next_id is null between scans';

create table dispatch.duplicate (
  target text not null,
  kind text not null check (kind in ('deal', 'contact', 'company')),
  origin text not null,
  ids text[] not null,
  seen_at timestamptz not null,
  primary key (target, kind, origin)
);
comment on table dispatch.duplicate is 'what stood more than once in a target when it was last looked at; nothing is ever deleted by dealbridge';
comment on column dispatch.duplicate.ids is 'ids in the target portal, oldest first';
