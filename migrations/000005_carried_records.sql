-- Contacts and companies that deals need: one row per record and target. It may be emptied at any time: a record without a link
-- is looked up by its ORIGIN pair before anything is made.
create table dispatch.record (
  target text not null,
  portal text not null,
  kind text not null check (kind in ('contact', 'company')),
  source_id text not null,
  status text not null check (status in ('idle', 'claimed', 'intended', 'unknown')),
  claim_epoch bigint,
  attempt_id text,
  intent_kind text,
  intent_epoch bigint,
  intent_state text,
  attempted_modified bigint,
  attempted_hash text,
  written_hash text,
  link text,
  adopted boolean not null default false,
  suspect boolean not null default false,
  primary key (target, portal, kind, source_id)
);
create index record_intents on dispatch.record (target) where status in ('intended', 'unknown');
comment on table dispatch.record is 'contacts and companies that deals need, with who writes them now; shared by all deals of a portal';
comment on column dispatch.record.link is 'id of the record in the target portal';
comment on column dispatch.record.adopted is 'the record was there already and was recognised; its fields are never written';
comment on column dispatch.record.written_hash is 'hash of the mapped fields that surely stand in the target; null when nothing is sure';
