-- Nexmark's q17 without the day: bids of each auction by how much they offer, and their prices.
-- Flink's avg of whole numbers cuts off what follows the point; this one is exact, and rounded once.
INSERT INTO nexmark_auction_statistics
SELECT bid.auction, count(*) AS total_bids,
       count(*) FILTER (WHERE bid.price < 10000) AS rank1_bids,
       count(*) FILTER (WHERE bid.price >= 10000 AND bid.price < 1000000) AS rank2_bids,
       count(*) FILTER (WHERE bid.price >= 1000000) AS rank3_bids,
       min(bid.price) AS min_price, max(bid.price) AS max_price,
       round(avg(bid.price), 2) AS avg_price, sum(bid.price) AS sum_price
FROM nexmark
WHERE event_type = 2
GROUP BY bid.auction;
