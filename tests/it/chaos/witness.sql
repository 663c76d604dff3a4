-- A witness in the database: writes down, in the transaction that does it, what happens to every job. Runs as its owner, so
-- that whoever is watched needs no rights here.
CREATE SCHEMA chaos;
CREATE TABLE chaos.log (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    job bigint NOT NULL,
    fence bigint,
    node integer,
    what text NOT NULL,
    detail text
);
CREATE SCHEMA app;
CREATE TABLE app.effects (job bigint NOT NULL, attempt integer NOT NULL, fence bigint NOT NULL);
CREATE TABLE app.inserted (number bigint NOT NULL);
GRANT USAGE ON SCHEMA app TO millrace_sql;
GRANT INSERT ON app.effects, app.inserted TO millrace_sql;

CREATE FUNCTION chaos.see_lease() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO chaos.log (job, fence, node, what) SELECT job, OLD.id, OLD.node_id, 'released' FROM unnest(OLD.job_ids) AS job
        WHERE TG_OP = 'DELETE' OR job <> ALL (NEW.job_ids);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO chaos.log (job, fence, node, what) SELECT job, NEW.id, NEW.node_id, 'claimed' FROM unnest(NEW.job_ids) AS job
        WHERE TG_OP = 'INSERT' OR job <> ALL (OLD.job_ids);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON millrace.leases FOR EACH ROW EXECUTE FUNCTION chaos.see_lease();

CREATE FUNCTION chaos.see_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
    INSERT INTO chaos.log (job, fence, node, what, detail) VALUES (NEW.job_id, NEW.fence, NEW.node_id, 'ended', NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON millrace.history FOR EACH ROW EXECUTE FUNCTION chaos.see_end();

CREATE FUNCTION chaos.see_trouble() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
    INSERT INTO chaos.log (job, fence, node, what, detail) VALUES (NEW.job_id, NEW.fence, NEW.node_id, 'trouble', NEW.outcome);
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON millrace.attempts FOR EACH ROW EXECUTE FUNCTION chaos.see_trouble();

CREATE FUNCTION chaos.see_words() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
    INSERT INTO chaos.log (job, fence, what) VALUES (NEW.job_id, NEW.fence, 'said');
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON millrace.log_chunks FOR EACH ROW WHEN (NOT NEW.packed) EXECUTE FUNCTION chaos.see_words();
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON millrace.live FOR EACH ROW EXECUTE FUNCTION chaos.see_words();
