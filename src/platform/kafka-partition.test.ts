import assert from 'node:assert/strict'
import test from 'node:test'
import kafkajs from 'kafkajs'
import { partitionOf } from './kafka-partition.ts'
import { KAFKAJS_VERSION, patchKafkajs } from './kafka-patch.ts'

test('a key goes to the partition that the default partitioner of Java and kafkajs chooses', () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({ partitionId, partitionErrorCode: 0, leader: 1, replicas: [], isr: [] }))
  const keys = ['', 'a', 'ab', 'abc', 'west:1', 'ост:42', ...Array.from({ length: 2000 }, (_, i) => `portal-${i % 7}:${i * 7919}`)]
  for (const key of keys) {
    assert.equal(partitionOf(key), choose({ topic: 't', partitionMetadata, message: { key, value: '' } }), key)
  }
})

test('the installed kafkajs is the version whose inside was read', () => {
  assert.equal(KAFKAJS_VERSION, '2.2.4')
  patchKafkajs()
  patchKafkajs()
})
