CREATE TABLE results (
  bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3),
  PRIMARY KEY (bidder, starttime) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM TABLE(SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
