-- Nexmark's q12: bids of each bidder in each ten seconds; of event time, where Nexmark takes the
-- clock of the machine, which no two runs agree about.
INSERT INTO nexmark_q12
SELECT bid.bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM tumble(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
            INTERVAL '10 seconds',
            grace => INTERVAL '4 seconds', emit => 'final', idle => 'never')
WHERE event_type = 2
GROUP BY bid.bidder, window_start;
