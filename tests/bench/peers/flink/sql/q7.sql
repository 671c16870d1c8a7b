CREATE TABLE results (
  window_start TIMESTAMP(3), window_end TIMESTAMP(3), maxprice BIGINT,
  PRIMARY KEY (window_start) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT window_start, window_end, max(price) AS maxprice
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
