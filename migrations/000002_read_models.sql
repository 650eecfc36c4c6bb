-- The read models: the fold of the log. Tables in read_v1, what people may rely on in read (contract 6).
create schema read_v1;
create schema read;

create table read_v1.checkpoint (
  projection text collate "C" not null,
  topic text collate "C" not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (projection, topic, partition)
);
comment on table read_v1.checkpoint is 'the first offset that is not in the rows yet; moves in the same transaction as the rows';

-- Two writers share a row: the reader of deal-signals owns signals_seen and signal_received_at, the reader of
-- deal-transfers all the rest. What depends on both is generated, so that no order between the two matters.
create table read_v1.deal (
  portal text collate "C" not null,
  deal_id text collate "C" not null,
  signals_seen bigint not null default 0,
  signal_received_at timestamptz,
  epoch bigint not null default -1,
  last_attempt_no bigint not null default -1,
  last_final_no bigint not null default -1,
  status text not null default 'none'
    check (status in ('none', 'landed', 'deleted', 'skipped', 'parked', 'deferred', 'unknown', 'superseded')),
  ended bigint not null default 0,
  covered_offset bigint not null default -1,
  applied bigint not null default 0,
  unchanged bigint not null default 0,
  superseded bigint not null default 0,
  skipped bigint not null default 0,
  parked bigint not null default 0,
  attempts bigint not null default 0,
  signalled_at timestamptz,
  last_event_at timestamptz,
  target_deal_id text,
  stage text,
  title text,
  opportunity numeric,
  currency text,
  reason text,
  detail text,
  next_try_at timestamptz,
  landed_at timestamptz,
  land_ms bigint,
  open bigint generated always as (greatest(signals_seen, ended) - ended) stored,
  last_signal_at timestamptz not null generated always as (greatest(signal_received_at, signalled_at)) stored,
  state text not null generated always as (
    case
      when status in ('unknown', 'deferred') then status
      when signals_seen > ended or status in ('superseded', 'none') then 'waiting'
      else status
    end) stored,
  primary key (portal, deal_id),
  constraint every_signal_has_one_end check (ended = applied + unchanged + superseded + skipped + parked)
);
create index deal_recent on read_v1.deal (last_signal_at desc, portal, deal_id);
create index deal_recent_of_portal on read_v1.deal (portal, last_signal_at desc, deal_id);
create index deal_attention on read_v1.deal (portal, deal_id) where state in ('parked', 'deferred', 'unknown');

create table read_v1.transfer (
  portal text collate "C" not null,
  deal_id text collate "C" not null,
  log_offset bigint not null,
  log_partition integer not null,
  occurred_at timestamptz not null,
  outcome text not null,
  action text,
  target text not null,
  target_deal_id text,
  attempt_no bigint not null,
  epoch bigint not null,
  covered_count bigint not null,
  signalled_at timestamptz not null,
  land_ms bigint,
  tries bigint,
  duration_ms bigint,
  mapping_version bigint,
  stage text,
  title text,
  reason text,
  detail text,
  correlation_id text not null,
  primary key (portal, deal_id, log_offset)
);
create index transfer_recent on read_v1.transfer (occurred_at desc, portal desc, deal_id desc, log_offset desc);
create index transfer_of_portal on read_v1.transfer (portal, occurred_at desc);

create table read_v1.deal_timeline (
  portal text collate "C" not null,
  deal_id text collate "C" not null,
  topic text collate "C" not null,
  log_offset bigint not null,
  at timestamptz not null,
  type text not null,
  text text not null,
  correlation_id text not null,
  primary key (portal, deal_id, topic, log_offset)
);
create index deal_timeline_signals on read_v1.deal_timeline (portal, at) where topic = 'deal-signals';

create table read_v1.gap (
  portal text collate "C" not null,
  deal_id text collate "C" not null,
  kind text not null check (kind in ('missing', 'extra', 'differing', 'stale')),
  target_deal_id text,
  found_at timestamptz not null,
  detail text not null default '',
  primary key (portal, deal_id, kind)
);

-- Ids are text in the log; people join and sort them as numbers. Anything that is no number shows as null.
create function read_v1.id_number (id text) returns bigint
  language sql immutable parallel safe
  return case when id ~ '^[0-9]{1,18}$' then id::bigint end;

-- People look a deal up by its number.
create index deal_number on read_v1.deal (read_v1.id_number(deal_id));
create index deal_target_number on read_v1.deal (read_v1.id_number(target_deal_id));

create view read.deal as
select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id,
  state, stage, title, last_signal_at, landed_at, round(land_ms / 1000.0, 3) as seconds_to_land, attempts, reason,
  detail, next_try_at, currency, opportunity, greatest(signals_seen, ended) as signals, open,
  applied, unchanged, superseded, skipped, parked
