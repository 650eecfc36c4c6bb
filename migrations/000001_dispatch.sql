-- The dispatcher's own state. Everything here can be rebuilt from the log.
create schema dispatch;

create table dispatch.lease (
  target text primary key,
  epoch bigint not null,
  owner text not null,
  expires_at timestamptz not null
);
comment on table dispatch.lease is 'who may write to a target portal; the epoch rises with every take-over';

create table dispatch.checkpoint (
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (topic, partition)
);
comment on table dispatch.checkpoint is 'deal-signals: what the inbox has taken; deal-transfers: all before this is settled';

create table dispatch.work (
  portal text not null,
  deal_id text not null,
  target text not null,
  status text not null check (status in ('idle', 'waiting', 'claimed', 'intended', 'deferred', 'parked', 'unknown')),
  last_offset bigint not null default -1,
  signal_count integer not null default 0,
  covered_offset bigint not null default -1,
  covered_count integer not null default 0,
  dirty boolean not null default false,
  dirty_since timestamptz,
  correlation_id text not null default '',
  causation_id text,
  due_at timestamptz not null default 'epoch',
  tries integer not null default 0,
  attempt_no integer not null default 0,
  claim_epoch bigint,
  claim_offset bigint,
  claim_count integer,
  claim_since timestamptz,
  attempt_id text,
  intent_kind text,
  intent_epoch bigint,
  intent_fields text,
  intent_state text,
  attempted_modified bigint,
  attempted_hash text,
  ended_modified bigint,
  ended_hash text,
  written_hash text,
  link text,
  suspect boolean not null default false,
  reason text,
  primary key (portal, deal_id)
);
create index work_due on dispatch.work (target, due_at) where status in ('waiting', 'deferred', 'claimed');
create index work_intents on dispatch.work (target) where status in ('intended', 'unknown');
