-- For each auction: how many bids, the sum of their prices, and the highest.
-- The inner half of Nexmark's q5 and q7, over all time where those have windows.
INSERT INTO nexmark_bids
SELECT bid.auction, count(*) AS bids, sum(bid.price) AS total, max(bid.price) AS highest
FROM nexmark
WHERE event_type = 2
GROUP BY bid.auction;
