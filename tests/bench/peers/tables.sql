-- The peers' tables: ours, column for column and index for index, with the same rows.
create schema peer;
do $$
declare
    place text;
    name text;
    copied text;
begin
    foreach place in array array[
        'messaging.instances', 'messaging.contacts', 'messaging.conversations', 'messaging.messages', 'sales.leads'
    ] loop
        name := split_part(place, '.', 2);
        execute format('create table peer.%I (like %s including all)', name, place);
        select string_agg(quote_ident(attname), ', ') into copied from pg_attribute
        where attrelid = place::regclass
            and attnum > 0 and not attisdropped and attgenerated = '';
        execute format('insert into peer.%1$I (%2$s) select %2$s from %3$s', name, copied, place);
    end loop;
end $$;
create table peer.raw (like messaging.messages including all);
analyze;
