-- As Nexmark states it: a day is a group here, whose row changes. A window of a day would have no
-- result before its end.
-- Its avg of whole numbers cuts off what follows the point; of decimals it has six digits.
CREATE TABLE results (
  auction BIGINT, `day` STRING, total_bids BIGINT, rank1_bids BIGINT, rank2_bids BIGINT,
  rank3_bids BIGINT, min_price BIGINT, max_price BIGINT, avg_price DECIMAL(38, 2),
  sum_price BIGINT,
  PRIMARY KEY (auction, `day`) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT auction, DATE_FORMAT(event_time, 'yyyy-MM-dd') AS `day`,
       count(*) AS total_bids,
       count(*) FILTER (WHERE price < 10000) AS rank1_bids,
       count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
       count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
       min(price) AS min_price, max(price) AS max_price,
       round(avg(CAST(price AS DECIMAL(18, 0))), 2) AS avg_price, sum(price) AS sum_price
FROM bids
GROUP BY auction, DATE_FORMAT(event_time, 'yyyy-MM-dd');
