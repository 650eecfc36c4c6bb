-- What an operator's edit gives in place of the mapping; follows from deal-signals like the rest of the row.
alter table dispatch.work add column edit text, add column edit_of text;
comment on column dispatch.work.edit is 'fields of the target deal that an operator''s edit gives, as JSON by their names; null when none stands';
comment on column dispatch.work.edit_of is 'hash of the one source state that the edit is for; in any other the mapping alone counts';
