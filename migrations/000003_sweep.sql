-- The sweep's own state: how far each source portal was listed, and by whom.
create schema sweep;

create table sweep.portal (
  portal text primary key,
  cursor_at timestamptz,
  next_at timestamptz not null default now(),
  owner text,
  lease_until timestamptz not null default 'epoch',
  full_due_at timestamptz not null,
  full_after bigint
);
comment on table sweep.portal is 'one row per source portal that is swept; who holds the lease does the pass';
comment on column sweep.portal.cursor_at is 'begin of the last whole pass on the portal''s own clock; null before the first';
comment on column sweep.portal.full_after is 'id up to which the running full pass has asked; null while none runs';

create table sweep.signalled (
  portal text not null,
  deal_id text not null,
  log_offset bigint not null,
  primary key (portal, deal_id)
);
comment on table sweep.signalled is 'signals of the sweep that the dispatcher may not have ended yet, with their offset in deal-signals';
