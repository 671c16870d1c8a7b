-- Nexmark's q11: bids of each bidder in one visit, which ends when ten seconds pass without another.
INSERT INTO nexmark_q11
SELECT bid.bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM session(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
             INTERVAL '10 seconds',
             grace => INTERVAL '4 seconds', emit => 'final', idle => 'never')
WHERE event_type = 2
GROUP BY bid.bidder, window_start;
