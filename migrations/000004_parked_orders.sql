-- What operators order about parked deals; follows from deal-signals like the rest of the row.
alter table dispatch.work add column held boolean, add column skip_offset bigint;
comment on column dispatch.work.held is 'true from an operator''s hold to the next release or skip: nothing is transferred; null when no operator said anything';
comment on column dispatch.work.skip_offset is 'the offset of an operator''s skip while it is the last signal: it ends without an attempt';

create or replace view read.attention as
select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id, state,
  title, stage, reason,
  coalesce(nullif(detail, ''), case state
    when 'unknown' then 'A request was sent and its effect is not known yet.'
    when 'deferred' then 'The attempt failed and another one is planned.'
    else 'The deal could not be transferred.' end) as explanation,
  (case
    when state = 'unknown' then 'Nothing: the target portal is asked at next_try_at, and nothing is sent for this deal until then.'
    when state = 'deferred' then 'Nothing: it is tried again by itself at next_try_at. If it stays, look at the portal and its limits.'
    when reason = 'operator_hold' then 'Release it when it may go on: dealbridge parked release ' || portal || ':' || deal_id || ' --yes --config FILE.'
    else 'Correct the cause, then release it: dealbridge parked release ' || portal || ':' || deal_id || ' --yes --config FILE, or all deals with this reason: --reason '
      || coalesce(reason, '') || ' --yes --config FILE. The next change of the deal does the same by itself.'
  end) collate "default" as what_to_do,
  last_event_at as since, next_try_at, attempts
from read_v1.deal where state in ('parked', 'deferred', 'unknown');
