-- What the queries read of a record, and how far event time has come, as Nexmark has it. The
-- watermark is that of each partition, and the least of them counts.
CREATE TABLE ${source} (
  event_type INT,
  person ROW<`dateTime` TIMESTAMP_LTZ(3)>,
  auction ROW<`dateTime` TIMESTAMP_LTZ(3)>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING,
          `dateTime` TIMESTAMP_LTZ(3)>,
  event_time AS coalesce(bid.`dateTime`, auction.`dateTime`, person.`dateTime`),
  WATERMARK FOR event_time AS event_time - INTERVAL '${grace_s}' SECOND(3)
) WITH (${from source});

CREATE VIEW bids AS
SELECT bid.auction, bid.bidder, bid.price, bid.channel, event_time
FROM ${source}
WHERE event_type = 2;

