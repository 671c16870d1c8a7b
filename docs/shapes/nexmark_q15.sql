-- Nexmark's q15: what was bid on each day, by how many, and for how many auctions.
INSERT INTO nexmark_q15
SELECT window_start AS day, count(*) AS total_bids,
       count(*) FILTER (WHERE bid.price < 10000) AS rank1_bids,
       count(*) FILTER (WHERE bid.price >= 10000 AND bid.price < 1000000) AS rank2_bids,
       count(*) FILTER (WHERE bid.price >= 1000000) AS rank3_bids,
       count(DISTINCT bid.bidder) AS total_bidders,
       count(DISTINCT bid.bidder) FILTER (WHERE bid.price < 10000) AS rank1_bidders,
       count(DISTINCT bid.bidder) FILTER (WHERE bid.price >= 10000 AND bid.price < 1000000)
           AS rank2_bidders,
       count(DISTINCT bid.bidder) FILTER (WHERE bid.price >= 1000000) AS rank3_bidders,
       count(DISTINCT bid.auction) AS total_auctions,
       count(DISTINCT bid.auction) FILTER (WHERE bid.price < 10000) AS rank1_auctions,
       count(DISTINCT bid.auction) FILTER (WHERE bid.price >= 10000 AND bid.price < 1000000)
           AS rank2_auctions,
       count(DISTINCT bid.auction) FILTER (WHERE bid.price >= 1000000) AS rank3_auctions
FROM tumble(nexmark, coalesce(bid.dateTime, auction.dateTime, person.dateTime)::timestamptz,
            'day', 'UTC', grace => INTERVAL '4 seconds')
WHERE event_type = 2
GROUP BY window_start;
