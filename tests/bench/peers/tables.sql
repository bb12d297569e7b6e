-- The peers' tables: ours, column for column and index for index, with the same rows.
create schema peer;
do $$
declare
    name text;
    copied text;
begin
    foreach name in array array['instances', 'contacts', 'conversations', 'messages'] loop
        execute format('create table peer.%1$I (like messaging.%1$I including all)', name);
        select string_agg(quote_ident(attname), ', ') into copied from pg_attribute
        where attrelid = ('messaging.' || name)::regclass
            and attnum > 0 and not attisdropped and attgenerated = '';
        execute format('insert into peer.%1$I (%2$s) select %2$s from messaging.%1$I', name, copied);
    end loop;
end $$;
create table peer.raw (like messaging.messages including all);
analyze;
