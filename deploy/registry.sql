-- Run once, by PostgreSQL's first start: the registry keeps its schemas beside the tables of dealbridge.
create database registry;
