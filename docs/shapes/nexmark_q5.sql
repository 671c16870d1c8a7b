-- The inner half of Nexmark's q5: bids of each auction in the last ten seconds, every two seconds.
-- What is late is what comes more than four seconds behind the newest, as Nexmark's watermark has it.
INSERT INTO nexmark_q5
SELECT bid.auction, window_start, window_end, count(*) AS num
FROM hop(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
         INTERVAL '2 seconds', INTERVAL '10 seconds',
         grace => INTERVAL '4 seconds', emit => 'final', idle => 'never')
WHERE event_type = 2
GROUP BY bid.auction, window_start;