from read_v1.deal;
comment on view read.deal is 'one row per source deal: where it is now, when it last landed, how its signals ended';
comment on column read.deal.portal is 'name of the source portal';
comment on column read.deal.deal_id is 'id of the deal in the source portal';
comment on column read.deal.target_deal_id is 'id of its copy in the target portal; null before the first landing and after a deletion there';
comment on column read.deal.state is 'waiting, landed, deferred, parked, skipped, deleted or unknown';
comment on column read.deal.stage is 'stage of the source deal as last read';
comment on column read.deal.title is 'title of the source deal as last read';
comment on column read.deal.last_signal_at is 'when we last heard that the deal may have changed';
comment on column read.deal.landed_at is 'when the target last stood in the mapped state';
comment on column read.deal.seconds_to_land is 'seconds from the oldest signal that the last landing covered to that landing';
comment on column read.deal.attempts is 'outcomes since the previous end, the last end included';
comment on column read.deal.reason is 'code of what stands in the way, null when nothing does';
comment on column read.deal.detail is 'the same in plain words';
comment on column read.deal.next_try_at is 'when a deferred deal is tried again by itself, or an unknown one is looked up';
comment on column read.deal.currency is 'currency of the source deal as last read';
comment on column read.deal.opportunity is 'amount of the source deal as last read, in its currency';
comment on column read.deal.signals is 'signals of the deal; always open plus the five ends';
comment on column read.deal.open is 'signals that have no end yet';
comment on column read.deal.applied is 'signals whose state was written to the target';
comment on column read.deal.unchanged is 'signals that asked for nothing, since the target stood there already';
comment on column read.deal.superseded is 'signals whose state a later one took along';
comment on column read.deal.skipped is 'signals that the rules leave out';
comment on column read.deal.parked is 'signals that wait for a person or for the next signal';

create view read.transfer as
select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id,
  occurred_at, outcome, action, target, attempt_no, reason, detail, stage, title, signalled_at,
  round(land_ms / 1000.0, 3) as seconds_to_land, tries, duration_ms, covered_count, mapping_version, epoch,
  correlation_id, log_partition, log_offset
from read_v1.transfer;
comment on view read.transfer is 'one row per outcome of an attempt to transfer a deal';
comment on column read.transfer.portal is 'name of the source portal';
comment on column read.transfer.deal_id is 'id of the deal in the source portal';
comment on column read.transfer.target_deal_id is 'id of its copy in the target portal, where the outcome names it';
comment on column read.transfer.occurred_at is 'when the outcome was known';
comment on column read.transfer.outcome is 'succeeded, skipped, parked, deferred, unknown or superseded';
comment on column read.transfer.action is 'created, updated, unchanged or deleted, for a success';
comment on column read.transfer.target is 'name of the target portal';
comment on column read.transfer.attempt_no is 'number of the attempt on this deal; an unknown outcome shares it with its final one';
comment on column read.transfer.reason is 'code of the reason, null for a success';
comment on column read.transfer.detail is 'the reason in plain words, where the outcome has any';
comment on column read.transfer.stage is 'stage of the source deal as read by this attempt';
comment on column read.transfer.title is 'title of the source deal as read by this attempt';
comment on column read.transfer.signalled_at is 'when the oldest signal that the attempt covers was received';
comment on column read.transfer.seconds_to_land is 'seconds from signalled_at to the success, null for other outcomes';
comment on column read.transfer.tries is 'calls that the work has taken so far';
comment on column read.transfer.duration_ms is 'milliseconds from the begin of the read to the end of the write';
comment on column read.transfer.covered_count is 'number of signals of this deal that the attempt had seen';
comment on column read.transfer.mapping_version is 'version of the mapping in force';
comment on column read.transfer.epoch is 'epoch of the dispatcher that made the attempt';
comment on column read.transfer.correlation_id is 'the id that ties log lines, signal and outcome together';
comment on column read.transfer.log_partition is 'partition of deal-transfers where the outcome stands';
comment on column read.transfer.log_offset is 'offset there';

create view read.deal_timeline as
select portal, read_v1.id_number(deal_id) as deal_id, at, type, text, correlation_id, topic, log_offset
from read_v1.deal_timeline;
comment on view read.deal_timeline is 'what happened to a deal: its signals and outcomes; order by at, topic, log_offset';
comment on column read.deal_timeline.portal is 'name of the source portal';
comment on column read.deal_timeline.deal_id is 'id of the deal in the source portal';
comment on column read.deal_timeline.at is 'when the signal was received or the outcome known';
comment on column read.deal_timeline.type is 'name of the event in the log';
comment on column read.deal_timeline.text is 'the same as a sentence';
comment on column read.deal_timeline.correlation_id is 'the id that ties log lines, signal and outcome together';
comment on column read.deal_timeline.topic is 'topic of the log where the event stands';
comment on column read.deal_timeline.log_offset is 'offset there';

