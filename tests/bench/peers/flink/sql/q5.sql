CREATE TABLE results (
  auction BIGINT, window_start TIMESTAMP(3), window_end TIMESTAMP(3), num BIGINT,
  PRIMARY KEY (auction, window_start) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT auction, window_start, window_end, count(*) AS num
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end;
