-- The peers' tables: ours, column for column and index for index, with the same rows.
create schema peer;
create table peer.instances (like messaging.instances including all);
create table peer.contacts (like messaging.contacts including all);
create table peer.conversations (like messaging.conversations including all);
create table peer.messages (like messaging.messages including all);
create table peer.raw (like messaging.messages including all);
insert into peer.instances select * from messaging.instances;
insert into peer.contacts select * from messaging.contacts;
insert into peer.conversations select * from messaging.conversations;
insert into peer.messages select * from messaging.messages;
analyze;