-- One pass over both tables and no join, so that a question about one portal reads that portal's rows alone.
create view read.portal_hour as
select portal, hour,
  count(*) filter (where what = 'signal') as signals, count(*) filter (where what = 'succeeded') as landed,
  count(*) filter (where what = 'skipped') as skipped, count(*) filter (where what = 'parked') as parked,
  count(*) filter (where what = 'deferred') as deferred, count(*) filter (where what = 'unknown') as unknown,
  percentile_cont(0.5) within group (order by seconds) as p50_seconds,
  percentile_cont(0.95) within group (order by seconds) as p95_seconds,
  percentile_cont(0.99) within group (order by seconds) as p99_seconds
from (
  select portal, date_trunc('hour', at, 'UTC') as hour, 'signal' as what, null::double precision as seconds
  from read_v1.deal_timeline where topic = 'deal-signals'
  union all
  select portal, date_trunc('hour', occurred_at, 'UTC'), outcome, land_ms / 1000.0::double precision
  from read_v1.transfer
) both_topics
group by portal, hour;
comment on view read.portal_hour is 'signals and outcomes per source portal and hour (UTC), with the time to land';
comment on column read.portal_hour.portal is 'name of the source portal';
comment on column read.portal_hour.hour is 'begin of the hour, UTC';
comment on column read.portal_hour.signals is 'signals received in that hour';
comment on column read.portal_hour.landed is 'successes in that hour, unchanged ones included';
comment on column read.portal_hour.skipped is 'outcomes that the rules leave out';
comment on column read.portal_hour.parked is 'outcomes that parked their deal';
comment on column read.portal_hour.deferred is 'failed attempts that are tried again by themselves';
comment on column read.portal_hour.unknown is 'attempts whose effect had to be looked up';
comment on column read.portal_hour.p50_seconds is 'half of the successes landed within so many seconds of their signal';
comment on column read.portal_hour.p95_seconds is '95 % of the successes landed within so many seconds of their signal';
comment on column read.portal_hour.p99_seconds is '99 % of the successes landed within so many seconds of their signal';

create view read.funnel as
select portal, coalesce(stage, '') as stage, coalesce(currency, '') as currency, count(*) as deals,
  coalesce(sum(opportunity), 0) as opportunity
from read_v1.deal where state <> 'deleted' group by 1, 2, 3;
comment on view read.funnel is 'deals and their sums per source portal, stage and currency; deleted deals are left out';
comment on column read.funnel.portal is 'name of the source portal';
comment on column read.funnel.stage is 'stage of the source deals as last read, empty when never read';
comment on column read.funnel.currency is 'currency of the sum, empty when never read';
comment on column read.funnel.deals is 'number of deals';
comment on column read.funnel.opportunity is 'sum of their amounts in that currency';

create view read.attention as
select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id, state,
  title, stage, reason,
  coalesce(nullif(detail, ''), case state
    when 'unknown' then 'A request was sent and its effect is not known yet.'
    when 'deferred' then 'The attempt failed and another one is planned.'
    else 'The deal could not be transferred.' end) as explanation,
  case state
    when 'unknown' then 'Nothing: the target portal is asked at next_try_at, and nothing is sent for this deal until then.'
    when 'deferred' then 'Nothing: it is tried again by itself at next_try_at. If it stays, look at the portal and its limits.'
    else 'Correct the cause, then ask for the transfer again (POST /v1/transfers). The next change of the deal does the same by itself.'
  end as what_to_do,
  last_event_at as since, next_try_at, attempts
from read_v1.deal where state in ('parked', 'deferred', 'unknown');
comment on view read.attention is 'deals that wait for a person, a later try or a look-up, with the reason and what to do';
comment on column read.attention.portal is 'name of the source portal';
comment on column read.attention.deal_id is 'id of the deal in the source portal';
comment on column read.attention.target_deal_id is 'id of its copy in the target portal, if there is one';
comment on column read.attention.state is 'parked, deferred or unknown';
comment on column read.attention.title is 'title of the source deal as last read';
comment on column read.attention.stage is 'stage of the source deal as last read';
comment on column read.attention.reason is 'code of the reason';
comment on column read.attention.explanation is 'the reason in plain words';
comment on column read.attention.what_to_do is 'what a person should do now';
comment on column read.attention.since is 'when the deal came into this state';
comment on column read.attention.next_try_at is 'when it is tried again or looked up by itself';
comment on column read.attention.attempts is 'outcomes since the previous end';

create view read.gap as
select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id, kind, found_at, detail
from read_v1.gap;
comment on view read.gap is 'differences between source and target that the sweep found; empty until it has looked';
comment on column read.gap.portal is 'name of the source portal';
comment on column read.gap.deal_id is 'id of the deal in the source portal';
comment on column read.gap.target_deal_id is 'id of the copy in the target portal, if there is one';
comment on column read.gap.kind is 'missing, extra, differing or stale';
comment on column read.gap.found_at is 'when the sweep found it';
comment on column read.gap.detail is 'what differs, in plain words';
