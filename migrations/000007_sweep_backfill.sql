-- The full pass walks over all deals of a portal by id; the first one of a portal is its backfill.
alter table sweep.portal
  add column full_width integer not null default 50,
  add column full_began_at timestamptz,
  add column full_total bigint,
  add column full_listed bigint not null default 0,
  add column full_signalled bigint not null default 0,
  add column full_ended_at timestamptz;
comment on column sweep.portal.full_after is 'id up to which the running full pass has listed; null while none runs';
comment on column sweep.portal.full_width is 'how many ids one page of the full pass spans; follows the gaps between ids';
comment on column sweep.portal.full_total is 'deals that the pass will list: counted for the first one, later what the one before listed; null when untold';
comment on column sweep.portal.full_ended_at is 'end of the last whole full pass; null until the first';

alter table sweep.signalled add column backfill boolean not null default false;
comment on column sweep.signalled.backfill is 'the signal went into the lane of the backfill, where it may wait for long';

create table sweep.absent (
  portal text not null,
  deal_id text not null,
  primary key (portal, deal_id)
);
comment on table sweep.absent is 'deals that the running full pass did not find; judged together at its end';
