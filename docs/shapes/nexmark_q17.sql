-- Nexmark's q17: bids of each auction and day by how much they offer, and their prices. Flink's avg
-- of whole numbers cuts off what follows the point; this one is exact, and rounded once.
INSERT INTO nexmark_q17
SELECT bid.auction, window_start AS day, count(*) AS total_bids,
       count(*) FILTER (WHERE bid.price < 10000) AS rank1_bids,
       count(*) FILTER (WHERE bid.price >= 10000 AND bid.price < 1000000) AS rank2_bids,
       count(*) FILTER (WHERE bid.price >= 1000000) AS rank3_bids,
       min(bid.price) AS min_price, max(bid.price) AS max_price,
       round(avg(bid.price), 2) AS avg_price, sum(bid.price) AS sum_price
FROM tumble(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
            'day', 'UTC', grace => INTERVAL '4 seconds')
WHERE event_type = 2
GROUP BY bid.auction, window_start;
