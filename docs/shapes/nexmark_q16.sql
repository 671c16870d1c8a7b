-- Nexmark's q16: the same as q15 for each channel, and the minute of the last bid.
INSERT INTO nexmark_q16
SELECT bid.channel, window_start AS day,
       max(substring(bid.dateTime, 12, 5)) AS minute, count(*) AS total_bids,
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
GROUP BY bid.channel, window_start;
