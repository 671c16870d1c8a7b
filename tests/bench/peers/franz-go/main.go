// The default job of kstream as a loop that somebody writes by hand: a consumer group, a map, a
// producer. It guarantees nothing: totals are in memory only, and offsets are committed after the
// totals were sent, so that a crash counts records twice.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type sale struct {
	Seller string      `json:"id_vendedor"`
	Amount json.Number `json:"valor"`
}

// In cents, exactly. Amounts of the generator have at most two digits after the point.
func cents(amount json.Number) int64 {
	var whole, fraction, digits int64
	negative, point := false, false
	for _, c := range amount {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			point = true
		case point:
			fraction = fraction*10 + int64(c-'0')
			digits++
		default:
			whole = whole*10 + int64(c-'0')
		}
	}
	for ; digits < 2; digits++ {
		fraction *= 10
	}
	value := whole*100 + fraction
	if negative {
		return -value
	}
	return value
}

type partial struct{ cents, count int64 }

func count(records []*kgo.Record) map[string]partial {
	found := make(map[string]partial)
	for _, record := range records {
		var one sale
		if err := json.Unmarshal(record.Value, &one); err != nil {
			log.Fatalf("partition %d offset %d: %v", record.Partition, record.Offset, err)
		}
		before := found[one.Seller]
		found[one.Seller] = partial{before.cents + cents(one.Amount), before.count + 1}
	}
	return found
}

func main() {
	brokers, source, results, group := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(source),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxBytes(64<<20),
		kgo.FetchMaxPartitionBytes(8<<20),
	)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	totals := make(map[string]partial)
	written := time.Now()
	changed := make(map[string]bool)
	for {
		// Not longer than the next write of totals is away.
		wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		fetches := client.PollFetches(wait)
		cancel()
		var mutex sync.Mutex
		var workers sync.WaitGroup
		fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
			workers.Add(1)
			go func() {
				defer workers.Done()
				found := count(partition.Records)
				mutex.Lock()
				defer mutex.Unlock()
				for seller, part := range found {
					before := totals[seller]
					totals[seller] = partial{before.cents + part.cents, before.count + part.count}
					changed[seller] = true
				}
			}()
		})
		workers.Wait()
		if time.Since(written) < time.Second || len(changed) == 0 {
			continue
		}
		for seller := range changed {
			now := totals[seller]
			value := fmt.Sprintf(
				`{"id_vendedor":%q,"valor_total_por_vendedor":%d.%02d,"numero_transacoes":%d}`,
				seller, now.cents/100, now.cents%100, now.count)
			client.Produce(ctx, &kgo.Record{Topic: results, Key: []byte(seller), Value: []byte(value)},
				func(_ *kgo.Record, err error) {
					if err != nil {
						log.Fatal(err)
					}
				})
		}
		if err := client.Flush(ctx); err != nil {
			log.Fatal(err)
		}
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			log.Fatal(err)
		}
		changed = make(map[string]bool)
		written = time.Now()
	}
}
