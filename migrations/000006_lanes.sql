-- The lane in which a deal waits, and indexes by which due work is picked without a look at what is not picked.
alter table dispatch.work add column lane smallint not null default 0 check (lane between 0 and 3);
comment on column dispatch.work.lane is '0 live, 1 retry, 2 repair, 3 backfill: from the best signal that waits, and retry at least after a failed try';
drop index dispatch.work_due;
create index work_pick on dispatch.work (target, lane, portal, due_at, deal_id) where status in ('waiting', 'deferred');
create index work_claims on dispatch.work (target, claim_epoch) where status = 'claimed';
create index work_attempt on dispatch.work (attempt_id) where attempt_id is not null;
