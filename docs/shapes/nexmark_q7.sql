-- The inner half of Nexmark's q7: the highest price of each ten seconds.
INSERT INTO nexmark_q7
SELECT window_start, window_end, max(bid.price::numeric) AS maxprice
FROM tumble(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
            INTERVAL '10 seconds',
            grace => INTERVAL '4 seconds', emit => 'final', idle => 'never')
WHERE event_type = 2
GROUP BY window_start;
